"""Learning afresh: a new encoding and a new policy, taught with every matured decision of the log in order.

It makes what changed in the program count: another `policy:`, new attributes, new levels. It is also the one
way to correct a policy that is not additive. The log is read piece by piece; what stays in memory is 32 bytes
a decision. The old snapshot serves until the new one is published.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
from sqlalchemy import Connection

from engine import context, signs
from engine.calendar import microseconds
from engine.canary import check_canary
from engine.choose import Live
from engine.domain import PolicySpec, Program
from engine.errors import RefusedError
from engine.learn import issue
from engine.live import built, freeze, live
from engine.situation import columns, decode
from engine.store import candidates, erasures, learning, quarantine, snapshots, watched
from engine.store.rows import DueRow, LearntRow
from engine.teach import Reasons, decided_under, earned_by, marks, seen_of, set_aside, teach, with_signs
from engine.uncollected import uncollected
from policies.base import Changing, Floats, Ints

AFRESH, PROMOTED = "learnt afresh", "promoted"
STEPS = (AFRESH, PROMOTED)  # how the reasons of snapshots begin with which another policy may serve
PIECE = 20_000  # decisions in memory at once
FITTED = 50_000  # the encoding is fitted to so many of the newest decisions
SIGNS = 20_000  # early signs are looked for among so many of them


@dataclass(frozen=True, slots=True)
class Relearnt:
    """What learning afresh gave: the body of a snapshot, and what is to be marked once it is published.

    Attributes:
        marked: (n, 4) decision, end of its window, newest outcome seen, when learnt.
        reward: (n,) what each was learnt with.
        rest: (n,) the part of it that early signs did not foretell.
        skipped: (s,) decisions that are not learnt: their action is gone, or they are set aside.
        erased: the newest erasure by then.
        noted: why decisions are not learnt, or learnt with a smaller reward.
        held: outcomes that are not learnt from, by source: more than it may teach.
    """

    program: Program
    body: bytes
    marked: Ints
    reward: Floats
    rest: Floats
    skipped: Ints
    erased: int
    noted: Reasons
    held: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class AfreshLesson:
    """What a run of learning afresh did."""

    decisions: int
    skipped: int
    mean_reward: float | None
    snapshot: int
    held: Mapping[str, int] = field(default_factory=dict)


def relearn(connection: Connection, name: str, at: datetime) -> AfreshLesson:
    """Learn a program afresh and publish it; see `restudy` and `republish`."""
    return republish(connection, restudy(connection, name, at), at)


@uncollected()
def restudy(
    connection: Connection, name: str, at: datetime, piece: int = PIECE, policy: PolicySpec | None = None
) -> Relearnt:
    """Learn all that has matured by `at` from nothing, with the program's policy or another; writes nothing.

    Raises:
        RefusedError: nothing has matured, or what was learnt cannot be served.
    """
    current = live(connection, name, snapshot=0)
    if policy is not None:
        current = replace(current, policy=built(policy, current.program))
    served = live(connection, name).policy
    if isinstance(current.policy, Changing) and isinstance(served, Changing) and served.changes:
        current.policy.change(served.changes)
    before_us = microseconds(at - current.program.goal.window)
    current = replace(current, encoding=newest_encoding(connection, current, before_us))
    names = Names(connection, current.program)
    marked, reward, rest = [np.zeros((0, 4), dtype=np.int64)], [np.zeros(0)], [np.zeros(0)]
    skipped = list[int]()
    noted, held = dict[int, str](), set[tuple[str, str]]()
    for rows in _pieces(connection, name, before_us, piece):
        aside = set_aside(connection, current.program, rows)
        known = [names.known(row) and row.seq not in aside for row in rows]
        skipped += [row.seq for row, there in zip(rows, known, strict=True) if not there]
        chosen = [row for row, there in zip(rows, known, strict=True) if there]
        earned = earned_by(connection, current.program, chosen)
        noted |= {**aside, **earned.odd}
        held |= earned.held
        lesson = earned.reward, earned.rest(current.encoding.signs)
        teach(connection, current, chosen, *lesson, 1.0)
        current = replace(current, seen=seen_of(connection, current, chosen))
        marked.append(_packed(marks(current.program, chosen, *lesson, at)))
        reward.append(lesson[0])
        rest.append(lesson[1])
    if len(marked) == 1:
        raise RefusedError(f"program '{name}': no decision has matured, so there is nothing to learn afresh.")
    body = freeze(current.encoding, current.policy, current.seen)
    check_canary(connection, current.program, body)
    gone, erased = np.array(skipped, dtype=np.int64), erasures.newest(connection, name)
    learnt = np.concatenate(marked), np.concatenate(reward), np.concatenate(rest)
    sent = Counter(source for source, _ in held)
    return Relearnt(current.program, body, *learnt, gone, erased, noted, sent)


def republish(connection: Connection, done: Relearnt, at: datetime, reason: str = AFRESH) -> AfreshLesson:
    """Publish what was learnt afresh; learnt is from now on what is in it, and nothing else.

    What somebody else has learnt and published meanwhile waits to be learnt again. Snapshots that had learnt
    from somebody who was erased lose their content.

    Raises:
        RefusedError: somebody was erased meanwhile.
    """
    name, n = done.program.name, len(done.reward)
    if erasures.newest(connection, name) != done.erased:
        raise RefusedError(f"program '{name}': somebody was erased meanwhile; learn afresh once more.")
    version = issue(connection, name, done.body, at, f"{reason}: {n} decisions, {len(done.skipped)} skipped")
    learning.unlearn_all(connection, name)
    for start in range(0, n, PIECE):
        rows = slice(start, start + PIECE)
        columns_of = (one[rows].tolist() for one in (done.marked, done.reward, done.rest))
        learnt = [
            LearntRow(seq, one, when, until, seen, other)
            for (seq, until, seen, when), one, other in zip(*columns_of, strict=True)
        ]
        learning.mark_learnt(connection, learnt)
    learning.pass_over(connection, done.skipped.tolist())
    quarantine.clear(connection, name)
    watched.remember(connection, name, ())
    candidates.retire(connection, name)
    quarantine.note(connection, name, [], done.noted, microseconds(at))
    if (first_us := erasures.unsettled(connection, name)[1]) is not None:
        snapshots.empty(connection, name, first_us, version)
        erasures.settle(connection, name, microseconds(at))
    mean = float(done.reward.mean()) if n else None
    return AfreshLesson(n, len(done.skipped), mean, version, done.held)


class Names:
    """Which logged actions a program still has, by their names; each version is read once."""

    def __init__(self, connection: Connection, current: Program) -> None:
        self._connection = connection
        self._current = current
        self._kept = {action.name for action in current.actions}
        self._known: dict[int, list[bool]] = {}

    def known(self, row: DueRow) -> bool:
        version = row.program_version
        if version not in self._known:
            made_under = decided_under(self._connection, self._current, version)
            self._known[version] = [action.name in self._kept for action in made_under.actions]
        return self._known[version][row.action]


def newest_encoding(connection: Connection, current: Live, before_us: int) -> context.Encoding:
    """An encoding fitted to the newest decisions before a moment, and to what followed them."""
    program = current.program
    rows = learning.newest(connection, program.name, before_us, FITTED)
    fitted = context.fit(program, columns(program, [decode(row.situation) for row in rows]).values)
    rows, contacts = rows[:SIGNS], sum(row.contact for row in rows[:SIGNS])
    if not signs.are_due(0, 0, contacts):
        return fitted
    lesson = rows, earned_by(connection, program, rows)
    return with_signs(replace(current, encoding=fitted), [lesson], contacts)


def _pieces(connection: Connection, name: str, before_us: int, piece: int) -> Iterator[list[DueRow]]:
    after = 0
    while rows := learning.matured(connection, name, before_us, after, piece):
        yield rows
        after = rows[-1].seq


def _packed(rows: list[LearntRow]) -> Ints:
    made = [(row.decision, row.until_us, row.seen, row.learnt_us) for row in rows]
    return np.array(made, dtype=np.int64).reshape(-1, 4)
