"""The apprentice: what today's rules would do, learnt from what they did, and how often it would agree.

It looks over the shoulder of the arm `bau`: the older decisions of that arm teach it which action was taken
among the feasible ones, the newer ones say how often it would have taken the same. Nothing is published.
Beside it stands what the policy itself has learnt, from outcomes.

Source: Bain and Sammut (1995), "A framework for behavioural cloning", for learning from what is done rather
    than from what it earns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np
from scipy.stats import norm
from sqlalchemy import Connection

from engine import context
from engine.choose import Live, choose, weigh
from engine.errors import RefusedError
from engine.live import live
from engine.logged import decided_under
from engine.relearn import Names
from engine.situation import Situations, columns, decode
from engine.store import learning
from engine.store.rows import DueRow
from policies.base import Actions, Floats, Ints, Mask, feedback
from policies.explore import greedy
from policies.linear import Linear

NEWEST = 4_000  # decisions of the arm that are looked at
LEAST = 60  # fewer say nothing
_PIECE = 500


@dataclass(frozen=True, slots=True)
class Share:
    """A share of n decisions with its Wilson interval."""

    n: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often the apprentice, and what the policy has learnt, would do what today's rules did."""

    apprentice: Share
    policy: Share


@dataclass(frozen=True, slots=True)
class Apprentice:
    """Agreement on one decision of each customer of the newest third, whole and by what the rules sent."""

    learnt: int
    overall: Agreement
    by_offer: dict[str, Agreement]


def apprentice(connection: Connection, name: str, level: float = 0.95) -> Apprentice:
    """Learn from the arm `bau` of a program what its rules do, and compare.

    Args:
        level: of the intervals.

    Raises:
        RefusedError: the arm has made too few decisions.
    """
    current = live(connection, name)
    names = Names(connection, current.program)
    found = learning.newest_of_arm(connection, name, "bau", NEWEST)
    rows = sorted((row for row in found if names.known(row)), key=lambda row: (row.at_us, row.seq))
    split = len(rows) * 2 // 3
    judged = list({row.customer: row for row in rows[split:]}.values())
    if len(judged) < LEAST:
        raise RefusedError(
            f"program '{name}': today's rules are known from {len(judged)} customers of the arm bau, {LEAST} "
            "are needed; give that arm a share, or come back later."
        )
    learner, encoding = _taught(connection, current, rows[:split])
    did = _did(connection, current, judged)
    would = _favourites(current, encoding, learner, judged)
    policy = _policy_would(current, judged)
    offers = np.array([action.offer or action.name for action in current.program.actions])[did]
    same = {"apprentice": would == did, "policy": policy == did}
    by_offer = {str(offer): _agreement(same, offers == offer, level) for offer in sorted(set(offers))}
    return Apprentice(split, _agreement(same, np.ones(len(did), dtype=np.bool_), level), by_offer)


def _taught(connection: Connection, current: Live, rows: Sequence[DueRow]) -> tuple[Linear, context.Encoding]:
    """A learner for which what was done is worth 1, and what else was feasible 0."""
    encoding = context.fit(current.program, _columns(current, rows).values)
    learner, did = Linear(waves=0), _did(connection, current, rows)
    for start in range(0, len(rows), _PIECE):
        part = rows[start : start + _PIECE]
        X, mask = _asked(current, encoding, part)
        mask[np.arange(len(part)), did[start : start + _PIECE]] = True
        row, action = np.nonzero(mask)
        done = (did[start : start + _PIECE][row] == action).astype(np.float64)
        learner.learn(feedback(X[row], _actions(current), action, done, np.ones(len(row))))
    return learner, encoding


def _favourites(current: Live, encoding: context.Encoding, learner: Linear, rows: Sequence[DueRow]) -> Ints:
    """(n,) the feasible action that the learner expects most of."""
    X, mask = _asked(current, encoding, rows)
    scores = learner.scores(X, _actions(current), np.zeros(mask.shape))
    favourite: Ints = np.argmax(greedy(scores, mask, 0.0), axis=1)
    return favourite


def _policy_would(current: Live, rows: Sequence[DueRow]) -> Ints:
    """(n,) the action that the policy takes where it does not explore."""
    asked = [msgspec.structs.replace(decode(row.situation), arm="policy", explore=False) for row in rows]
    return choose(current, columns(current.program, asked)).action


def _asked(current: Live, encoding: context.Encoding, rows: Sequence[DueRow]) -> tuple[Floats, Mask]:
    """(n, d) contexts and (n, k) feasible actions."""
    situations = _columns(current, rows)
    mask = weigh(replace(current, encoding=encoding), situations).feasible.mask.copy()
    return context.encode(encoding, situations), mask


def _columns(current: Live, rows: Sequence[DueRow]) -> Situations:
    return columns(current.program, [decode(row.situation) for row in rows])


def _actions(current: Live) -> Actions:
    return current.program.action_set()


def _did(connection: Connection, current: Live, rows: Sequence[DueRow]) -> Ints:
    """(n,) what was done, by the actions of the program as it is now."""
    place = {action.name: j for j, action in enumerate(current.program.actions)}
    made = {row.program_version: None for row in rows}
    of = {one: decided_under(connection, current.program, one).actions for one in made}
    return np.array([place[of[row.program_version][row.action].name] for row in rows], dtype=np.int64)


def _agreement(same: dict[str, Mask], where: Mask, level: float) -> Agreement:
    return Agreement(*(_share(same[who][where], level) for who in ("apprentice", "policy")))


def _share(same: Mask, level: float) -> Share:
    """Source: Wilson (1927), "Probable inference, the law of succession, and statistical inference"."""
    n, z = len(same), float(norm.isf((1 - level) / 2))
    share = float(same.mean())
    middle, scale = (share + z * z / (2 * n)) / (1 + z * z / n), z / (1 + z * z / n)
    reach = scale * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    return Share(n, share, max(0.0, middle - reach), min(1.0, middle + reach))
