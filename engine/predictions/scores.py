"""Scores from a file: one a customer, of one model and version."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from sqlalchemy import Connection

from engine.applied import stored_program
from engine.errors import InputError
from engine.store import programs
from engine.store.rows import PredictionRow
from engine.tables import ID_RULE, read_table, require, unsound
from engine.values import LARGEST, check_id


def read_scores(
    path: Path, model: str, version: str, customer: str, score: str, as_of_us: int, received_us: int
) -> list[PredictionRow]:
    """The scores of a file, every row checked before any is stored.

    Raises:
        InputError: a column is missing, an id is missing or repeated, a score is no finite number; names
            the row.
    """
    check_id(model, "model", "--model")
    check_id(version, "version", "--version")
    frame = read_table(path)
    require(frame, [customer, score], path)
    ids, scores = frame[customer].cast(pl.String), frame[score].cast(pl.Float64, strict=False)
    _refuse(ids.is_null() | (ids == ""), frame[customer], path, "must be given")
    _refuse(unsound(ids), ids, path, ID_RULE)
    _refuse(~ids.is_first_distinct(), ids, path, "must occur once")
    number = scores.abs().lt(LARGEST).fill_null(False) & (frame[score].dtype != pl.Boolean)
    _refuse(~number, frame[score], path, f"must be a finite number within +-{LARGEST:.2g}")
    return [
        PredictionRow(one, model, version, value, as_of_us, received_us)
        for one, value in zip(ids, scores, strict=True)
    ]


def asking(connection: Connection, model: str) -> list[str]:
    """The programs of the store whose decisions use the scores of a model."""
    names = programs.program_names(connection)
    return [name for name in names if model in stored_program(connection, name).predictions]


def _refuse(bad: pl.Series, column: pl.Series, path: Path, rule: str) -> None:
    if bad.any():
        row = int(bad.arg_max() or 0)
        raise InputError(f"{path}, row {row + 1}: {column.name} == {column[row]!r}, {rule}; correct it.")
