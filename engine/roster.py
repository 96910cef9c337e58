"""The customers of a file, looked at piece by piece: how many there are does not matter for memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl

from engine.domain import Program
from engine.errors import InputError
from engine.profiles import customer_table, unknown_columns
from engine.tables import as_said, read_table

PIECE = 131_072  # rows looked at together


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
        ignored: columns that the program does not know.
    """

    path: Path
    program: Program
    customer: str
    rows: pl.LazyFrame
    height: int
    ignored: list[str]

    def tables(self) -> Iterator[pl.DataFrame]:
        """The customers, `PIECE` at a time."""
        for start in range(0, self.height, PIECE):
            piece = self.rows.slice(start, PIECE).collect()
            yield customer_table(self.program, piece, self.path, self.customer, start)


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
        height = int(rows.select(pl.len()).collect().item())
        ignored = unknown_columns(program, rows.collect_schema().names(), customer)
        made = File(path, program, customer, rows.select(pl.exclude(ignored)), height, ignored)
        hashes = np.concatenate([table["customer"].hash().to_numpy() for table in made.tables()])
    _refuse_repeats(made, hashes)
    return made


def _refuse_repeats(made: File, hashes: np.ndarray[tuple[int], np.dtype[np.uint64]]) -> None:
    """Ids that are repeated in one piece were refused already; here those of different pieces are."""
    if made.height <= PIECE:
        return
    hashes.sort()
    again = np.unique(hashes[1:][hashes[1:] == hashes[:-1]])
    if not len(again):
        return
    seen: dict[str, int] = {}
    for piece, table in enumerate(made.tables()):
        ids = table["customer"]
        for at in np.flatnonzero(np.isin(ids.hash().to_numpy(), again)).tolist():
            row = piece * PIECE + at + 1
            if seen.setdefault(ids[at], row) != row:
                raise InputError(
                    f"{made.path}, row {row}: {made.customer} == {ids[at]!r}, must occur once, stands in row "
                    f"{seen[ids[at]]} too; correct it."
                )
