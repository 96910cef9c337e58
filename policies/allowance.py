"""What exploring may cost: a share of the value of every decision, turned into the probability to explore.

A decision whose best action is expected to earn b loses b - s for every action of score s that is drawn
instead. A pmf loses the mean of that. Of the value b at most `share` may be lost, 0 where b is below 0; what
the floor loses counts, and is lost in any case. If a pmf would lose more, the best action is taken with
probability 1 - e and the pmf is followed with probability e, the largest e in [0, 1] that is allowed:

    e = (allowed - loss(greedy)) / (loss(pmf) - loss(greedy)).

A limit may also be put on exploring where contact hardly pays: with `risk` a decision may lose at most that
share of what its best action is expected to earn over `no_action`. Where sending nothing is the best, the
floor alone explores; elsewhere no decision is expected to earn less than sending nothing because others were
tried.

Both have the floor, so the mixture has it, and its probabilities are as exact as those it is made of. Since
it holds for each decision it holds for every sum of them: a day, an offer, a kind of customer. The expected
value is the policy's own; if it is wrong, so is the loss.

Source: Wu, Shariff, Lattimore and Szepesvari (2016), "Conservative bandits", for a budget in shares of the
    value; the closed form of e is that of a mixture's mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from policies.base import NO_ACTION, Actions, Floats, Mask
from policies.explore import gap, greedy


def within(pmf: Floats, scores: Floats, mask: Mask, share: float, floor: float) -> Floats:
    """(n, k) the pmf, mixed with the best action where it would lose more than a share of the best's value.

    Args:
        pmf: (n, k) probabilities, with the floor in them.
        scores: (n, k) expected values.
        mask: (n, k) feasible actions.
        share: of the best action's value, in [0, 1].
        floor: mass that is spread equally over the feasible set.
    """
    return _mixed(pmf, scores, mask, share * np.maximum(best_of(scores, mask), 0.0), floor)


def over_nothing(pmf: Floats, scores: Floats, mask: Mask, nothing: int, share: float, floor: float) -> Floats:
    """(n, k) the same with a share of what the best earns over the action `nothing`, where it is feasible."""
    gained = best_of(scores, mask) - scores[:, nothing]
    return _mixed(pmf, scores, mask, np.where(mask[:, nothing], share * gained, np.inf), floor)


def limited(pmf: Floats, scores: Floats, mask: Mask, actions: Actions, settings: Mapping[str, Any]) -> Floats:
    """(n, k) the pmf within a policy's `budget` and `risk`, which may be None."""
    budget, risk, floor = (settings[name] for name in ("budget", "risk", "floor"))
    if budget is not None:
        pmf = within(pmf, scores, mask, budget, floor)
    if risk is not None and NO_ACTION in actions.names:
        pmf = over_nothing(pmf, scores, mask, actions.names.index(NO_ACTION), risk, floor)
    return pmf


def best_of(scores: Floats, mask: Mask) -> Floats:
    """(n,) the score of the best feasible action."""
    best: Floats = np.where(mask, scores, -np.inf).max(axis=1)
    return best


def _mixed(pmf: Floats, scores: Floats, mask: Mask, allowed: Floats, floor: float) -> Floats:
    """(n, k) the pmf, mixed with the best action where it would lose more than is `allowed` (n,)."""
    best, lost = greedy(scores, mask, floor), gap(scores, mask)
    least, most = loss(best, lost), loss(pmf, lost)
    spare = np.maximum(allowed - least, 0.0)
    over = most - least > spare
    rate = np.divide(spare, most - least, out=np.ones_like(spare), where=over)[:, None]
    return np.where(over[:, None], rate * pmf + (1.0 - rate) * best, pmf)


def loss(pmf: Floats, lost: Floats) -> Floats:
    """(n,) expected loss of pmfs, given the loss (n, k) of each action."""
    total: Floats = np.ascontiguousarray(pmf * lost).sum(axis=1)
    return total
