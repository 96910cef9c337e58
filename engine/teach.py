"""Decisions of the log made into feedback, and a policy taught with it.

Each decision is judged by the goal, the costs and the prior of the program version it was made under, so that
it can be taken back later exactly as it was taught.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
import numpy as np
from sqlalchemy import Connection

from engine import arbitrate, context, signs, sources
from engine.applied import stored_program
from engine.arms import TAUGHT_BY
from engine.calendar import MICROSECOND, microseconds
from engine.choose import Live
from engine.domain import Program
from engine.plausible import believed, bounded
from engine.reward import rewards
from engine.situation import columns, decode
from engine.store import learning, outcomes, watched
from engine.store.rows import DueRow, LearntRow
from policies.base import Feedback, Floats, Policy, Watching, feedback

Reasons = Mapping[int, str]
DAY_US = 86_400_000_000  # a policy's times are in days
_NOTHING: signs.Kinds = frozenset()


@dataclass(frozen=True, slots=True)
class Earned:
    """What n decisions have earned.

    Attributes:
        reward: (n,) after costs.
        cost: (n,) of the action of each.
        told: kinds of the outcomes that followed each, whether the goal prices them or not.
        odd: by decision, why a reward is less than what happened is worth.
        held: outcomes that are not learnt from.
    """

    reward: Floats
    cost: Floats
    told: Sequence[signs.Kinds]
    odd: Reasons
    held: sources.Held

    def rest(self, worth: Mapping[str, float]) -> Floats:
        """(n,) the part of each reward that early signs of that worth do not foretell."""
        return signs.rest(worth, self.reward + self.cost, self.told)


def seen_of(connection: Connection, current: Live, due: Sequence[DueRow]) -> Mapping[str, int]:
    """How many decisions of each offer are learnt, those about to be among them."""
    seen = Counter(current.seen)
    taught = Counter((row.program_version, row.action) for row in due if row.arm in TAUGHT_BY)
    for version in sorted({version for version, _ in taught}):
        actions = decided_under(connection, current.program, version).actions
        for action, count in ((j, count) for (made, j), count in taught.items() if made == version):
            seen[actions[action].offer] += count
    return {offer: count for offer, count in seen.items() if offer}


def marks(
    program: Program, rows: Sequence[DueRow], reward: Floats, rest: Floats, at: datetime
) -> list[LearntRow]:
    window_us, at_us = program.goal.window // MICROSECOND, microseconds(at)
    return [
        LearntRow(row.seq, one, at_us, row.at_us + window_us, row.seen, other)
        for row, one, other in zip(rows, reward.tolist(), rest.tolist(), strict=True)
    ]


def teach(
    connection: Connection,
    current: Live,
    rows: Sequence[DueRow],
    reward: Floats,
    rest: Floats,
    weight: float,
) -> None:
    """Teach the rows of the arms that teach, each under the program version it was decided with."""
    taught = _teaching(rows)
    for version in sorted({rows[i].program_version for i in taught}):
        chosen = [i for i in taught if rows[i].program_version == version]
        program = decided_under(connection, current.program, version)
        given = [rows[i] for i in chosen], reward[chosen], rest[chosen]
        current.policy.learn(_feedback(current, program, *given, weight))


def unteach(connection: Connection, current: Live, rows: Sequence[DueRow]) -> None:
    """Take back what rows were learnt with."""
    reward, rest = (np.array([getattr(row, name) for row in rows]) for name in ("reward", "rest"))
    teach(connection, current, rows, reward, rest, -1.0)


def with_signs(
    current: Live, lessons: Iterable[tuple[Sequence[DueRow], Earned]], contacts: int
) -> context.Encoding:
    """The encoding with early signs found in decisions of the arms that teach, among so many contacts."""
    known = [(one.reward[i] + one.cost[i], one.told[i]) for rows, one in lessons for i in _teaching(rows)]
    gross = np.array([money for money, _ in known], dtype=np.float64)
    worth = signs.find(current.program.goal, gross, [told for _, told in known])
    return msgspec.structs.replace(current.encoding, signs=worth, contacts=contacts)


def _teaching(rows: Sequence[DueRow]) -> list[int]:
    return [i for i, row in enumerate(rows) if row.arm in TAUGHT_BY]


def _feedback(
    current: Live,
    program: Program,
    rows: Sequence[DueRow],
    reward: Floats,
    rest: Floats,
    weight: float,
) -> Feedback:
    situations = columns(program, [decode(row.situation) for row in rows])
    action = np.array([row.action for row in rows], dtype=np.int64)
    prior = arbitrate.prior(program, situations)[np.arange(len(rows)), action]
    return feedback(
        context.encode(current.encoding, situations),
        program.action_set(),
        action,
        reward,
        np.array([row.propensity for row in rows]),
        prior,
        np.full(len(rows), weight),
        np.array([row.at_us for row in rows]) / DAY_US,
        rest,
    )


def earned_by(connection: Connection, current: Program, rows: Sequence[DueRow]) -> Earned:
    """Rewards by the goal and the costs each decision was made under, within today's limits."""
    earned, spent, told = np.zeros(len(rows)), np.zeros(len(rows)), [_NOTHING] * len(rows)
    odd, held = dict[int, str](), frozenset[tuple[str, str]]()
    for version in sorted({row.program_version for row in rows}):
        where = [i for i, row in enumerate(rows) if row.program_version == version]
        program, chosen = decided_under(connection, current, version), [rows[i] for i in where]
        cost = arbitrate.cost(program)[[row.action for row in chosen]]
        window_us = program.goal.window // MICROSECOND
        found = outcomes.outcomes_of(connection, [row.seq for row in chosen], window_us)
        held |= (beyond := sources.held(connection, current.goal, found))
        judged = [believed(current.goal, program.goal, found.get(row.seq, []), beyond) for row in chosen]
        raw = rewards(program.goal, cost, [one.outcomes for one in judged])
        spent[where] = cost
        for i, row, one, reward in zip(where, chosen, judged, raw.tolist(), strict=True):
            earned[i], reason = bounded(reward + one.instead)
            if row.seq in found:
                told[i] = frozenset(outcome.kind for outcome in found[row.seq])
            if reason := "; ".join(filter(None, (one.reason, reason))):
                odd[row.seq] = reason
    return Earned(earned, spent, told, odd, held)


def set_aside(connection: Connection, current: Program, rows: Sequence[DueRow]) -> Reasons:
    """By decision, why those of `rows` that must not be learnt are not: too many of one customer."""
    limit = current.goal.per_customer
    if limit is None or not rows:
        return {}
    beyond = learning.beyond(
        connection, current.name, [row.seq for row in rows], limit.count, limit.window // MICROSECOND
    )
    reason = f"not learnt: more decisions of one customer than {limit.count} in the time of per_customer"
    return {row.seq: reason for row in rows if row.seq in beyond}


def decided_under(connection: Connection, current: Program, version: int) -> Program:
    return current if version == current.version else stored_program(connection, current.name, version)


def watch_on(policy: Policy, spans: Sequence[watched.Span]) -> None:
    """Hand a policy that watches its predictions what was remembered after the last lesson."""
    if isinstance(policy, Watching) and spans:
        sums = np.stack([np.frombuffer(one) for *_, one in spans])
        times = np.array([[first, last] for first, last, _ in spans]) / DAY_US
        policy.watch(np.hstack([times, sums]))


def watched_by(policy: Policy) -> list[watched.Span]:
    """What such a policy would have remembered until the next lesson; none of any other."""
    if not isinstance(policy, Watching):
        return []
    spans = np.rint(policy.watched[:, :2] * DAY_US).astype(np.int64).tolist()
    return [(*times, sums.tobytes()) for times, sums in zip(spans, policy.watched[:, 2:], strict=True)]
