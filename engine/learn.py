"""Learning: matured decisions and their outcomes -> rewards -> policy -> snapshot, exactly once.

What is learnt is published and marked in one write transaction: a crash leaves the old snapshot and nothing
marked, and the next run takes the same decisions again. The work may be done before, on a connection that
only reads (`study`), so that nobody who writes waits for it.

A reward that changes after it was learnt (an outcome arrived late) is taken back and learnt anew where the
policy is additive, which is exact; any other policy keeps what it learnt first.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from sqlalchemy import Connection

from engine import arbitrate, context
from engine.applied import stored_program
from engine.calendar import MICROSECOND, microseconds
from engine.choose import Live
from engine.domain import Program
from engine.errors import InputError
from engine.live import freeze, live
from engine.reward import rewards
from engine.situation import columns, decode
from engine.store import learning, outcomes, snapshots
from engine.store.rows import DueRow, LearntRow
from engine.uncollected import uncollected
from policies.base import Additive, Feedback, Floats, feedback

TAUGHT_BY = ("policy", "random", "bau")  # the holdout measures; it never teaches


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one run of learning did; `snapshot` is None if there was nothing to learn."""

    decisions: int
    corrected: int
    mean_reward: float | None
    snapshot: int | None


@dataclass(frozen=True, slots=True)
class Study:
    """What was learnt over snapshot `base` of a program, not published yet: its body, rows and rewards."""

    program: Program
    base: int
    body: bytes
    due: Sequence[DueRow]
    late: Sequence[DueRow]
    earned: Floats
    corrected: Floats


def learn(connection: Connection, name: str, at: datetime, limit: int = 200_000) -> Lesson:
    """Learn the decisions of a program that have matured by `at`, and publish a snapshot.

    Raises:
        InputError: the newest snapshot is damaged.
    """
    done = study(connection, name, at, limit)
    lesson = Lesson(0, 0, None, None) if done is None else publish(connection, done, at)
    assert lesson is not None, "nobody else publishes within one write transaction"
    return lesson


@uncollected()
def study(connection: Connection, name: str, at: datetime, limit: int) -> Study | None:
    """Learn what has matured by `at`, without writing; None if there is nothing to learn.

    Raises:
        InputError: the newest snapshot is damaged.
    """
    current = live(connection, name)
    if current.fallback:
        raise InputError(
            f"program '{name}': its newest snapshot is damaged; publish a sound one before learning."
        )
    due = learning.due(connection, name, microseconds(at - current.program.goal.window), limit)
    late = learning.changed(connection, name, limit)
    if not due and not late:
        return None
    base = current.snapshot_version
    current = _encoded(current, due)
    earned, corrected = _earned(connection, current.program, due), _earned(connection, current.program, late)
    if isinstance(current.policy, Additive):
        _teach(connection, current, late, np.array([row.reward for row in late]), -1.0)
        _teach(connection, current, late, corrected, 1.0)
    _teach(connection, current, due, earned, 1.0)
    current = replace(current, seen=_seen(connection, current, due))
    body = freeze(current.encoding, current.policy, current.seen)
    return Study(current.program, base, body, due, late, earned, corrected)


def publish(connection: Connection, done: Study, at: datetime) -> Lesson | None:
    """Publish what was studied and mark it learnt; None if another snapshot was published meanwhile."""
    program, due, late = done.program, done.due, done.late
    if snapshots.newest_version(connection, program.name) != done.base:
        return None
    digest = hashlib.sha256(done.body).hexdigest()
    reason = f"learnt {len(due)} decisions, corrected {len(late)}"
    version = snapshots.put_snapshot(connection, program.name, done.body, digest, microseconds(at), reason)
    rewarded = [*done.earned, *done.corrected]
    learning.mark_learnt(connection, _learnt(program, [*due, *late], rewarded, at))
    return Lesson(len(due), len(late), float(done.earned.mean()) if due else None, version)


def _encoded(current: Live, due: Sequence[DueRow]) -> Live:
    """The program with an encoding: its snapshot's, or one fitted to the first decisions that are learnt."""
    if current.snapshot_version:
        return current
    values = columns(current.program, [decode(row.situation) for row in due]).values
    return replace(current, encoding=context.fit(current.program, values))


def _seen(connection: Connection, current: Live, due: Sequence[DueRow]) -> Mapping[str, int]:
    """How many decisions of each offer are learnt, those about to be among them."""
    seen = Counter(current.seen)
    taught = Counter((row.program_version, row.action) for row in due if row.arm in TAUGHT_BY)
    for version in sorted({version for version, _ in taught}):
        actions = _decided_under(connection, current.program, version).actions
        for action, count in ((j, count) for (made, j), count in taught.items() if made == version):
            seen[actions[action].offer] += count
    return {offer: count for offer, count in seen.items() if offer}


def _learnt(
    program: Program, rows: Sequence[DueRow], reward: Sequence[float], at: datetime
) -> list[LearntRow]:
    window_us, at_us = program.goal.window // MICROSECOND, microseconds(at)
    return [
        LearntRow(row.seq, float(one), at_us, row.at_us + window_us, row.seen)
        for row, one in zip(rows, reward, strict=True)
    ]


def _teach(
    connection: Connection, current: Live, rows: Sequence[DueRow], reward: Floats, weight: float
) -> None:
    """Teach the rows of the arms that teach, each under the program version it was decided with."""
    taught = [i for i, row in enumerate(rows) if row.arm in TAUGHT_BY]
    for version in sorted({rows[i].program_version for i in taught}):
        chosen = [i for i in taught if rows[i].program_version == version]
        program = _decided_under(connection, current.program, version)
        current.policy.learn(_feedback(current, program, [rows[i] for i in chosen], reward[chosen], weight))


def _feedback(
    current: Live, program: Program, rows: Sequence[DueRow], reward: Floats, weight: float
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
    )


def _earned(connection: Connection, current: Program, rows: Sequence[DueRow]) -> Floats:
    """(n,) rewards by the goal and the costs each decision was made under."""
    earned = np.zeros(len(rows))
    for version in sorted({row.program_version for row in rows}):
        where = [i for i, row in enumerate(rows) if row.program_version == version]
        program, chosen = _decided_under(connection, current, version), [rows[i] for i in where]
        cost = arbitrate.cost(program)[[row.action for row in chosen]]
        window_us = program.goal.window // MICROSECOND
        found = outcomes.outcomes_of(connection, [row.seq for row in chosen], window_us)
        earned[where] = rewards(program.goal, cost, [found.get(row.seq, []) for row in chosen])
    return earned


def _decided_under(connection: Connection, current: Program, version: int) -> Program:
    return current if version == current.version else stored_program(connection, current.name, version)
