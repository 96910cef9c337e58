"""Experiment files in: CSV (gzip or not) or Parquet, checked column by column; errors name the row."""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from engine.errors import InputError, nearest


def read(path: Path, columns: Iterable[str]) -> pl.DataFrame:
    """The named columns of an experiment file.

    Raises:
        InputError: the file is missing, empty or unreadable, or a column is not in it.
    """
    wanted = list(dict.fromkeys(columns))
    if not path.is_file():
        raise InputError(f"There is no file {path}. Give the path of a CSV (.csv, .csv.gz) or Parquet file.")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty (0 bytes). Give a file with a header and one row per unit.")
    try:
        frame = _read_parquet(path, wanted) if _starts(path, b"PAR1") else _read_csv(path, wanted)
    except (pl.exceptions.PolarsError, OSError, EOFError) as error:
        reason = str(error).strip().splitlines()[0][:200]
        raise InputError(
            f"{path} cannot be read as CSV or Parquet: {reason}. Export the file again."
        ) from error
    if frame.is_empty():
        raise InputError(f"{path} has a header but no rows. Give a file with one row per unit.")
    return frame


def require(known: Iterable[str], wanted: Iterable[str], place: str) -> None:
    """Raise `InputError` at the first wanted column that is not among the known ones."""
    names = list(known)
    for name in wanted:
        if name not in names:
            raise InputError(f"{place} has no column '{name}'.{nearest(name, names)}")


def numbers(frame: pl.DataFrame, columns: Iterable[str], place: str) -> pl.DataFrame:
    """The frame with these columns as finite floats; empty cells stay null.

    Raises:
        InputError: a cell holds text, NaN or an infinity; the message names its row, counted from 1.
    """
    for name in dict.fromkeys(columns):
        column = frame[name]
        if column.dtype == pl.String:
            column = column.str.strip_chars().replace("", None)
        as_number = column.cast(pl.Float64, strict=False)
        if as_number.null_count() > column.null_count():
            _refuse(column.is_not_null() & as_number.is_null(), column, place, "is not a number")
        if not math.isfinite(as_number.sum()) and not as_number.is_finite().all():  # a sum is quicker
            _refuse(as_number.is_finite().not_().fill_null(False), column, place, "is not a finite number")
        frame = frame.with_columns(as_number.alias(name))
    return frame


def shares(frame: pl.DataFrame, column: str, place: str) -> None:
    """Raise `InputError` at the first number that is no probability of something that happened."""
    value = frame[column]
    bad = ~value.is_between(0.0, 1.0, closed="right").fill_null(True)
    if bad.any():
        _refuse(bad, value, place, "is no probability, must be above 0 and at most 1")


def dates(frame: pl.DataFrame, columns: Iterable[str], place: str) -> pl.DataFrame:
    """The frame with these columns as moments in UTC; empty cells stay null, no zone means UTC.

    Raises:
        InputError: a cell is no date; the message names its row, counted from 1.
    """
    for name in dict.fromkeys(columns):
        column = frame[name]
        if column.dtype == pl.String:
            column = column.str.strip_chars().replace("", None)
            found = pl.select(_moment(column)).to_series()
        elif column.dtype == pl.Date or column.dtype == pl.Datetime:
            found = column.cast(pl.Datetime("us", getattr(column.dtype, "time_zone", None)))
            zoned = getattr(column.dtype, "time_zone", None)
            found = found.dt.convert_time_zone("UTC") if zoned else found.dt.replace_time_zone("UTC")
        else:
            raise InputError(
                f"{place}, column '{name}' holds numbers, not dates such as 2026-03-02T08:00:00Z."
            )
        if found.null_count() > column.null_count():
            bad = column.is_not_null() & found.is_null()
            _refuse(bad, column, place, "is not a date such as 2026-03-02 or 2026-03-02T08:00:00Z")
        frame = frame.with_columns(found.alias(name))
    return frame


def _moment(column: pl.Series) -> pl.Expr:
    """ISO 8601, the zone or the time of day may be missing."""
    text = pl.lit(column).str.replace(" ", "T", literal=True).str.replace("Z$", "+00:00")
    ways = ("%Y-%m-%dT%H:%M:%S%.f%:z", "%Y-%m-%dT%H:%M%:z")
    zoned = [text.str.to_datetime(way, strict=False, time_unit="us", time_zone="UTC") for way in ways]
    plain = [
        text.str.to_datetime(way, strict=False, time_unit="us").dt.replace_time_zone("UTC")
        for way in ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M")
    ]
    day = text.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return pl.coalesce(*zoned, *plain, day)


def _refuse(bad: pl.Series, column: pl.Series, place: str, rule: str) -> None:
    row = bad.arg_max() or 0
    raise InputError(
        f"{place}, row {row + 1}, column '{column.name}': {column[row]!r} {rule}. "
        f"Correct the cell, or leave it empty if the value is unknown ({bad.sum()} such cells)."
    )


def _read_parquet(path: Path, columns: list[str]) -> pl.DataFrame:
    require(pl.read_parquet_schema(path), columns, str(path))
    return pl.read_parquet(path, columns=columns)


def _read_csv(path: Path, columns: list[str]) -> pl.DataFrame:
    """Every cell as text, so that a bad one can be named by its row instead of failing the parser."""
    separator = _separator(path)
    header = pl.read_csv(path, separator=separator, infer_schema=False, n_rows=1).columns
    require(header, columns, str(path))
    return pl.read_csv(path, separator=separator, infer_schema=False, columns=columns)


def _separator(path: Path) -> str:
    """The separator that stands most often in the header line."""
    opener = gzip.open if _starts(path, b"\x1f\x8b") else open
    with opener(path, "rb") as file:
        header = file.readline(1 << 20)
    return max((",", ";", "\t"), key=lambda one: header.count(one.encode()))


def _starts(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic
