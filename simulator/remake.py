"""Decisions of the log made anew by other programs, in the situations that they were made in.

Each with the snapshot that served it then; rules, levers, caps, values, policies and arms are the program's.
And each by the version that made it, in its arm: so the probability of what was not chosen is known too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from msgspec.structs import replace as changed
from sqlalchemy import Connection

from engine.applied import live_program
from engine.arms import NEVER_CONTACTED
from engine.choose import Live, chances, charged, weigh
from engine.domain import ArmName, Program
from engine.errors import InputError, StoreError
from engine.gather import back
from engine.live import built, live
from engine.screen import screen
from engine.situation import Contact, Situation, columns, decode
from engine.store import decisions, exports
from policies.base import NO_ACTION, Actions, Floats, Ints, Mask
from policies.snapshot import SnapshotError
from simulator.carried import Arms
from simulator.logs import Log

PART = 5_000
SAME = 1e-9  # how far a probability made anew may be from the logged one


@dataclass(frozen=True, slots=True)
class Remade:
    """A log with the actions of several programs, and what each of them would have done in its rows.

    Attributes:
        log: n rows; with their whole pmf if every one comes out again with its logged propensity.
        arms: of each program.
        drew: the arms that drew the log, as the versions that drew it had them; or, as one, each row's own.
        same: (n,) whether the row comes out again with its logged propensity.
        notes: what was left out, in sentences.
    """

    log: Log
    arms: tuple[Arms, ...]
    drew: Arms
    same: Mask
    notes: tuple[str, ...]

    @property
    def pmf(self) -> tuple[Floats, ...]:
        """(n, k) of each program, its arms mixed by their shares."""
        return tuple(one.mixed for one in self.arms)


def remade(connection: Connection, log: Log, programs: Sequence[Program], apart: bool = False) -> Remade:
    """Every decision of the log made anew by each program; those whose snapshot is gone are left out.

    Args:
        connection: to the store of the log.
        log: of the program that is live.
        programs: of its name; where they count contacts over different times, the live one first.
        apart: whether arms are kept apart: those of the program, and those that drew the log.

    Raises:
        InputError: no decision can be made anew.
    """
    whole = widened(log, programs)
    place = {name: j for j, name in enumerate(whole.actions.names)}
    drew = tuple(sorted(set(log.frame["arm"].to_list()))) if apart else ()
    arms = [arms_of(one, drew) for one in programs]
    pmf = [np.zeros((len(one) if apart else 1, *whole.mask.shape)) for one in arms]
    logged = np.zeros((len(drew) or 1, *whole.mask.shape))
    kept = np.zeros(len(log), dtype=np.bool_)
    row_of = {id: i for i, id in enumerate(log.frame["id"].to_list())}
    lives, first = _Lives(connection, programs), 0 if log.at is None else int(log.at.min())
    earlier = _Earlier(connection, programs, log, first) if apart else None
    for (version, snapshot), found in _by_maker(connection, programs[0].name, row_of, first):
        ready = lives.at(snapshot)
        if ready is None:
            continue
        rows = np.array([i for i, _ in found])
        kept[rows] = True
        for own, served, shares in zip(pmf, ready, arms, strict=True):
            told = [one if earlier is None else earlier.known(served.program, one) for _, one in found]
            made = by_arm(served, told, tuple(shares))
            _put(own, rows, served.actions, place, made if apart else _mix(shares, made)[None])
        maker, told = lives.maker(version, snapshot), [one for _, one in found]
        made = by_arm(maker, told, drew) if apart else as_asked(maker, told)[None]
        _put(logged, rows, maker.actions, place, made)
    if not kept.any():
        raise InputError(f"{log.source}: none of its decisions can be made anew; their snapshots are gone.")
    notes = list(lives.notes)
    if lost := int((~kept).sum()):
        notes.append(f"{lost:,} decisions are left out: the snapshot that served them is gone.")
    all_arms = (_arms(one, own[:, kept], apart) for one, own in zip(arms, pmf, strict=True))
    return _checked(whole.rows(kept), tuple(all_arms), drew, logged[:, kept], tuple(notes))


def _checked(
    log: Log, arms: tuple[Arms, ...], drew: tuple[ArmName, ...], logged: Floats, notes: tuple[str, ...]
) -> Remade:
    """The log with its whole pmf, if each of its propensities is what its version comes to again."""
    row, arm = np.arange(len(log)), log.frame["arm"]
    its = np.array([drew.index(one) for one in arm.to_list()]) if drew else 0
    whole = logged[its, row]
    same = np.abs(whole[row, log.action] - log.propensity) < SAME
    share = np.array([(arm == one).mean() for one in drew]) if drew else np.ones(1)
    by = Arms(drew or ("",), share, logged)
    return Remade(replace(log, logging=whole if same.all() else None), arms, by, same, notes)


def _put(own: Floats, rows: Ints, actions: Actions, place: Mapping[str, int], made: Floats) -> None:
    """Write what was made (a, m, k) into rows; actions that the log does not know had no chance."""
    known = [j for j, name in enumerate(actions.names) if name in place]
    at = np.array([place[actions.names[j]] for j in known])
    own[np.ix_(np.arange(len(own)), rows, at)] = made[:, :, known]


def _arms(shares: Mapping[ArmName, float], pmf: Floats, apart: bool) -> Arms:
    """The arms of a program, or all of them as one."""
    return (
        Arms(tuple(shares), np.array(list(shares.values())), pmf) if apart else Arms(("",), np.ones(1), pmf)
    )


def arms_of(program: Program, drew: Sequence[ArmName] = ()) -> dict[ArmName, float]:
    """The arms of a program by their shares, and those of `drew` that it has no more, with a share of 0."""
    own = {arm: share for arm, share in program.arms if share > 0.0}
    return own | {arm: 0.0 for arm in drew if arm not in own}


def mixed(served: Live, situations: Sequence[Situation]) -> Floats:
    """(n, k) what a program does with customers whose arm is not drawn yet: its arms by their shares."""
    shares = arms_of(served.program)
    return _mix(shares, by_arm(served, situations, tuple(shares)))


def _mix(shares: Mapping[ArmName, float], pmf: Floats) -> Floats:
    made: Floats = np.tensordot(np.array(list(shares.values())), pmf, 1)
    return made


def by_arm(served: Live, situations: Sequence[Situation], arms: Sequence[ArmName]) -> Floats:
    """(a, n, k) what a program does in each of the arms."""
    made = np.zeros((len(arms), len(situations), len(served.actions)))
    for own, arm in zip(made, arms, strict=True):
        if arm in NEVER_CONTACTED:
            own[:, served.actions.names.index(NO_ACTION)] = 1.0
            continue
        own[:] = as_asked(served, [changed(one, arm=arm) for one in situations])
    return made


def as_asked(served: Live, situations: Sequence[Situation]) -> Floats:
    """(n, k) what a program does, each in the arm of its situation."""
    rows = columns(served.program, situations)
    weighed = weigh(served, rows)
    return chances(served, rows, weighed, charged(served, rows, weighed))[1]


class _Lives:
    """Programs ready to decide with an earlier snapshot of the live one."""

    def __init__(self, connection: Connection, programs: Sequence[Program]) -> None:
        self._connection, self._programs = connection, programs
        self.notes: list[str] = []
        stored = live_program(connection, programs[0].name)
        for one in programs:
            if stored is not None and one.policy != stored.policy:
                self.notes.append(
                    "The edited policy has learnt nothing yet, and is judged as it would begin."
                )
            if stored is not None and {b.name for b in one.budgets} - {b.name for b in stored.budgets}:
                self.notes.append("Budgets that are new in the file limit nothing here: nobody drew on them.")
            if stored is not None and one.goal != stored.goal:
                self.notes.append("Rewards are counted by the goal that each decision was made under.")

    def at(self, snapshot: int) -> list[Live] | None:
        try:
            base = live(self._connection, self._programs[0].name, snapshot=snapshot)
        except (SnapshotError, StoreError):
            return None
        return [self._ready(base, one) for one in self._programs]

    def maker(self, version: int, snapshot: int) -> Live:
        """The version of the program that made decisions, with a snapshot that is there."""
        return live(self._connection, self._programs[0].name, version, snapshot)

    def _ready(self, base: Live, program: Program) -> Live:
        policy = base.policy if program.policy == base.program.policy else built(program.policy, program)
        drawn_on = {one.name for one in base.program.budgets}
        program = replace(program, budgets=tuple(one for one in program.budgets if one.name in drawn_on))
        return replace(
            base,
            program=program,
            actions=program.action_set(),
            screen=screen(program),
            policy=policy,
            bau=built(program.bau, program),
        )


class _Earlier:
    """Contacts from before those that a situation has, for programs that count over a longer time."""

    def __init__(self, connection: Connection, programs: Sequence[Program], log: Log, first_us: int) -> None:
        self._known, farthest = back(programs[0]), max(back(one) for one in programs)
        self._of: dict[str, list[Contact]] = {}
        if farthest > self._known:
            customers = sorted(set(log.frame["customer"].to_list()))
            for row in decisions.contacts(connection, customers, first_us - farthest):
                self._of.setdefault(row.customer, []).append(Contact(row.at_us, row.offer, row.channel))

    def known(self, program: Program, one: Situation) -> Situation:
        """The situation as the program would have gathered it."""
        farther = back(program)
        if farther <= self._known or one.customer not in self._of:
            return one
        old = [c for c in self._of[one.customer] if -farther <= c.at_us - one.at_us < -self._known]
        return changed(one, contacts=[*old, *(c for c in one.contacts if c.at_us >= one.at_us - self._known)])


def _by_maker(
    connection: Connection, name: str, row_of: dict[str, int], since_us: int
) -> Iterator[tuple[tuple[int, int], list[tuple[int, Situation]]]]:
    """((version, snapshot), its rows of the log with their situations), some thousand at a time."""
    waiting = dict[tuple[int, int], list[tuple[int, Situation]]]()
    after = exports.first_decision(connection, name, since_us) - 1
    while part := decisions.decisions_iter(connection, name, after, PART):
        after = part[-1].seq
        for row in part:
            if row.id in row_of and row.snapshot_version is not None:
                maker = (row.program_version, row.snapshot_version)
                waiting.setdefault(maker, []).append((row_of[row.id], decode(row.situation)))
        for maker in [one for one, rows in waiting.items() if len(rows) >= PART]:
            yield maker, waiting.pop(maker)
    yield from waiting.items()


def widened(log: Log, programs: Sequence[Program]) -> Log:
    """The log with the actions of the programs beside its own; what it never offered is not feasible."""
    known = list(log.actions.names)
    added = [name for one in programs for name in one.action_set().names if name not in known]
    names = [*known, *dict.fromkeys(added)]
    if len(names) == len(known):
        return log
    mask = np.zeros((len(log), len(names)), dtype=np.bool_)
    mask[:, : len(known)] = log.mask
    return replace(log, actions=Actions.plain(tuple(names)), mask=mask, embedding=None)
