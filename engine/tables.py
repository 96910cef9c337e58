"""Tables from files: one reader for every file of rows a person hands in, with errors that name file,
column and row.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from engine.errors import InputError, nearest
from engine.values import ID_LENGTH, is_id

ID_RULE = f"must be 1-{ID_LENGTH} characters without control characters"


def _csv(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, infer_schema_length=None, null_values=["", "NA", "NULL", "null"])


def _lines(path: Path) -> pl.DataFrame:
    return pl.read_ndjson(path, infer_schema_length=None)


_READERS: dict[str, Callable[[Path], pl.DataFrame]] = {
    ".parquet": pl.read_parquet,
    ".csv": _csv,
    ".jsonl": _lines,
}


def read_table(path: str | Path) -> pl.DataFrame:
    """The rows of a CSV, Parquet or JSON-lines file; CSV and JSON lines may be gzipped.

    Raises:
        InputError: there is no such file, it has another form, it cannot be read, or it holds no row.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; check the path.")
    suffix = next((s for s in reversed(path.suffixes) if s != ".gz"), "")
    if suffix not in _READERS:
        raise InputError(
            f"{path}: '{suffix}' is no form that is read; give .csv, .csv.gz, .parquet or .jsonl."
        )
    with as_said(path):
        frame = _READERS[suffix](path)
    if frame.height == 0:
        raise InputError(f"{path}: holds no rows; give a file with at least one.")
    return frame


@contextmanager
def as_said(path: Path) -> Iterator[None]:
    """What goes wrong while a file is read, as an `InputError` that names it."""
    try:
        yield
    except InputError:
        raise
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        suffix = next((s for s in reversed(path.suffixes) if s != ".gz"), "")
        raise InputError(
            f"{path}: cannot be read as {suffix[1:]}: {reason}; repair or export the file again."
        ) from None


def require(frame: pl.DataFrame, columns: Iterable[str], source: str | Path, remedy: str = "") -> None:
    """Raise `InputError` for the first column that is not there, with the nearest one that is."""
    for name in columns:
        if name not in frame.columns:
            raise InputError(f"{source}: there is no column '{name}'.{nearest(name, frame.columns)}{remedy}")


def require_ids(frame: pl.DataFrame, customer: str, source: str | Path) -> None:
    """Raise `InputError` if the column of the customers' ids is not there."""
    require(frame, [customer], source, " Name the column of the customers' ids with --customer.")


def unsound(ids: pl.Series) -> pl.Series:
    """(n,) True where a text may not be an id (`engine.values.check_id`); missing ones are left alone."""
    plain = ids.str.contains(f"^[ -~]{{1,{ID_LENGTH}}}$").fill_null(True)
    if plain.all():
        return ~plain
    return pl.Series([one is not None and not is_id(one) for one in ids], dtype=pl.Boolean)


def write_whole(path: str | Path, body: bytes) -> None:
    """Write a file entirely or not at all: a temporary file beside it, synced, then renamed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
