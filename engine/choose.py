"""The choice itself: situations in, one drawn action each out. Pure, so that replay can run it again.

Everything a decision depends on is in its `Situation`, the `Live` program it was made under and its key;
nothing is read from a clock, a store or a random generator here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Protocol, cast, runtime_checkable

import numpy as np

from engine import arbitrate, context
from engine.arms import BY_POLICY, NEVER_CONTACTED
from engine.assign import uniforms
from engine.budget import supply
from engine.coded import Coded, every, levels, where
from engine.context import Encoding
from engine.domain import ArmName, Program
from engine.feasible import Feasible, feasible
from engine.once import once
from engine.ramp import ramped
from engine.screen import Screen
from engine.situation import Situations
from policies.base import NO_ACTION, Actions, Floats, Ints, Mask, Policy, drawn
from policies.explore import greedy
from policies.fixed import Formula, Uniform
from policies.kernel import kernel
from policies.state import Kept


@runtime_checkable
class Scorer(Protocol):
    """A policy that can say what it expects each action to earn, and explores on top of that."""

    def scores(self, X: Floats, actions: Actions, prior: Floats) -> Floats:
        """(n, k) expected net reward."""
        ...

    def explore(self, scores: Floats, X: Floats, actions: Actions, mask: Mask, prior: Floats) -> Floats:
        """(n, k) its pmf over actions with those scores; doubt about an action may count in its favour."""
        ...


@dataclass(frozen=True, slots=True)
class Live:
    """A program ready to decide: one version of its file, one snapshot of what its policy has learnt.

    `fallback` names the rung of the ladder that serves in the snapshot's place; "" when the snapshot serves.
    `seen` says how many decisions of each offer the snapshot has learnt.
    """

    program: Program
    actions: Actions
    screen: Screen
    encoding: Encoding
    policy: Kept
    bau: Policy
    snapshot_version: int
    fallback: str = ""
    seen: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choices:
    """n choices among k actions.

    Attributes:
        feasible: the funnel's result.
        pmf: (n, k) probabilities the action was drawn with.
        value: (n, k) expected net value of each action as the policy sees it, before exploring.
        drawn: (n,) index the policy of the arm drew; where nobody is contacted, what would have been sent.
        action: (n,) index of what is done: `drawn`, or 0 (no_action) where nobody is contacted.
        propensity: (n,) probability of `action` over the final feasible set; 1 where nobody is contacted.
        explored: (n,) whether another action had a higher probability than the one drawn.
        charge: (n, k) shadow price of the scarce things each action uses up, taken off `value` before the
            policy explores; None if nothing is scarce.
    """

    feasible: Feasible
    pmf: Floats
    value: Floats
    drawn: Ints
    action: Ints
    propensity: Floats
    explored: Mask
    charge: Floats | None = None


def choose(live: Live, situations: Situations) -> Choices:
    """Draw one action for each of n situations.

    Row i of the result depends on situation i only, bit for bit: a customer gets the same action alone, in
    a batch and in a replay.
    """
    weighed = weigh(live, situations)
    charge = charged(live, situations, weighed)
    made, pmf = chances(live, situations, weighed, charge)
    action, propensity, explored = drawn(pmf, uniforms(live.program.name, situations.key))
    done, chance = action, propensity
    if not NEVER_CONTACTED.isdisjoint(levels(situations.arm)):
        held = where(situations.arm, NEVER_CONTACTED)
        done, chance = np.where(held, 0, action), np.where(held, 1.0, propensity)
    return Choices(made, pmf, weighed.value, action, done, chance, explored, charge)


def charged(live: Live, situations: Situations, weighed: Weighed) -> Floats | None:
    """(n, k) price of the scarce things each action uses up: budgets, and the customer's own patience."""
    budgets = live.program.budgets
    charge = supply.charge(live.program, situations, weighed.feasible.send_us) if budgets else None
    share = live.policy.settings.get("spare", 0.0) if live.encoding.usual else 0.0
    if not share:
        return charge
    earned, spared = context.usually(live.encoding, weighed.X), np.empty(weighed.prior.shape)
    _spare(earned, share, _contacts(live.actions), spared)
    return spared if charge is None else charge + spared


@kernel("void(f8[::1], f8, f8[::1], f8[:,::1])", writes=1)
def _spare(earned: Floats, share: float, contacts: Floats, spared: Floats) -> None:
    n, k = spared.shape
    for i in range(n):
        for j in range(k):
            spared[i, j] = share * earned[i] * contacts[j]


@once
def _contacts(actions: Actions) -> Floats:
    """(k,) 1 for what is sent."""
    return np.array([float(name != NO_ACTION) for name in actions.names])


@dataclass(frozen=True, slots=True)
class Weighed:
    """n situations up to the score, before anything is charged for what is scarce.

    Attributes:
        feasible: the funnel's result, ramps applied.
        first: (n, k) actions on their ramp, None if there are none.
        X: (n, d) contexts.
        prior: (n, k) expected net value before learning.
        value: (n, k) expected net value as the policy sees it.
    """

    feasible: Feasible
    first: Mask | None
    X: Floats
    prior: Floats
    value: Floats


def weigh(live: Live, situations: Situations) -> Weighed:
    """Which actions remain for whom, and what each is expected to earn."""
    made = feasible(live.program, live.screen, situations)
    X = context.encode(live.encoding, situations)
    judge = scorer(live)
    prior = prior_of(live, situations)
    value = prior if judge is None else judge.scores(X, live.actions, prior)
    made, first = ramped(live.program, live.seen, situations, made)
    return Weighed(made, first, X, prior, value)


def chances(
    live: Live, situations: Situations, weighed: Weighed, charge: Floats | None
) -> tuple[Feasible, Floats]:
    """The final feasible sets and the (n, k) pmf, with `charge` (n, k) taken off every value first."""
    made, X, prior, value = weighed.feasible, weighed.X, weighed.prior, weighed.value
    if live.program.options is not None:
        best = np.maximum(prior, value)
        best = best if charge is None else best - charge
        made = arbitrate.shortlist(made, best, live.program.options, weighed.first)
    worth = value if charge is None else value - charge
    pmf = _pmf(live, situations.arm, X, made.mask, prior, worth)
    if not every(situations.explore):
        _settle(pmf, situations, made.mask, None if scorer(live) is None else worth)
    return made, pmf


def leading(choices: Choices, n: int) -> Choices:
    """The first n choices."""
    if n == len(choices.action):
        return choices
    made, charge = choices.feasible, choices.charge
    return Choices(
        replace(made, mask=made.mask[:n], blame=made.blame[:n], send_us=made.send_us[:n]),
        choices.pmf[:n],
        choices.value[:n],
        choices.drawn[:n],
        choices.action[:n],
        choices.propensity[:n],
        choices.explored[:n],
        None if charge is None else charge[:n],
    )


def prior_of(live: Live, situations: Situations) -> Floats:
    """(n, k) the prior; 0 for customers for whom nothing is predicted to earn, until a learner has learnt.

    Otherwise costs alone would speak, and a new program would send nothing to nearly everyone and never
    learn.
    """
    prior = arbitrate.prior(live.program, situations)
    if scorer(live) is not None and live.snapshot_version == 0:
        prior = np.where((prior <= 0.0).all(axis=1, keepdims=True), 0.0, prior)
    return prior


def scorer(live: Live) -> Scorer | None:
    """The policy of a program, if it says what it expects."""
    return cast(Scorer, live.policy) if _scores(type(live.policy)) else None


@cache
def _scores(kind: type) -> bool:
    return issubclass(kind, Scorer)


def _pmf(live: Live, arms: Sequence[ArmName], X: Floats, mask: Mask, prior: Floats, worth: Floats) -> Floats:
    """(n, k) pmf of each row under the policy of its arm; who is not contacted gets what the policy would do.

    Only the program's own policy goes by `worth`, what actions earn less what they are charged.
    """
    judge, by_policy = scorer(live), _rows_of(arms)
    if judge is not None and 2 * len(by_policy.get("policy", ())) > len(mask):  # most rows: then all at once
        pmf = judge.explore(worth, X, live.actions, mask, prior)
        del by_policy["policy"]
    else:
        pmf = np.zeros(mask.shape)
    for arm, rows in by_policy.items():
        if arm == "policy" and judge is not None:
            pmf[rows] = judge.explore(worth[rows], X[rows], live.actions, mask[rows], prior[rows])
        else:
            serves = _FIXED.get(arm) or (live.bau if arm == "bau" else live.policy)
            told = worth if arm == "policy" and isinstance(serves, Formula) else prior
            pmf[rows] = serves.pmf(X[rows], live.actions, mask[rows], told[rows])
    return pmf


def _rows_of(arms: Sequence[ArmName]) -> dict[ArmName, Ints]:
    """The rows of each arm, those that the policy draws for under its name."""
    if isinstance(arms, Coded):
        every: set[ArmName] = {"policy" if arm in BY_POLICY else arm for arm in arms.levels}
        found = {arm: np.flatnonzero(where(arms, BY_POLICY if arm == "policy" else {arm})) for arm in every}
        return {arm: rows for arm, rows in found.items() if len(rows)}
    rows: dict[ArmName, list[int]] = {}
    for i, arm in enumerate(arms):
        rows.setdefault("policy" if arm in BY_POLICY else arm, []).append(i)
    return {arm: np.array(members, dtype=np.int64) for arm, members in rows.items()}


def _settle(pmf: Floats, situations: Situations, mask: Mask, value: Floats | None) -> None:
    """Where the caller wants no exploration, the policy takes the best action; equal ones share it.

    The best is that of the highest value; of the highest probability for a policy that gives no values. The
    other arms stay what they are.
    """
    asked = zip(situations.arm, situations.explore, strict=True)
    rows = [i for i, (arm, explore) in enumerate(asked) if not explore and arm in BY_POLICY]
    best = pmf if value is None else value
    pmf[rows] = greedy(best[rows], mask[rows], 0.0)


_FIXED: Mapping[ArmName, Policy] = {"random": Uniform(), "prediction_only": Formula()}
