"""Were actions drawn with the probabilities that the log says? The split of a bandit's actions.

An arm's share is a number of the program file. The probability of an action follows the customer and what
was learnt by then, so a sample of the log is made again: with the situation, the version and the snapshot of
each decision, whole probabilities over all actions come out as they were. The logged propensity must be the
one of the action drawn, and over all, actions must have been drawn as often as their probabilities say
(`srm.draws_p`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
import numpy as np
from sqlalchemy import Connection

from engine.calendar import microseconds
from engine.choose import Live, choose
from engine.errors import NextbestError
from engine.experiments import srm
from engine.experiments.trust import LIMIT, Check
from engine.live import live
from engine.situation import Situation, columns, decode
from engine.store.chosen import DrawnRow, sample, stretches
from engine.values import fits, types
from policies.base import Floats, Ints
from policies.snapshot import SnapshotError

SAMPLE = 3_000  # decisions that are made again
STRETCHES = 8  # snapshots that are read for it
SAME = 1e-9  # probabilities that differ by less are the same
_TITLE = "Drawn as logged?"


@dataclass(frozen=True, slots=True)
class Again:
    """Decisions made again: the (n,) actions drawn, their logged propensities, and (n, k) probabilities."""

    ids: Sequence[str]
    names: Sequence[str]
    drawn: Ints
    logged: Floats
    pmf: Floats


def drawn_as_logged(connection: Connection, program: str, at: datetime) -> Check | None:
    """The check; None where no decision was made here, or none can be made again."""
    at_us = microseconds(at)
    found = stretches(connection, program, at_us)
    picked = [found[i] for i in _spread(len(found), STRETCHES)]
    every = -(-sum(one.n for one in picked) // SAMPLE)
    made, damaged = list[Again](), list[str]()
    for one in picked:
        rows = sample(connection, program, at_us, one, every)
        try:
            current = live(connection, program, one.version, one.snapshot)
        except (NextbestError, SnapshotError):
            continue  # somebody in it was erased since: nothing can be made again with it
        read = [(row, situation) for row in rows if (situation := _read(current, row)) is not None]
        sound = {row.id for row, _ in read}
        damaged += [row.id for row in rows if row.id not in sound]
        if read:
            made.append(again(current, *zip(*read, strict=True)))
    if damaged:
        return _damaged(damaged, sum(len(one.ids) for one in made) + len(damaged))
    return judged(made) if made else None


def _read(current: Live, row: DrawnRow) -> Situation | None:
    """The situation of a decision; None if it is not what the program can have logged."""
    try:
        found = decode(row.situation)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    kinds = types(current.program)
    fitting = all(name in kinds and fits(kinds[name], value) for name, value in found.values.items())
    return found if fitting and 0 <= row.action < len(current.actions) else None


def _damaged(ids: Sequence[str], n: int) -> Check:
    sentence = (
        f"{len(ids):,} of {n:,} decisions cannot be read again, for example '{ids[0]}': the log was damaged. "
        "Restore the store from a copy; nextbest replay says what is wrong with each."
    )
    return Check("draws", _TITLE, False, sentence, count=len(ids))


def again(current: Live, rows: Sequence[DrawnRow], logged: Sequence[Situation]) -> Again:
    """What the probabilities of those decisions were, by the version and snapshot that made them."""
    situations = columns(current.program, logged)
    return Again(
        [row.id for row in rows],
        current.actions.names,
        np.array([row.action for row in rows], dtype=np.int64),
        np.array([row.propensity for row in rows]),
        choose(current, situations).pmf,
    )


def judged(made: Sequence[Again]) -> Check:
    """Logged propensities against the probabilities, and draws against these."""
    n = sum(len(one.ids) for one in made)
    wrong = [(one, i) for one in made for i in np.flatnonzero(~_agrees(one)).tolist()]
    if wrong:
        one, i = wrong[0]
        was = one.pmf[i, one.drawn[i]]
        sentence = (
            f"Of {n:,} decisions made again, {len(wrong):,} were drawn with another probability than the log "
            f"says, for example '{one.ids[i]}': logged {one.logged[i]:.4g}, drawn with {was:.4g}. The log "
            "was changed, or written by something else; nextbest replay shows each."
        )
        return Check("draws", _TITLE, False, sentence, count=len(wrong))
    names = list(dict.fromkeys(name for one in made for name in one.names))
    p, worst = srm.draws_p(*_joined(made, names))
    if p >= LIMIT:
        sentence = (
            f"{n:,} decisions made again: propensities as logged, actions as often as they say (p = {p:.2g})."
        )
        return Check("draws", _TITLE, True, sentence, p=p)
    sentence = (
        f"'{names[worst]}' was not drawn as often as the propensities of {n:,} decisions say (p = {p:.2g}). "
        "Decisions were lost, or kept by what was drawn."
    )
    return Check("draws", _TITLE, False, sentence, p=p)


def _agrees(one: Again) -> np.typing.NDArray[np.bool_]:
    own = one.pmf[np.arange(len(one.drawn)), one.drawn]
    return np.abs(own - one.logged) <= SAME


def _joined(made: Sequence[Again], names: Sequence[str]) -> tuple[Ints, Floats]:
    """Draws and probabilities of all, over the same actions."""
    place = {name: j for j, name in enumerate(names)}
    drawn, pmf = [], []
    for one in made:
        own = np.array([place[name] for name in one.names])
        wide = np.zeros((len(one.drawn), len(names)))
        wide[:, own] = one.pmf
        drawn.append(own[one.drawn])
        pmf.append(wide)
    return np.concatenate(drawn), np.concatenate(pmf)


def _spread(n: int, most: int) -> list[int]:
    """Places among n, evenly spread, at most so many."""
    return sorted({round(i) for i in np.linspace(0, n - 1, min(n, most))}) if n else []
