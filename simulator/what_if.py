"""What an edited program would have earned, from the log of the program that is live.

Every logged decision that was drawn by lot is made anew, in the situation it was made in and with the
snapshot that served it, by the live program and by the edited one: rules, levers, caps, values, policies and
arms are theirs. What either would have done is a pmf over the logged feasible set, and so a target like any
other; what the log never tried is told as not covered.

Where caps or pauses differ, what one choice changes for the next is most of the effect: both programs are
then taken forward over each customer's decisions (`simulator.carried`). Otherwise every decision is judged as
it stood, which is surer, and the contacts that caps counted stand as they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sqlalchemy import Connection

from engine.applied import live_program, read_program
from engine.domain import Program
from engine.errors import InputError, RefusedError
from engine.happened import wanted
from policies.base import NO_ACTION, Floats, Ints, Mask
from simulator.carried import carried, customer_by_customer, units_of
from simulator.diagnose import LEAST_COVERAGE
from simulator.estimators.base import Rows, value
from simulator.evaluate import Judged, fit, judge, paired
from simulator.interval.base import Evidence, Interval
from simulator.interval.gamma import gamma
from simulator.interval.kinds import apart
from simulator.logs import Log
from simulator.method import Method
from simulator.remake import Remade, remade
from simulator.targets import Target

PREFIX = "program:"  # before the name of a program file, as a policy


@dataclass(frozen=True, slots=True)
class Beside:
    """A figure under the live program and under the edited one, with the paired difference."""

    before: float
    after: float
    difference: Interval


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What an edited program would have changed; None where the log does not support it.

    Attributes:
        decisions: of the log that could be used.
        verdict, reason: as an evaluation has them, of the edited program.
        covered: share of what the edited program would do otherwise that the log could have tried.
        reward: per decision.
        contacts: share of decisions that contact somebody.
        reach: share of customers who are contacted at least once.
        forward: whether programs were taken forward over each customer's decisions.
        notes: what was left out.
    """

    decisions: int
    verdict: str
    reason: str
    covered: float
    reward: Beside | None
    contacts: Beside | None
    reach: Beside | None
    forward: bool
    notes: tuple[str, ...]


def what_if(connection: Connection, edited: Program, log: Log, level: float = 0.95) -> WhatIf:
    """The edited program against the live one of its name, on the log of that.

    Raises:
        InputError: the log cannot be used.
    """
    current = live_program(connection, edited.name)
    if current is None:
        raise InputError(f"the store has no program '{edited.name}', and so no log of it.")
    forward = _limits(edited) != _limits(current)
    made = remade(connection, log, [current, edited], apart=forward)
    its_log, (before, after) = taken_forward(made) if forward else (made.log, made.pmf)
    fitted, how = fit(its_log, Method(level=level)), Method(level=level)
    found, its = (judge(Target(n, pmf), fitted, how) for n, pmf in (("edited", after), ("live", before)))
    pair, covered = paired(found, fitted, its), covered_change(its_log.mask, before, after)
    reason = _reason(found, its, covered, unknown(current, edited))
    supported = pair is not None and not reason[0]
    reward = None
    if supported and pair is not None:
        lift = apart("gamma", *pair, level)
        reward = Beside(value(its.terms[its.chosen]), value(found.terms[found.chosen]), lift)
    counted = supported or not forward
    return WhatIf(
        len(its_log),
        found.diagnosis.verdict if supported else "refused",
        "".join(reason),
        covered,
        reward,
        _contacts(its_log, before, after, level) if counted else None,
        _reach(its_log, its.rows, found.rows, before, after, forward, level) if counted else None,
        forward,
        (*its_log.notes, *made.notes),
    )


def _reason(found: Judged, its: Judged, covered: float, unseen: str) -> tuple[str, str]:
    """Why there is no value, or what makes it weak; one of the two at most."""
    if unseen:
        return unseen, ""
    if covered < LEAST_COVERAGE:
        return untried(covered), ""
    for one in (found, its):
        if one.proof is None:
            return one.diagnosis.reason, ""
    return "", found.diagnosis.reason


def untried(covered: float) -> str:
    """Why a change is unsupported of which the log could have tried so little."""
    return (
        f"{1 - covered:.0%} of what the edited program would do otherwise was not possible when these "
        "decisions were made, as contacts beyond a cap are not: nothing tells what it earns. Apply it to a "
        "part of the customers first, and compare."
    )


def unknown(current: Program, edited: Program) -> str:
    """What the edited program would look at that situations do not hold, in a sentence; or nothing."""
    new, old = wanted(edited), wanted(current)
    if new is None or not new.kinds:
        return ""
    if old is not None and new.kinds <= old.kinds and new.back_us <= old.back_us:
        return ""
    return (
        "The edited program pauses contact after outcomes, or for longer than the live one looks back, and "
        "decisions were logged without those; apply it to a part of the customers first, and compare."
    )


def covered_change(mask: Mask, before: Floats, after: Floats) -> float:
    """Share of the probability that the edited program moves to feasible actions; 1 if it moves none.

    Args:
        mask: (n, k) feasible actions of the log.
        before, after: (n, k) of the two programs.
    """
    more = np.maximum(after - before, 0.0)
    moved = float(more.sum())
    return float(more[mask].sum()) / moved if moved > 1e-9 * len(mask) else 1.0


def taken_forward(made: Remade) -> tuple[Log, tuple[Floats, ...]]:
    """The log and the programs taken forward."""
    log, pmf = carried(made.log, made.drew, made.arms)
    return log if made.same.all() else replace(log, logging=None), tuple(pmf)


def programs_as_targets(
    connection: Connection, name: str, log: Log, files: Sequence[str]
) -> tuple[Log, list[Target]]:
    """The log with the actions of all program files in it, and each file as a target on it.

    Raises:
        InputError: a file is of another program.
        RefusedError: a file has other caps or pauses, and the log cannot tell what they change.
    """
    if not files:
        return log, []
    edited = [read_program(Path(file))[0] for file in files]
    for file, one in zip(files, edited, strict=True):
        if one.name != name:
            raise InputError(f"{file}: is of program '{one.name}', the log of '{name}'; give a file of that.")
    current = live_program(connection, name)
    if current is None or all(_limits(one) == _limits(current) for one in edited):
        made = remade(connection, log, edited)
        return made.log, [Target(f"{PREFIX}{file}", pmf) for file, pmf in zip(files, made.pmf, strict=True)]
    made = remade(connection, log, [current, *edited], apart=True)
    its_log, (before, *pmfs) = taken_forward(made)
    for file, one, pmf in zip(files, edited, pmfs, strict=True):
        covered = covered_change(its_log.mask, before, pmf)
        unseen = unknown(current, one) or (untried(covered) if covered < LEAST_COVERAGE else "")
        if unseen:
            raise RefusedError(f"{file}: unsupported. {unseen}")
    note = "Caps or pauses differ, so program files are taken forward over each customer's decisions."
    return replace(its_log, notes=(*its_log.notes, note)), [
        Target(f"{PREFIX}{file}", pmf) for file, pmf in zip(files, pmfs, strict=True)
    ]


def _limits(program: Program) -> dict[tuple[str, str], object]:
    """Caps and pauses at every level, where there are any."""
    levels = [("program", "", program)]
    for kind in ("groups", "offers", "channels"):
        levels += [(kind, one.name, one) for one in getattr(program, kind)]
    return {
        (kind, name): (one.caps, one.cooldowns) for kind, name, one in levels if one.caps or one.cooldowns
    }


def _contacts(log: Log, before: Floats, after: Floats, level: float) -> Beside:
    """Share of decisions with a contact; where each row stands as it was, without any noise of rewards."""
    silent = _silent(log)
    its, own = (_mean(pmf[:, ~silent].sum(axis=1), pmf.sum(axis=1)) for pmf in (before, after))
    return _beside(its, own, log.cluster, level)


def _reach(
    log: Log, its: Rows, found: Rows, before: Floats, after: Floats, forward: bool, level: float
) -> Beside:
    """Share of customers with at least one contact over their decisions."""
    unit = units_of(log)
    silent = _silent(log)
    if forward:  # by the customers whom the log never contacted, and how likely their paths are
        last, never = _last(log, unit), np.bincount(unit, ~silent[log.action]) == 0
        paths = [rows.weight[last] for rows in (its, found)]
        none, fewer = (_mean(np.where(never, path, 0.0), path) for path in paths)
    else:
        sent = (np.clip(pmf[:, ~silent].sum(axis=1), 0.0, 1 - 1e-12) for pmf in (before, after))
        none, fewer = (np.exp(np.bincount(unit, np.log1p(-one))) for one in sent)
    return _beside(1.0 - none, 1.0 - fewer, None, level)


def _last(log: Log, unit: Ints) -> Ints:
    """The last row of each customer."""
    order = customer_by_customer(log, unit)
    found: Ints = order[np.flatnonzero(np.diff(unit[order], append=-1))]
    return found


def _silent(log: Log) -> Mask:
    """(k,) actions that send nothing."""
    return np.array([name == NO_ACTION for name in log.actions.names])


def _mean(part: Floats, whole: Floats) -> Floats:
    """Terms whose mean is sum(part) / sum(whole), and whose spread is its error (delta method)."""
    ratio = float(part.sum()) / float(whole.sum())
    terms: Floats = ratio + (part - ratio * whole) * len(part) / float(whole.sum())
    return terms


def _beside(before: Floats, after: Floats, cluster: Ints | None, level: float) -> Beside:
    one = np.ones(len(before))
    apart_by = gamma(Evidence(after - before, one, after - before - (after - before).mean(), cluster), level)
    return Beside(float(before.mean()), float(after.mean()), apart_by)
