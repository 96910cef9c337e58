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
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
from sqlalchemy import Connection

from engine import signs
from engine.calendar import microseconds
from engine.canary import check_canary
from engine.choose import Live
from engine.domain import Program
from engine.errors import InputError, RefusedError
from engine.lesson import FITTED, SIGNS, Learnt, fitted, judged, taught, taught_again, without
from engine.live import freeze, live
from engine.settle import settle
from engine.spare import with_usual
from engine.store import Store, candidates, entries, erasures, folds, learning, quarantine, snapshots, watched
from engine.store.entries import Entries
from engine.teach import Reasons, looks_at_rows, set_aside, watch_on, watched_by, with_signs
from engine.uncollected import uncollected
from policies.base import Additive

LIMIT = 2_000_000  # decisions of one lesson
LATE = 20_000  # of which so many are learnt again


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
    """What was learnt over snapshot `base` of a program, not published yet: its body, decisions and rewards.

    `erased` is the newest erasure by then, `seen` the newest outcome. `noted` says of decisions why they are
    not learnt, or learnt with a smaller reward; `people` are customers of such decisions that stand in folds.
    `spans` is what the watch on predictions remembers.
    """

    program: Program
    base: int
    erased: int
    body: bytes
    due: Learnt
    late: Learnt
    noted: Reasons
    people: Collection[str]
    spans: Sequence[watched.Span]
    held: Mapping[str, int]
    seen: int


def learn(connection: Connection, name: str, at: datetime, limit: int = LIMIT) -> Lesson:
    """Learn the decisions of a program that have matured by `at`, and publish a snapshot.

    Raises:
        InputError: the newest snapshot is damaged.
    """
    done = study(connection, name, at, limit)
    lesson = Lesson(0, 0, None, None) if done is None else publish(connection, done, at)
    assert lesson is not None, "nobody else publishes within one write transaction"
    return lesson


def learn_all(store: Store, name: str, at: datetime) -> Lesson:
    """Learn all that has matured by `at`, lesson by lesson; others write while it reads and learns.

    Raises:
        InputError, RefusedError: as `study`.
    """
    made = Lesson(0, 0, None, None)
    while True:
        with store.read() as connection:
            done = study(connection, name, at, LIMIT)
        if done is None:
            return made
        with store.write() as connection:
            lesson = publish(connection, done, at)
        if lesson is not None:
            made = _after(made, lesson)
            if len(done.due) < LIMIT and len(done.late) < LATE:
                return made


def _after(one: Lesson, other: Lesson) -> Lesson:
    """Two lessons as one."""
    n = one.decisions + other.decisions
    total = sum(each.decisions * (each.mean_reward or 0.0) for each in (one, other))
    held = dict(Counter(one.held) + Counter(other.held))
    return Lesson(n, one.corrected + other.corrected, total / n if n else None, other.snapshot, held)


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
            f"program '{name}': its newest snapshot is damaged; go back to a sound one with "
            f"`nextbest learn -p {name} --rollback N`, or learn the whole log again with --afresh."
        )
    refuse_rolled_back(connection, name)
    seen, before_us = learning.newest_outcome(connection), microseconds(at - current.program.goal.window)
    looks_at_rows(connection, current.program, before_us)
    due, late = entries.due(connection, name, before_us, limit), learning.changed(connection, name, LATE)
    if not len(due) and not late:
        return None
    base, aside = current.snapshot_version, set_aside(connection, current.program, due.seq.tolist())
    chosen = due.only(without(due, aside))
    current = _encoded(connection, current, chosen)
    current, again = _parted(connection, current, chosen, Learnt.of_rows(late))
    watch_on(current.policy, watched.spans(connection, name))
    lesson = taught(connection, current, due, aside)  # before what is corrected: judged by what was served
    corrected = taught_again(connection, current, again, isinstance(current.policy, Additive))
    body = freeze(with_usual(connection, current), current.policy, lesson.seen)
    check_canary(connection, current.program, body)
    return Study(
        current.program,
        base,
        erasures.newest(connection, name),
        body,
        lesson.learnt,
        corrected.learnt,
        {**aside, **lesson.odd, **corrected.odd},
        lesson.people | corrected.people,
        watched_by(current.policy),
        Counter(source for source, _ in lesson.held | corrected.held),
        seen,
    )


def publish(connection: Connection, done: Study, at: datetime) -> Lesson | None:
    """Publish what was studied and mark it learnt; None if others published or erased meanwhile."""
    program, due, late = done.program, done.due, done.late
    if snapshots.newest_version(connection, program.name) != done.base:
        return None
    if erasures.newest(connection, program.name) != done.erased:
        return None
    learnt = due.reward[np.isfinite(due.reward)]
    reason = f"learnt {len(learnt)} decisions, corrected {len(late)}"
    version = issue(connection, program.name, done.body, at, reason)
    folds.customers(connection, done.people)
    settle(connection, program, due, done.seen, at)
    settle(connection, program, late, done.seen, at)
    watched.remember(connection, program.name, done.spans)
    quarantine.note(connection, program.name, late.listed.seq.tolist(), done.noted, microseconds(at))
    mean = float(learnt.mean()) if len(learnt) else None
    return Lesson(len(learnt), len(late), mean, version, done.held)


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


def _encoded(connection: Connection, current: Live, due: Entries) -> Live:
    """The program with an encoding: its snapshot's, or one fitted to the first decisions that are learnt."""
    if current.snapshot_version:
        return current
    first = due.only(slice(FITTED))
    return replace(current, encoding=fitted(connection, current.program, first))


def _parted(connection: Connection, current: Live, due: Entries, late: Learnt) -> tuple[Live, Learnt]:
    """The program with early signs looked for anew, if it is time; and what has to be learnt again: all, if
    they moved.
    """
    learnt, among = sum(current.seen.values()), current.encoding.contacts
    first = due.only(slice(SIGNS))
    if not isinstance(current.policy, Additive) or not signs.are_due(among, learnt, learnt + len(first)):
        return current, late
    if candidates.serving(connection, current.program.name) is not None:
        return current, late  # what it learnt elsewhere is parted by the signs it came with
    looked = judged(connection, current.program, first)
    contacts = learnt + sum(int((one.taught & one.sent).sum()) for one in looked)
    if not signs.are_due(among, learnt, contacts):
        return current, late
    every = Learnt(*entries.learnt(connection, current.program.name))
    looked += judged(connection, current.program, every.listed)
    encoding = with_signs(current, looked, contacts)
    return replace(current, encoding=encoding), late if encoding.signs == current.encoding.signs else every
