"""Decisions on their way out: written part by part, and there as one file at the end or not at all."""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

import polars as pl

from engine.errors import InputError

_ROWS, _BYTES = 262_144, 32_000_000  # of a group of a Parquet file, at most
Take = Callable[[pl.DataFrame], None]
_LOCK = "lock"


@contextmanager
def outbox(path: str | Path) -> Iterator[Take]:
    """What takes tables; they stand at `path` as Parquet, or by the name's ending CSV, when the block ends.

    Raises:
        InputError: the file cannot be written.
    """
    path, parts, sizes = check_out(path), list[Path](), list[tuple[float, float]]()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _desk(path) as folder:

            def take(table: pl.DataFrame) -> None:
                parts.append(folder / f"{len(parts)}.arrow")
                table.write_ipc(parts[-1])
                sizes.append((table.height, table.estimated_size()))

            yield take
            if parts:
                _join(parts, folder / path.name, path, _group(sizes))
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); name another file.") from error


@contextmanager
def _desk(path: Path) -> Iterator[Path]:
    """A hidden folder beside a path, gone at the end; and those are gone that killed processes left there.

    As long as its process lives a lock is held on a file in it.
    """
    for left in path.parent.glob(f".{glob.escape(path.name)}.*/{_LOCK}"):
        with suppress(OSError), left.open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left.parent)
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        unlocked = Path(folder) / "unlocked"
        with unlocked.open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            unlocked.rename(unlocked.with_name(_LOCK))  # nobody sees it before it is locked
            yield Path(folder)


def _group(sizes: list[tuple[float, float]]) -> int:
    """How many rows are written together: several such groups are in memory at once."""
    rows, size = (sum(each) for each in zip(*sizes, strict=True))
    return min(_ROWS, max(1, int(_BYTES * rows / max(size, 1))))


def _join(parts: list[Path], whole: Path, path: Path, group: int) -> None:
    rows = pl.scan_ipc(parts)
    if path.suffix == ".parquet":
        rows.sink_parquet(  # a higher level is slower, and no smaller
            whole, compression="zstd", compression_level=1, row_group_size=group
        )
    else:
        rows.sink_csv(whole)
    with whole.open("rb") as file:
        os.fsync(file.fileno())
    whole.replace(path)


def check_out(path: str | Path) -> Path:
    """The path, if decisions can be written there; asked before a batch is decided.

    Raises:
        InputError: the name's ending is no form that is written, or the place cannot be written to.
    """
    path = Path(path)
    if path.suffix not in (".parquet", ".csv"):
        raise InputError(f"{path}: decisions are written as .parquet or .csv; name the file so.")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file.")
    folder = next(one for one in path.absolute().parents if one.exists())
    try:
        with TemporaryFile(dir=folder):
            return path
    except OSError as error:
        raise InputError(
            f"{path}: nothing can be written in {folder} ({error.strerror}); name another file."
        ) from error
