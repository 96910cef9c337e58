"""The nouns of a simulated season: what was decided, what came of it, and what is told about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.domain import ArmName, PolicySpec, Program
from engine.experiments.report import Report
from engine.experiments.welch import Interval
from policies.base import Floats, Ints, Mask
from simulator.audit import Audit
from simulator.evaluation import PolicyValue

LAST = 7  # days at the end of a season that are compared with as many at its start


def label(policy: PolicySpec) -> str:
    """What a policy is called: its kind, and the action if it is always the same one."""
    return f"constant:{policy.settings['action']}" if policy.kind == "constant" else policy.kind


@dataclass(frozen=True, slots=True)
class Met:
    """What m of a morning's decisions were decided on.

    Attributes:
        row: (m,) which of them, in order.
        X: (m, d) contexts as the policy saw them.
        prior: (m, k) expected net value before learning.
    """

    row: Ints
    X: Floats
    prior: Floats

    def only(self, row: Ints) -> Met:
        """Those of some rows that are among them."""
        own = np.isin(self.row, row)
        return Met(self.row[own], self.X[own], self.prior[own])


@dataclass(frozen=True, slots=True)
class Decisions:
    """What the engine decided for n customers on one morning.

    Attributes:
        day: 0, 1, ...
        at_us: the moment, microseconds UTC.
        arm: (n,) arm of each customer.
        action: (n,) what was done; no_action in the holdout.
        propensity: (n,) the logged probability of it.
        pmf: (n, k) probabilities of what is done: those of the arm's policy; no_action alone in the holdout.
        mask: (n, k) feasible actions.
        send_us: (n,) when it is sent, microseconds UTC; the decision's moment for no_action.
        ids: n decision ids.
        met: what some of them were decided on.
    """

    day: int
    at_us: int
    arm: NDArray[np.str_]
    action: Ints
    propensity: Floats
    pmf: Floats
    mask: Mask
    send_us: Ints
    ids: list[str]
    met: Met

    def __len__(self) -> int:
        return len(self.action)


@dataclass(frozen=True, slots=True)
class Page:
    """A day of the policy's arm: (m,) actions, (m, k) feasible ones, (m, k) expected net rewards."""

    action: Ints
    mask: Mask
    response: Floats


@dataclass(frozen=True, slots=True)
class Tally:
    """One arm on one day; figures are means over its customers.

    Attributes:
        contacts: customers contacted.
        reward: net reward that was realised inside the goal's window.
        value: its exact expectation under the truth, given the customers' states and what was drawn for them.
        regret: what the probabilities fell short of the greedy best feasible action, exact over the pmf.
        floor: the least probability that any feasible action had; None in the holdout.
    """

    day: int
    arm: ArmName
    customers: int
    contacts: int
    reward: float
    value: float
    regret: float
    floor: float | None


@dataclass(frozen=True, slots=True)
class Rung:
    """One arm over the whole season: what was observed, and the truth beside it. Money per customer.

    Attributes:
        contacts: per customer.
        estimate: mean realised net reward with its interval; None where it does not vary.
        value: the truth of it: mean over the arm's customers of the expected net reward of the decisions that
            were made for them, summed over the days.
        lift: estimated difference to the holdout with its interval; None if one of the two does not vary.
        true_lift: `value` less what the same customers would be expected to bring under the same luck if
            nobody ever contacted them.
        p: two-sided p-value of no lift.
        regret: shortfall to the greedy best feasible action, summed over the days.
    """

    arm: ArmName
    customers: int
    contacts: float
    estimate: Interval | None
    value: float
    lift: Interval | None
    true_lift: float
    p: float | None
    regret: float


@dataclass(frozen=True, slots=True)
class Use:
    """How often an action was chosen in the policy's arm: share of its decisions, by days.

    Attributes:
        first: in the first seven days.
        last: in the last seven days.
        best: share of the same customers and days (the last seven) on which it was the greedy best.
        value: expected net reward, less that of doing nothing, where it was chosen in the last seven days;
            None if it was not.
    """

    action: str
    offer: str
    channel: str
    slot: str
    first: float
    last: float
    best: float
    value: float | None


@dataclass(frozen=True, slots=True)
class Judged:
    """One policy on the decisions of the arm `random`: its estimate from this log, and the truth beside it.

    Attributes:
        found: estimate, interval and verdict, per decision.
        value: exact expected net reward per decision of the policy's probabilities on the same decisions.
    """

    found: PolicyValue
    value: float


@dataclass(frozen=True, slots=True)
class Season:
    """A world lived through once with one policy in the arm `policy`.

    Attributes:
        policy: what that policy is called.
        program: as it was applied.
        snapshots: how often something learnt was published.
        daily: one row a day and arm.
        ladder: one row an arm: policy, random, bau, holdout.
        report: the experiment's report on the season's net reward; None without a holdout that varies.
        audit: violations of constraints, counted from what was sent.
        uses: one row an action, no_action first.
        off_policy: policies judged from the arm `random` of the last 28 days; empty where they cannot be.
        refusal: why `off_policy` is empty, "" if it is not.
    """

    world: str
    customers: int
    days: int
    seed: int
    policy: str
    program: Program
    snapshots: int
    daily: tuple[Tally, ...]
    ladder: tuple[Rung, ...]
    report: Report | None
    audit: Audit
    uses: tuple[Use, ...]
    off_policy: tuple[Judged, ...]
    refusal: str

    def rung(self, arm: ArmName) -> Rung | None:
        """The season of one arm; None if nobody was in it."""
        return next((one for one in self.ladder if one.arm == arm), None)

    def shares(self, kind: str) -> Mapping[str, float]:
        """Shares of the policy's contacts in the last seven days by "offer", "channel" or "slot"."""
        used: dict[str, float] = {}
        for one in self.uses[1:]:
            used[getattr(one, kind)] = used.get(getattr(one, kind), 0.0) + one.last
        total = sum(used.values())
        return {name: share / total for name, share in used.items()} if total else {}
