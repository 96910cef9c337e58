"""Scores from a file, one a row: ids and numbers checked at once, with the row that is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from engine.api.moments import EARLIEST, LATEST
from engine.calendar import microseconds
from engine.errors import InputError
from engine.store.rows import PredictionRow
from engine.tables import ID_RULE, read_table, require, require_ids, unsound
from engine.values import LARGEST, check_id


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a file of scores; without `as_of` all rows are dated alike."""

    customer: str = "customer"
    score: str = "score"
    as_of: str | None = None


def read_scores(
    path: Path, model: str, version: str, columns: Columns, as_of_us: int, received_us: int
) -> list[PredictionRow]:
    """The scores of a file, in its order.

    Raises:
        InputError: a column is missing, an id is missing or unsound, a score is no finite number, a date is
            none; names the row.
    """
    check_id(model, "model", "--model")
    check_id(version, "version", "--version")
    frame = read_table(path)
    require_ids(frame, columns.customer, path)
    require(frame, [columns.score, *([columns.as_of] if columns.as_of else [])], path)
    ids = frame[columns.customer].cast(pl.String)
    _refuse(ids.is_null() | (ids == ""), frame[columns.customer], path, "must be given")
    _refuse(unsound(ids), ids, path, ID_RULE)
    scores = _numbers(frame[columns.score], path)
    dates = [as_of_us] * len(ids) if columns.as_of is None else _dates(frame[columns.as_of], path)
    return [
        PredictionRow(one, model, version, value, dated, received_us)
        for one, value, dated in zip(ids, scores, dates, strict=True)
    ]


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _numbers(column: pl.Series, path: Path) -> list[float]:
    number = column.cast(pl.Float64, strict=False)
    sound = number.abs().lt(LARGEST).fill_null(False) & (column.dtype != pl.Boolean)
    _refuse(~sound, column, path, f"must be a finite number within +-{LARGEST:.2g}")
    return number.to_list()


def _dates(column: pl.Series, path: Path) -> Sequence[int]:
    """Microseconds since 1970 UTC; a date without a zone is UTC."""
    if column.dtype in (pl.Date, pl.Datetime):
        at_us = column.cast(pl.Datetime("us")) if column.dtype == pl.Date else column
        at_us = at_us.dt.epoch("us")
    else:
        moments = {one: _moment(one) for one in column.unique()}
        at_us = pl.Series([moments[one] for one in column], dtype=pl.Int64)
    sound = at_us.is_between(microseconds(EARLIEST), microseconds(LATEST)).fill_null(False)
    _refuse(~sound, column, path, "must be a time such as '2026-11-24T08:00:00Z', from 1970 to 2199")
    return at_us.to_list()


def _moment(text: object) -> int | None:
    try:
        at = datetime.fromisoformat(str(text))
        return microseconds(at if at.tzinfo else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def _refuse(bad: pl.Series, column: pl.Series, path: Path, rule: str) -> None:
    if bad.any():
        row = int(bad.arg_max() or 0)
        raise InputError(f"{path}, row {row + 1}: {column.name} == {column[row]!r}, {rule}; correct it.")
