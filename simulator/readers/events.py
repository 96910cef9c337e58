"""Decisions as other systems log them, one at a time, made into a log."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from engine.errors import InputError
from policies.base import Actions, Floats
from simulator.contexts import encode
from simulator.frames import read_times
from simulator.logs import Log

NEAR = 1e-3  # how far logged probabilities may be from summing to 1: systems round them


@dataclass(frozen=True, slots=True)
class Event:
    """One logged decision.

    Attributes:
        line: where it begins in its file, from 1.
        action: name of what was chosen.
        propensity: with which probability.
        reward: what it earned.
        context: what was known, numbers or text.
        options: names of what could be chosen.
        pmf: probability of each option, where it was logged.
        at: when, as ISO 8601, where that was logged.
        id: of the decision, where it has one.
    """

    line: int
    action: str
    propensity: float
    reward: float
    context: Mapping[str, Any]
    options: Sequence[str]
    pmf: Sequence[float] | None = None
    at: str | None = None
    id: str | None = None


def log_from(events: Sequence[Event], source: str, notes: Sequence[str] = (), absent: Any = None) -> Log:
    """The events as a log; a context that an event lacks has the value `absent`.

    Raises:
        InputError: there are none, one is repeated, or one has a value that cannot be.
    """
    if not events:
        raise InputError(f"{source}: has no decisions that can be used. {' '.join(notes)}".rstrip())
    _check_unique(events, source)
    for event in events:
        _check(event, source)
    names = sorted({name for event in events for name in event.options})
    if len({event.action for event in events}) == 1:
        raise InputError(
            f"{source}: every decision chose '{events[0].action}'. What was never tried cannot be compared; "
            "log a share of other actions, chosen at random."
        )
    place = {name: j for j, name in enumerate(names)}
    frame = _frame(events, absent)
    X, columns = encode(frame, [name for name in frame.columns if name.startswith("context.")])
    mask = np.zeros((len(events), len(names)), dtype=np.bool_)
    for i, event in enumerate(events):
        mask[i, [place[name] for name in event.options]] = True
    timed = all(event.at is not None for event in events)
    return Log(
        X=X,
        names=columns,
        frame=frame,
        actions=Actions.plain(tuple(names)),
        action=np.array([place[event.action] for event in events], dtype=np.int64),
        propensity=np.array([event.propensity for event in events]),
        reward=np.array([event.reward for event in events]),
        mask=mask,
        at=read_times(frame["at"], source) if timed else None,
        source=source,
        logging=_logging(events, place),
        notes=tuple(notes),
    )


def _frame(events: Sequence[Event], absent: Any) -> pl.DataFrame:
    known = sorted({name for event in events for name in event.context})
    columns = [
        _column(f"context.{name}", [event.context.get(name, absent) for event in events]) for name in known
    ]
    fixed = {
        "action": [event.action for event in events],
        "propensity": [event.propensity for event in events],
        "reward": [event.reward for event in events],
        "at": [event.at for event in events],
    }
    return pl.DataFrame(fixed).with_columns(columns)


def _column(name: str, values: list[Any]) -> pl.Series:
    """Numbers where all are numbers, else text."""
    if all(one is None or isinstance(one, (bool, int, float)) for one in values):
        return pl.Series(name, [None if one is None else float(one) for one in values], dtype=pl.Float64)
    return pl.Series(name, [None if one is None else str(one) for one in values], dtype=pl.String)


def _check_unique(events: Sequence[Event], source: str) -> None:
    first: dict[str, int] = {}
    for event in events:
        if event.id is not None and first.setdefault(event.id, event.line) != event.line:
            raise InputError(
                f"{source}, line {event.line}: decision '{event.id}' stands in line {first[event.id]} "
                "already; keep one of them."
            )


def _check(event: Event, source: str) -> None:
    where = f"{source}, line {event.line}"
    if not 0.0 < event.propensity <= 1.0:
        raise InputError(
            f"{where}: the probability of the chosen action is {event.propensity:g}, must be in (0, 1]; log "
            "the one it was drawn with."
        )
    if not math.isfinite(event.reward):
        raise InputError(f"{where}: the reward is {event.reward}, must be a finite number; drop the line.")
    if event.action not in event.options:
        raise InputError(
            f"{where}: '{event.action}' was chosen and is not among the {len(event.options)} actions there "
            "were; mend the join of choices and actions."
        )
    if len(set(event.options)) < len(event.options):
        raise InputError(
            f"{where}: two actions look the same, so it cannot be told which was chosen; give each an id."
        )
    if event.pmf is not None and not abs(sum(event.pmf) - 1.0) <= NEAR:
        raise InputError(
            f"{where}: the probabilities of the actions sum to {sum(event.pmf):.6g}, must be 1; log them "
            "over the final set of actions."
        )


def _logging(events: Sequence[Event], place: Mapping[str, int]) -> Floats | None:
    """(n, k) the logging pmf, where every event has it."""
    if any(event.pmf is None for event in events):
        return None
    made = np.zeros((len(events), len(place)))
    for i, event in enumerate(events):
        assert event.pmf is not None
        made[i, [place[name] for name in event.options]] = event.pmf
    made /= made.sum(axis=1, keepdims=True)
    return made
