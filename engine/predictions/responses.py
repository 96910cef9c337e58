"""What became of the scores that decisions went by: read from the log and the outcomes that followed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import Connection

from engine.calendar import MICROSECOND, microseconds
from engine.domain import Goal, Program
from engine.errors import InputError, RefusedError, nearest
from engine.situation import Situation, decode
from engine.store import outcomes, predictions
from engine.store.rows import PredictionRow
from engine.store.sent import SentRow, sent
from policies.base import Floats, Ints, Mask

_PIECE = 10_000


@dataclass(frozen=True, slots=True)
class Responses:
    """n decisions that sent the offer a model is about.

    Attributes:
        score: (n,) what the model said, as it came in: before anything was widened.
        happened: (n,) whether the outcome followed within the program's window.
        customer: (n,) code of the customer.
        propensity: (n,) probability the action was drawn with.
    """

    score: Floats
    happened: Mask
    customer: Ints
    propensity: Floats


def response_kind(goal: Goal, named: str | None) -> str:
    """The outcome that is the response: the one named, else the only one of the goal that is worth something.

    Raises:
        InputError: the goal does not name it.
        RefusedError: none is named, and the goal has several.
    """
    worth = [kind for kind, weight in goal.outcomes.items() if weight.amount > 0 or weight.share > 0]
    if named is not None:
        if named not in goal.outcomes:
            raise InputError(f"--outcome == {named!r} is not in the goal.{nearest(named, goal.outcomes)}")
        return named
    if len(worth) != 1:
        raise RefusedError(f"the goal has {len(worth)} outcomes of worth ({', '.join(worth)}): name one.")
    return worth[0]


def responses(
    connection: Connection, program: Program, model: str, kind: str, at: datetime, version: str | None = None
) -> Responses:
    """The decisions of a program whose window has passed at `at`, with the score they had and what followed.

    Args:
        kind: the outcome that counts as a response.
        version: only scores of this version of the model.
    """
    window_us = program.goal.window // MICROSECOND
    score: list[float] = []
    happened: list[bool] = []
    customer: list[str] = []
    propensity: list[float] = []
    for rows in _pieces(connection, program, model, microseconds(at) - window_us):
        followed = outcomes.outcomes_of(connection, [row.seq for row in rows], window_us)
        for row, said in zip(rows, _scores(connection, model, rows, version), strict=True):
            if said is not None:
                score.append(said)
                happened.append(any(one.kind == kind for one in followed.get(row.seq, ())))
                customer.append(row.customer)
                propensity.append(row.propensity)
    return Responses(
        np.array(score, dtype=np.float64),
        np.array(happened, dtype=np.bool_),
        np.unique(np.array(customer, dtype=str), return_inverse=True)[1].astype(np.int64),
        np.array(propensity, dtype=np.float64),
    )


def _pieces(connection: Connection, program: Program, model: str, before_us: int) -> Iterator[list[SentRow]]:
    offer, after = program.predictions[model], 0
    while rows := sent(connection, program.name, offer, before_us, after, _PIECE):
        yield rows
        after = rows[-1].seq


def _scores(
    connection: Connection, model: str, rows: Sequence[SentRow], version: str | None
) -> list[float | None]:
    """What the model said of each; None where it said nothing, or in another version, or is forgotten."""
    situations = [decode(row.situation) for row in rows]
    until_us = max(one.at_us for one in situations)
    names = [one.customer for one in situations]
    known: dict[str, list[PredictionRow]] = {}
    for row in predictions.predictions_between(connection, model, names, 0, until_us).values():
        known.setdefault(row.customer, []).append(row)
    found = [_row(model, one, known.get(one.customer, [])) for one in situations]
    return [_said(model, *one, version) for one in zip(situations, found, strict=True)]


def _row(model: str, one: Situation, rows: Sequence[PredictionRow]) -> PredictionRow | None:
    """The stored score a decision went by: that of its date; where no date was logged, the newest alike."""
    dated = one.as_of.get(model)
    if dated is not None:
        return next((row for row in rows if row.as_of_us == dated), None)
    alike = [row for row in rows if row.as_of_us <= one.at_us and row.score == one.values.get(model)]
    return max(alike, key=lambda row: row.as_of_us, default=None)


def _said(model: str, one: Situation, row: PredictionRow | None, version: str | None) -> float | None:
    if row is not None:
        return row.score if version in (None, row.version) else None
    if version is not None or one.as_of.get(model, one.at_us) != one.at_us:
        return None  # it came with the request; or it was forgotten
    value = one.values.get(model)
    return None if value is None else float(value)
