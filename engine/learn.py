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
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
from sqlalchemy import Connection

from engine import context, signs
from engine.calendar import microseconds
from engine.canary import check_canary
from engine.choose import Live
from engine.domain import Program
from engine.errors import InputError, RefusedError
from engine.live import freeze, live
from engine.situation import columns, decode
from engine.store import erasures, learning, quarantine, snapshots, watched
from engine.store.rows import DueRow
from engine.teach import (
    Earned,
    Reasons,
    earned_by,
    marks,
    seen_of,
    set_aside,
    teach,
    unteach,
    watch_on,
    watched_by,
    with_signs,
)
from engine.uncollected import uncollected
from policies.base import Additive, Floats


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one run of learning did; `snapshot` is None if there was nothing to learn.

    `held` counts the outcomes that were not learnt from, by source: more than it may teach.
    """

    decisions: int
    corrected: int
    mean_reward: float | None
    snapshot: int | None
    held: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Study:
    """What was learnt over snapshot `base` of a program, not published yet: its body, rows and rewards.

    `erased` is the newest erasure by then; `aside` are decisions that are not learnt, `odd` those that are
    learnt with a smaller reward, with the reasons. `spans` is what the watch on predictions remembers. `rest`
    is what early signs did not foretell, of what was `earned` and then of what was `corrected`.
    """

    program: Program
    base: int
    erased: int
    body: bytes
    due: Sequence[DueRow]
    late: Sequence[DueRow]
    earned: Floats
    corrected: Floats
    rest: Floats
    aside: Reasons
    odd: Reasons
    spans: Sequence[watched.Span]
    held: Mapping[str, int]


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
        RefusedError: an earlier snapshot was made current, or what was learnt cannot be served.
    """
    current = live(connection, name)
    if current.fallback:
        raise InputError(
            f"program '{name}': its newest snapshot is damaged; publish a sound one before learning."
        )
    refuse_rolled_back(connection, name)
    due = learning.due(connection, name, microseconds(at - current.program.goal.window), limit)
    late = learning.changed(connection, name, limit)
    if not due and not late:
        return None
    aside = set_aside(connection, current.program, due)
    due = [row for row in due if row.seq not in aside]
    base = current.snapshot_version
    current = _encoded(current, due)
    seen, earned = seen_of(connection, current, due), earned_by(connection, current.program, due)
    if signs.are_due(current.encoding.contacts, sum(current.seen.values()), sum(seen.values())):
        current, late = _parted(connection, current, due, earned, sum(seen.values()), late)
    again = earned_by(connection, current.program, late)
    rest = np.concatenate([one.rest(current.encoding.signs) for one in (earned, again)])
    watch_on(current.policy, watched.spans(connection, name))
    teach(connection, current, due, earned.reward, rest[: len(due)], 1.0)  # first: judged by what was served
    if isinstance(current.policy, Additive):
        unteach(connection, current, late)
        teach(connection, current, late, again.reward, rest[len(due) :], 1.0)
    current = replace(current, seen=seen)
    body = freeze(current.encoding, current.policy, current.seen)
    check_canary(connection, current.program, body)
    erased = erasures.newest(connection, name)
    spans, odd = watched_by(current.policy), {**earned.odd, **again.odd}
    rewards, held = (earned.reward, again.reward), Counter(source for source, _ in earned.held | again.held)
    return Study(current.program, base, erased, body, due, late, *rewards, rest, aside, odd, spans, held)


def publish(connection: Connection, done: Study, at: datetime) -> Lesson | None:
    """Publish what was studied and mark it learnt; None if others published or erased meanwhile."""
    program, due, late = done.program, done.due, done.late
    if snapshots.newest_version(connection, program.name) != done.base:
        return None
    if erasures.newest(connection, program.name) != done.erased:
        return None
    reason = f"learnt {len(due)} decisions, corrected {len(late)}"
    version = issue(connection, program.name, done.body, at, reason)
    reward = np.concatenate([done.earned, done.corrected])
    learning.mark_learnt(connection, marks(program, [*due, *late], reward, done.rest, at))
    learning.pass_over(connection, list(done.aside))
    watched.remember(connection, program.name, done.spans)
    learnt_now = [row.seq for row in (*due, *late)]
    quarantine.note(connection, program.name, learnt_now, {**done.aside, **done.odd}, microseconds(at))
    mean = float(done.earned.mean()) if due else None
    return Lesson(len(due), len(late), mean, version, done.held)


def issue(
    connection: Connection, name: str, body: bytes, at: datetime, reason: str, copy_of: int | None = None
) -> int:
    """Publish the body of a snapshot; its version."""
    digest = hashlib.sha256(body).hexdigest()
    return snapshots.put_snapshot(connection, name, body, digest, microseconds(at), reason, copy_of)


def refuse_rolled_back(connection: Connection, name: str) -> None:
    """What is marked as learnt is what the newest snapshot that was learnt has: only that one learns on.

    Raises:
        RefusedError: another one serves.
    """
    served, learnt = snapshots.served_and_learnt(connection, name)
    if served != learnt:
        raise RefusedError(
            f"program '{name}' went back to snapshot {served}, and what was learnt since is not in it; "
            f"learn with --afresh, or take up snapshot {learnt} again with --rollback {learnt}."
        )


def _encoded(current: Live, due: Sequence[DueRow]) -> Live:
    """The program with an encoding: its snapshot's, or one fitted to the first decisions that are learnt."""
    if current.snapshot_version:
        return current
    values = columns(current.program, [decode(row.situation) for row in due]).values
    return replace(current, encoding=context.fit(current.program, values))


def _parted(
    connection: Connection,
    current: Live,
    due: Sequence[DueRow],
    earned: Earned,
    contacts: int,
    late: list[DueRow],
) -> tuple[Live, list[DueRow]]:
    """The program with early signs looked for anew, and what has to be learnt again: all, if they moved."""
    if not isinstance(current.policy, Additive):
        return current, late
    learnt = learning.all_learnt(connection, current.program.name)
    before = earned_by(connection, current.program, learnt)
    encoding = with_signs(current, [(due, earned), (learnt, before)], contacts)
    return replace(current, encoding=encoding), late if encoding.signs == current.encoding.signs else learnt
