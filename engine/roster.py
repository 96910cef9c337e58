"""The customers of a file, looked at piece by piece: how many there are does not matter for memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
import polars as pl

from engine.domain import Program
from engine.errors import InputError
from engine.footer import group_rows
from engine.profiles import as_typed, customer_table, unknown_columns
from engine.tables import as_said, read_table

PIECE = 131_072  # rows looked at together
Stamp: TypeAlias = tuple[int, int, int]  # what tells that a file is another than it was


class Roster(Protocol):
    """Customers in tables (`engine.profiles.customer_table`), as often as they are asked for."""

    @property
    def height(self) -> int:
        """How many customers."""
        ...

    def tables(self) -> Iterator[pl.DataFrame]:
        """The tables, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Table:
    """The customers of one table."""

    table: pl.DataFrame

    @property
    def height(self) -> int:
        """How many customers."""
        return self.table.height

    def tables(self) -> Iterator[pl.DataFrame]:
        """The table."""
        yield self.table


@dataclass(frozen=True, slots=True)
class File:
    """The customers of a file, all of whose rows are sound.

    Attributes:
        rows: the file: a Parquet file is read as it is asked for, any other was read whole.
        starts: the rows at which pieces start, and how many rows there are.
        stamp: of the file when every row was looked at.
        ignored: columns that the program does not know.
    """

    path: Path
    program: Program
    customer: str
    rows: pl.LazyFrame
    starts: list[int]
    stamp: Stamp
    ignored: list[str]

    @property
    def height(self) -> int:
        """How many customers."""
        return self.starts[-1]

    def tables(self) -> Iterator[pl.DataFrame]:
        """The customers, some at a time.

        Raises:
            InputError: the file is no longer the one that was looked at.
        """
        for start, end in pairwise(self.starts):
            piece = self.rows.slice(start, end - start).collect()
            if _stamp(self.path) != self.stamp:
                raise InputError(f"{self.path}: was changed while it was read; give a file that stays.")
            yield as_typed(self.program, piece, self.customer)


def open_rows(path: Path) -> pl.LazyFrame:
    """The rows of a file, one at least: a Parquet file is read as it is asked for, any other at once.

    Raises:
        InputError: as `read_table` does.
    """
    if path.suffix != ".parquet" or not path.is_file():
        return read_table(path).lazy()
    with as_said(path):
        rows = pl.scan_parquet(path)
        if rows.select(pl.len()).collect().item() == 0:
            raise InputError(f"{path}: holds no rows; give a file with at least one.")
        return rows


def open_file(program: Program, path: Path, rows: pl.LazyFrame, customer: str = "customer") -> File:
    """The customers of a file; every row is looked at before anything is done with the first.

    Args:
        rows: those of the path, as `open_rows` gives them.

    Raises:
        InputError: as `customer_table` does; names the row.
    """
    with as_said(path):
        stamp, height = _stamp(path), int(rows.select(pl.len()).collect().item())
        ignored = unknown_columns(program, rows.collect_schema().names(), customer)
        rows, starts, hashes = rows.select(pl.exclude(ignored)), _starts(path, height), []
        for start, end in pairwise(starts):
            table = customer_table(program, rows.slice(start, end - start).collect(), path, customer, start)
            hashes.append(table["customer"].hash().to_numpy())
    made = File(path, program, customer, rows, starts, stamp, ignored)
    _refuse_repeats(made, np.concatenate(hashes))
    return made


def _stamp(path: Path) -> Stamp:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _starts(path: Path, height: int) -> list[int]:
    """Where pieces of at most `PIECE` rows start, and the height: they end where row groups do."""
    ends = list(accumulate(group_rows(path))) if path.suffix == ".parquet" else []
    starts, last = [0], 0
    for end in ends if ends and ends[-1] == height else [height]:
        if end - starts[-1] > PIECE and last > starts[-1]:
            starts.append(last)
        starts += range(starts[-1] + PIECE, end, PIECE)
        last = end
    return [*starts, height]


def _refuse_repeats(made: File, hashes: np.ndarray[tuple[int], np.dtype[np.uint64]]) -> None:
    """Ids that are repeated in one piece were refused already; here those of different pieces are."""
    if len(made.starts) == 2:
        return
    hashes.sort()
    again = np.unique(hashes[1:][hashes[1:] == hashes[:-1]])
    if not len(again):
        return
    seen: dict[str, int] = {}
    for start, table in zip(made.starts, made.tables(), strict=False):
        ids = table["customer"]
        for at in np.flatnonzero(np.isin(ids.hash().to_numpy(), again)).tolist():
            row = start + at + 1
            if seen.setdefault(ids[at], row) != row:
                raise InputError(
                    f"{made.path}, row {row}: {made.customer} == {ids[at]!r}, must occur once, stands in row "
                    f"{seen[ids[at]]} too; correct it."
                )
