"""Learning afresh: a new encoding and a new policy, taught with every matured decision of the log in order.

It makes what changed in the program count: another `policy:`, new attributes, new levels. What a candidate
brought that was promoted is kept, if it can be (`engine.begun`). It is also the one way to correct a policy
that is not additive. The log is read piece by piece; what stays in memory is 32 bytes a decision. The old
snapshot serves until the new one is published.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
from sqlalchemy import Connection

from engine import context, signs
from engine.begun import begun
from engine.calendar import microseconds
from engine.canary import check_canary
from engine.choose import Live
from engine.domain import PolicySpec, Program
from engine.errors import RefusedError
from engine.learn import issue
from engine.lesson import FITTED, SIGNS, Learnt, fitted, judged, taught
from engine.live import built, freeze, live
from engine.logged import decided_under
from engine.settle import settle
from engine.spare import with_usual
from engine.store import candidates, entries, erasures, folds, learning, quarantine, snapshots, watched
from engine.store.rows import DueRow
from engine.teach import Reasons, looks_at_rows, set_aside, with_signs
from engine.uncollected import uncollected
from policies.base import Changing, Mask

AFRESH, PROMOTED = "learnt afresh", "promoted"
STEPS = (AFRESH, PROMOTED)  # how the reasons of snapshots begin with which another policy may serve


@dataclass(frozen=True, slots=True)
class Relearnt:
    """What learning afresh gave: the body of a snapshot, and what is to be marked once it is published.

    Attributes:
        learnt: the decisions that had matured; without a reward are those that are not learnt: their action
            is gone, or they are set aside.
        seen, erased: the newest outcome and the newest erasure by then.
        noted: why decisions are not learnt, or learnt with a smaller reward.
        people: customers of such decisions that stand in folds.
        held: outcomes that are not learnt from, by source: more than it may teach.
        over: how many decisions were passed over, since what it began with had learnt them.
        source: where that came from, "" if it began with nothing.
    """

    program: Program
    body: bytes
    learnt: Learnt
    seen: int
    erased: int
    noted: Reasons
    people: Collection[str]
    held: Mapping[str, int]
    over: int
    source: str


@dataclass(frozen=True, slots=True)
class AfreshLesson:
    """What a run of learning afresh did; `begun` is where what it began with came from, "" for nothing."""

    decisions: int
    skipped: int
    mean_reward: float | None
    snapshot: int
    held: Mapping[str, int] = field(default_factory=dict)
    begun: str = ""


def relearn(connection: Connection, name: str, at: datetime, alone: bool = False) -> AfreshLesson:
    """Learn a program afresh and publish it; see `restudy` and `republish`."""
    return republish(connection, restudy(connection, name, at, alone=alone), at)


@uncollected()
def restudy(
    connection: Connection, name: str, at: datetime, policy: PolicySpec | None = None, alone: bool = False
) -> Relearnt:
    """Learn all that has matured by `at`, with the program's policy or another; writes nothing.

    Args:
        policy: learns from nothing.
        alone: whether the program's own is to learn from nothing too, though it began with a candidate.

    Raises:
        RefusedError: nothing has matured, or what was learnt cannot be served, or `engine.begun` refuses.
    """
    current = live(connection, name, snapshot=0)
    if policy is not None:
        current = replace(current, policy=built(policy, current.program))
    before_us = microseconds(at - current.program.goal.window)
    current, row = begun(connection, current) if policy is None and not alone else (current, None)
    if row is None:
        current = _from_nothing(connection, current, before_us)
    looks_at_rows(connection, current.program, before_us)
    seen, listed = learning.newest_outcome(connection), entries.matured(connection, name, before_us)
    if not len(listed):
        raise RefusedError(f"program '{name}': no decision has matured, so there is nothing to learn afresh.")
    over = listed.seq[listed.at_us < (row.until_us or 0)].tolist() if row else []
    aside = set_aside(connection, current.program, listed.seq.tolist())
    kept = Names(connection, current.program).kept
    made = taught(connection, current, listed, {*aside, *over}, kept)
    body = freeze(with_usual(connection, current), current.policy, made.seen)
    check_canary(connection, current.program, body)
    sent, noted = Counter(source for source, _ in made.held), {**aside, **made.odd}
    erased = erasures.newest(connection, name)
    came = (len(over), row.source if row else "")
    return Relearnt(current.program, body, made.learnt, seen, erased, noted, made.people, sent, *came)


def _from_nothing(connection: Connection, current: Live, before_us: int) -> Live:
    """With an encoding fitted anew; what is known of changes of the world is kept."""
    served = live(connection, current.program.name).policy
    if isinstance(current.policy, Changing) and isinstance(served, Changing) and served.changes:
        current.policy.change(served.changes)
    return replace(current, encoding=newest_encoding(connection, current, before_us))


def republish(connection: Connection, done: Relearnt, at: datetime, reason: str = AFRESH) -> AfreshLesson:
    """Publish what was learnt afresh; learnt is from now on what is in it, and nothing else.

    What somebody else has learnt and published meanwhile waits to be learnt again. Snapshots that had learnt
    from somebody who was erased lose their content.

    Raises:
        RefusedError: somebody was erased meanwhile.
    """
    name, learnt = done.program.name, done.learnt.reward[np.isfinite(done.learnt.reward)]
    if erasures.newest(connection, name) != done.erased:
        raise RefusedError(f"program '{name}': somebody was erased meanwhile; learn afresh once more.")
    n, skipped = len(learnt), len(done.learnt) - len(learnt) - done.over
    version = issue(connection, name, done.body, at, f"{reason}: {n} decisions, {skipped} skipped")
    learning.unlearn_all(connection, name)
    folds.customers(connection, done.people)
    settle(connection, done.program, done.learnt, done.seen, at)
    quarantine.clear(connection, name)
    watched.remember(connection, name, ())
    if not done.source:
        candidates.retire(connection, name)
    quarantine.note(connection, name, [], done.noted, microseconds(at))
    if (first_us := erasures.unsettled(connection, name)[1]) is not None:
        snapshots.empty(connection, name, first_us, version)
        erasures.settle(connection, name, microseconds(at))
    mean = float(learnt.mean()) if n else None
    return AfreshLesson(n, skipped, mean, version, done.held, done.source)


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
            self._known[version] = self.kept(made_under).tolist()
        return self._known[version][row.action]

    def kept(self, made_under: Program) -> Mask:
        """(k,) which actions of a version."""
        return np.array([action.name in self._kept for action in made_under.actions], dtype=np.bool_)


def newest_encoding(connection: Connection, current: Live, before_us: int) -> context.Encoding:
    """An encoding fitted to the newest decisions before a moment, and to what followed them."""
    program = current.program
    newest = entries.newest(connection, program.name, before_us, FITTED)
    made = fitted(connection, program, newest)
    lately = judged(connection, program, newest.only(slice(SIGNS)))
    contacts = sum(int(one.sent.sum()) for one in lately)
    if not signs.are_due(0, 0, contacts):
        return made
    return with_signs(replace(current, encoding=made), lately, contacts)
