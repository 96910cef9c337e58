"""The guardrail of a step: do customers fare worse with it? Then the last good snapshot serves again.

A step is a promotion or a policy learnt afresh. From the day of it the arm `policy` is compared with arms
that do not go by the policy: unsubscribes, complaints and whatever the goal counts as a loss, and what
outcomes are worth. The comparison may be looked at as often as one likes (`engine.experiments.sequential`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import Connection

from engine.applied import Signature, stored_program
from engine.calendar import microseconds
from engine.domain import Goal
from engine.experiments import sequential, welch
from engine.experiments.guardrails import MARGIN, harmful
from engine.experiments.sample import Moments
from engine.experiments.welch import Interval
from engine.published import roll_back
from engine.relearn import STEPS
from engine.reward import worth
from engine.store import programs, since, snapshots
from engine.store.audit import AuditRow, append_audit
from policies.base import Floats

PLANNED = 28  # days after a step at which harm is found soonest
CUSTOMERS, EVENTS = 100, 10  # fewer in an arm, or of a kind of harm in both, tell nothing
CLAMP = 0.999  # what one customer brought counts up to this quantile of those who brought anything
GUARD = Signature("nextbest", "guardrail")
WORTH = "worth of outcomes"
_CONTROLS = ("bau", "random", "holdout")  # of harm: contacted by other rules; of worth: never contacted first
_SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Step:
    """A snapshot with which another policy began to serve, and the good one before it, if there is one."""

    version: int
    before: int | None
    since_us: int


@dataclass(frozen=True, slots=True)
class Look:
    """The arm `policy` less `control`, per customer; the interval holds at every look."""

    metric: str
    control: str
    effect: Interval
    harm: bool

    def __str__(self) -> str:
        """`"unsubscribe: +0.021 a customer (+0.008 to +0.034) against bau"`."""
        one = self.effect
        told = f"{one.value:+.4g} a customer ({one.low:+.4g} to {one.high:+.4g})"
        return f"{self.metric}: {told} against {self.control}"


@dataclass(frozen=True, slots=True)
class Guarded:
    """A look at the newest step; `step` is None where there is none to guard."""

    step: Step | None
    looks: tuple[Look, ...]

    @property
    def harm(self) -> str:
        """What harm is shown, "" for none."""
        return "; ".join(str(one) for one in self.looks if one.harm)


def guard(
    connection: Connection, name: str, at: datetime, margin: float = MARGIN, level: float = 0.95
) -> Guarded:
    """Look whether customers fare worse since the newest step of a program.

    Args:
        margin: more harm per customer than this is not lived with.
        level: of all intervals together, at all looks together.
    """
    step = newest_step(connection, name)
    if step is None or microseconds(at) - step.since_us < _SECOND_US:
        return Guarded(step, ())
    program, span = stored_program(connection, name), (step.since_us, microseconds(at))
    customers = since.arms_since(connection, name, *span)
    totals = _totals(since.outcomes_since(connection, name, *span), program.goal)
    kinds = harmful(program.goal, sorted(totals))
    seconds = (span[1] - span[0]) // _SECOND_US
    wanted = [(kind, _CONTROLS, margin) for kind in kinds] + [(WORTH, _CONTROLS[::-1], 0.0)]
    each = 1 - (1 - level) / len(wanted)
    looks = (_look(metric, arms, customers, totals, (seconds, limit, each)) for metric, arms, limit in wanted)
    return Guarded(step, tuple(one for one in looks if one is not None))


def go_back(connection: Connection, name: str, found: Guarded, at: datetime) -> int:
    """Publish the snapshot before the step again, with a line in the audit; learning waits from then on.

    Returns:
        The version of the copy.

    Raises:
        RefusedError: that snapshot is damaged or was erased.
    """
    assert found.step is not None and found.step.before is not None, "there is a snapshot to go back to"
    served = snapshots.newest_version(connection, name)
    copy = roll_back(connection, name, found.step.before, at)
    version = programs.current_version(connection, name)
    sha256 = programs.program_sha256(connection, name, version) or ""
    changes = f"snapshot {served} -> {copy}, a copy of {found.step.before}"
    line = AuditRow(
        microseconds(at), GUARD.who, GUARD.how, name, version, version, sha256, sha256, changes, found.harm
    )
    append_audit(connection, line)
    return copy


def newest_step(connection: Connection, name: str) -> Step | None:
    """The newest step of what serves; None before the first, and after going back."""
    rows = snapshots.listed(connection, name)
    for i in range(len(rows) - 1, -1, -1):
        if rows[i].copy_of is not None:
            return None
        if rows[i].reason.startswith(STEPS):
            good = [one.version for one in rows[:i] if one.bytes]
            return Step(rows[i].version, good[-1] if good else None, rows[i].created_us)
    return None


def _totals(
    rows: Sequence[tuple[str, str, str, int, float]], goal: Goal
) -> Mapping[str, Mapping[str, list[float]]]:
    """By metric and arm, the totals of the customers who have any."""
    totals: dict[str, dict[str, list[float]]] = {}
    earned: dict[tuple[str, str], float] = {}
    for arm, customer, kind, count, value in rows:
        totals.setdefault(kind, {}).setdefault(arm, []).append(float(count))
        amount = (count - 1) * worth(goal, kind, 0.0) + worth(goal, kind, value)
        earned[arm, customer] = earned.get((arm, customer), 0.0) + amount
    for (arm, _), amount in earned.items():
        totals.setdefault(WORTH, {}).setdefault(arm, []).append(amount)
    return totals


def _look(
    metric: str,
    controls: Sequence[str],
    customers: Mapping[str, int],
    totals: Mapping[str, Mapping[str, list[float]]],
    terms: tuple[int, float, float],
) -> Look | None:
    """None where the arms are too small, or too little happened."""
    seconds, margin, level = terms
    control = next((arm for arm in controls if customers.get(arm, 0) >= CUSTOMERS), None)
    if control is None or customers.get("policy", 0) < CUSTOMERS:
        return None
    found = totals.get(metric, {})
    both = [np.array(found.get(arm, ()), dtype=np.float64) for arm in (control, "policy")]
    if sum(len(one) for one in both) < EVENTS:
        return None
    limit = np.quantile(np.concatenate(both), CLAMP) if metric == WORTH else np.inf
    c, t = (
        _moments(np.minimum(one, limit), customers[arm])
        for one, arm in zip(both, (control, "policy"), strict=True)
    )
    if c.variance + t.variance == 0.0:
        return None
    effect = sequential.planned(welch.difference(c, t), seconds, PLANNED * 86_400, level)
    harm = effect.high < 0.0 if metric == WORTH else effect.low > margin
    return Look(metric, control, effect, harm)


def _moments(total: Floats, n: int) -> Moments:
    """Of n customers, all of whom have 0 but those with a total."""
    mean = float(total.sum()) / n
    square = float(((total - mean) ** 2).sum()) + (n - len(total)) * mean**2
    return Moments(n, mean, square / (n - 1))
