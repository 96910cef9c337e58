"""Tables of files and of any library as polars has them, and checks of single columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from engine.errors import InputError
from policies.base import Ints


def read_frame(path: Path) -> pl.DataFrame:
    """The table in a Parquet or CSV file; the kind is told by the content, not by the name.

    Raises:
        InputError: there is no such file, or it is neither.
    """
    try:
        with path.open("rb") as file:
            parquet = file.read(4) == b"PAR1"
        return pl.read_parquet(path) if parquet else pl.read_csv(path, infer_schema_length=None)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror or error}). Give a Parquet or CSV file."
        ) from error
    except pl.exceptions.NoDataError as error:
        raise InputError(f"{path}: is empty. Give a file with a header and at least one row.") from error
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        reason = str(error).split("\n", 1)[0]
        raise InputError(
            f"{path}: is neither Parquet nor CSV ({reason}). Give one of these, gz allowed."
        ) from error


def table_of(frame: object, source: str) -> pl.DataFrame:
    """A polars frame, eager or lazy, or whatever hands over Arrow: pandas, pyarrow, duckdb.

    Raises:
        InputError: it is no table.
    """
    if isinstance(frame, pl.DataFrame):
        return frame
    if isinstance(frame, pl.LazyFrame):
        return frame.collect()
    if hasattr(frame, "__arrow_c_stream__"):
        return pl.DataFrame(frame)
    raise InputError(
        f"{source}: is a {type(frame).__name__}, must be a table of polars, pandas or Arrow; pandas needs "
        "version 2.2 and pyarrow for that."
    )


def read_times(column: pl.Series, source: str) -> Ints:
    """(n,) microseconds; text is read as ISO 8601, numbers are taken as they are."""
    if column.null_count():
        row = int(np.argmax(column.is_null().to_numpy()))
        raise InputError(f"{source}, row {row + 1}: {column.name} is None, must be the time of the decision.")
    if column.dtype.is_numeric():
        return column.cast(pl.Float64).to_numpy().astype(np.int64)
    try:
        moment = (
            column.str.to_datetime(time_zone="UTC")
            if column.dtype == pl.String
            else column.cast(pl.Datetime("us"))
        )
    except pl.exceptions.PolarsError as error:
        raise InputError(
            f"{source}: column '{column.name}' is not a time such as 2026-11-24T08:00:00Z."
        ) from error
    return moment.dt.timestamp("us").to_numpy().astype(np.int64)


def check_once(column: pl.Series, source: str) -> None:
    """Raise `InputError` if a decision stands in two rows, or has no name."""
    if column.null_count():
        row = int(np.argmax(column.is_null().to_numpy()))
        raise InputError(f"{source}, row {row + 1}: {column.name} is None, must name the decision.")
    again = ~column.is_first_distinct().to_numpy()
    if again.any():
        row = int(np.argmax(again))
        first = int(np.argmax((column == column[row]).to_numpy()))
        raise InputError(
            f"{source}, row {row + 1}: decision '{column[row]}' stands in row {first + 1} already; "
            "keep one of them."
        )


def check_after(column: pl.Series, at: Ints | None, source: str) -> None:
    """Raise `InputError` if a reward came before its decision; rows without one are let pass."""
    if at is None:
        raise InputError(f"{source}: --rewarded needs the time of the decision as well; name it with --time.")
    there = column.is_not_null().to_numpy()
    when = np.zeros(len(column), dtype=np.int64)
    when[there] = read_times(column.filter(column.is_not_null()), source)
    early = there & (when < at)
    if early.any():
        row = int(np.argmax(early))
        raise InputError(
            f"{source}, row {row + 1}: {column.name} is {column[row]}, before the decision it is of; join "
            "rewards to the decision before them."
        )
