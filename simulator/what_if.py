"""What an edited program would have earned, from the log of the program that is live.

Every logged decision that was drawn by lot is made anew, in the situation it was made in and with the
snapshot that served it, by the live program and by the edited one: rules, levers, caps, values, policies and
arms are theirs. What either would have done is a pmf over the logged feasible set, and so a target like any
other; what the log never tried is told as not covered.

What a choice changes later is not in it: contacts that caps counted stand as they were.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from msgspec.structs import replace as changed
from sqlalchemy import Connection

from engine.applied import live_program, read_program
from engine.arms import NEVER_CONTACTED
from engine.budget import supply
from engine.choose import Live, chances, weigh
from engine.domain import Program
from engine.errors import InputError, StoreError
from engine.live import built, live
from engine.screen import screen
from engine.situation import Situation, columns, decode
from engine.store import decisions, exports
from policies.base import NO_ACTION, Actions, Floats, Ints
from policies.snapshot import SnapshotError
from simulator.estimators.base import value
from simulator.evaluate import Fitted, fit, judge, paired
from simulator.interval.base import Evidence, Interval
from simulator.interval.gamma import gamma
from simulator.interval.kinds import apart
from simulator.logs import Log
from simulator.method import Method
from simulator.targets import Target

PREFIX = "program:"  # before the name of a program file, as a policy
PART = 5_000


@dataclass(frozen=True, slots=True)
class Beside:
    """A figure under the live program and under the edited one, with the paired difference."""

    before: float
    after: float
    difference: Interval


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What an edited program would have changed; no reward where the log does not support it.

    Attributes:
        decisions: of the log that could be used.
        verdict, reason: as an evaluation has them, of the edited program.
        covered: share of what the edited program would do that the log has tried.
        reward: per decision.
        contacts: share of decisions that contact somebody.
        reach: share of customers who are contacted at least once.
        notes: what was left out, and what this does not know.
    """

    decisions: int
    verdict: str
    reason: str
    covered: float
    reward: Beside | None
    contacts: Beside
    reach: Beside
    notes: tuple[str, ...]


def what_if(connection: Connection, edited: Program, log: Log, level: float = 0.95) -> WhatIf:
    """The edited program against the live one of its name, on the log of that.

    Raises:
        InputError: the log cannot be used.
    """
    current = live_program(connection, edited.name)
    if current is None:
        raise InputError(f"the store has no program '{edited.name}', and so no log of it.")
    made = remade(connection, log, [current, edited])
    before, after = (Target(name, pmf) for name, pmf in zip(("live", "edited"), made.pmf, strict=True))
    fitted = fit(made.log, Method(level=level))
    found, its = judge(after, fitted, Method(level=level)), judge(before, fitted, Method(level=level))
    pair = paired(found, fitted, its)
    reward = None
    if pair is not None:
        lift = apart("gamma", *pair, level)
        reward = Beside(value(its.terms[its.chosen]), value(found.terms[found.chosen]), lift)
    diagnosis = found.diagnosis
    reason = diagnosis.reason if diagnosis.verdict == "refused" or pair is not None else its.diagnosis.reason
    return WhatIf(
        len(made.log),
        diagnosis.verdict if pair is not None else "refused",
        reason,
        diagnosis.coverage,
        reward,
        _contacts(made, level),
        _reach(made, fitted, level),
        (*made.log.notes, *made.notes),
    )


def programs_as_targets(
    connection: Connection, name: str, log: Log, files: Sequence[str]
) -> tuple[Log, list[Target]]:
    """The log with the actions of all program files in it, and each file as a target on it.

    Raises:
        InputError: a file is of another program.
    """
    if not files:
        return log, []
    edited = [read_program(Path(file))[0] for file in files]
    for file, one in zip(files, edited, strict=True):
        if one.name != name:
            raise InputError(f"{file}: is of program '{one.name}', the log of '{name}'; give a file of that.")
    made = remade(connection, log, edited)
    return made.log, [Target(f"{PREFIX}{file}", pmf) for file, pmf in zip(files, made.pmf, strict=True)]


@dataclass(frozen=True, slots=True)
class Remade:
    """A log whose actions are those of several programs, and the (n, k) pmf of each program on it."""

    log: Log
    pmf: tuple[Floats, ...]
    notes: tuple[str, ...]


def remade(connection: Connection, log: Log, programs: Sequence[Program]) -> Remade:
    """Every decision of the log made anew by each program; those whose snapshot is gone are left out.

    Raises:
        InputError: no decision can be made anew.
    """
    whole = widened(log, programs)
    place = {name: j for j, name in enumerate(whole.actions.names)}
    pmf = [np.zeros(whole.mask.shape) for _ in programs]
    kept = np.zeros(len(log), dtype=np.bool_)
    row_of = {id: i for i, id in enumerate(log.frame["id"].to_list())}
    lives, first = _Lives(connection, programs), 0 if log.at is None else log.at.min()
    for snapshot, found in _by_snapshot(connection, programs[0].name, row_of, int(first)):
        ready = lives.at(snapshot)
        if ready is None:
            continue
        rows = np.array([i for i, _ in found])
        kept[rows] = True
        for own, served in zip(pmf, ready, strict=True):
            at = np.array([place[one] for one in served.actions.names])
            own[np.ix_(rows, at)] = mixed(served, [situation for _, situation in found])
    if not kept.any():
        raise InputError(f"{log.source}: none of its decisions can be made anew; their snapshots are gone.")
    notes = list(lives.notes)
    if lost := int((~kept).sum()):
        notes.append(f"{lost:,} decisions are left out: the snapshot that served them is gone.")
    return Remade(whole.rows(kept), tuple(one[kept] for one in pmf), tuple(notes))


def mixed(served: Live, situations: Sequence[Situation]) -> Floats:
    """(n, k) what a program does with customers whose arm is not drawn yet: its arms by their shares."""
    made = np.zeros((len(situations), len(served.actions)))
    for arm, share in served.program.arms:
        if share == 0.0:
            continue
        if arm in NEVER_CONTACTED:
            made[:, served.actions.names.index(NO_ACTION)] += share
            continue
        rows = columns(served.program, [changed(one, arm=arm) for one in situations])
        weighed = weigh(served, rows)
        charge = (
            supply.charge(served.program, rows, weighed.feasible.send_us) if served.program.budgets else None
        )
        made += share * chances(served, rows, weighed, charge)[1]
    return made


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
            if stored is not None and _limits(one) != _limits(stored):
                self.notes.append(
                    "Caps or pauses differ, and they count the contacts that the live program made: taken "
                    "forward, the change would be smaller than what is shown."
                )

    def at(self, snapshot: int) -> list[Live] | None:
        try:
            base = live(self._connection, self._programs[0].name, snapshot=snapshot)
        except (SnapshotError, StoreError):
            return None
        return [self._ready(base, one) for one in self._programs]

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


def _limits(program: Program) -> dict[tuple[str, str], object]:
    """Caps and pauses at every level, where there are any."""
    levels = [("program", "", program)]
    for kind in ("groups", "offers", "channels"):
        levels += [(kind, one.name, one) for one in getattr(program, kind)]
    return {
        (kind, name): (one.caps, one.cooldowns) for kind, name, one in levels if one.caps or one.cooldowns
    }


def _by_snapshot(
    connection: Connection, name: str, row_of: dict[str, int], since_us: int
) -> Iterator[tuple[int, list[tuple[int, Situation]]]]:
    """(snapshot, its rows of the log with their situations), some thousand at a time."""
    waiting = dict[int, list[tuple[int, Situation]]]()
    after = exports.first_decision(connection, name, since_us) - 1
    while part := decisions.decisions_iter(connection, name, after, PART):
        after = part[-1].seq
        for row in part:
            if row.id in row_of and row.snapshot_version is not None:
                waiting.setdefault(row.snapshot_version, []).append((row_of[row.id], decode(row.situation)))
        for snapshot in [one for one, rows in waiting.items() if len(rows) >= PART]:
            yield snapshot, waiting.pop(snapshot)
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


def _contacts(made: Remade, level: float) -> Beside:
    """Share of decisions with a contact: what the programs do, with the chance of other customers alone."""
    before, after = (_sent(made.log, pmf) for pmf in made.pmf)
    return _beside(before, after, made.log.cluster, level)


def _reach(made: Remade, fitted: Fitted, level: float) -> Beside:
    """Share of customers with at least one contact over their decisions."""
    unit = np.arange(len(made.log)) if made.log.cluster is None else made.log.cluster
    never = [np.bincount(unit, np.log1p(-np.minimum(_sent(made.log, pmf), 1 - 1e-12))) for pmf in made.pmf]
    return _beside(-np.expm1(never[0]), -np.expm1(never[1]), None, level)


def _sent(log: Log, pmf: Floats) -> Floats:
    """(n,) probability of a contact."""
    silent = [j for j, name in enumerate(log.actions.names) if name == NO_ACTION]
    sent: Floats = np.clip(1.0 - pmf[:, silent].sum(axis=1), 0.0, 1.0)
    return sent


def _beside(before: Floats, after: Floats, cluster: Ints | None, level: float) -> Beside:
    one = np.ones(len(before))
    apart_by = gamma(Evidence(after - before, one, after - before - (after - before).mean(), cluster), level)
    return Beside(float(before.mean()), float(after.mean()), apart_by)
