"""Exploration in closed form: scores (n, k) -> probabilities (n, k), so every propensity is exact.

Everywhere `mask` is (n, k), True where an action is feasible, with at least one True in every row.
Probabilities are 0 off the mask and sum to 1 on it. `floor` is the probability mass, in [0, 1], that is
spread equally over the feasible set whatever the scores say: on a row with F feasible actions every one of
them has at least floor / F. Row i of a result depends on row i of the arguments only, bit for bit."""

from __future__ import annotations

import numpy as np

from policies.base import Floats, Mask
from policies.masks import Words, kept, words


def uniform(mask: Mask) -> Floats:
    """(n, k) equal probability for every feasible action."""
    pmf: Floats = mask / mask.sum(axis=1, keepdims=True)
    return np.ascontiguousarray(pmf)


def greedy(scores: Floats, mask: Mask, epsilon: float) -> Floats:
    """The best action, ties sharing equally, after a mass `epsilon` shared by all feasible ones."""
    return mix(uniform(mask & (gap(scores, mask) == 0.0)), mask, epsilon)


def softmax(scores: Floats, mask: Mask, temperature: float | Floats, floor: float) -> Floats:
    """Probabilities proportional to exp(score / temperature).

    Args:
        scores: (n, k) finite scores.
        mask: (n, k) feasible actions.
        temperature: positive, in the unit of the scores; one for all rows or (n,).
        floor: mass spread equally over the feasible set.
    """
    heat = np.reshape(np.asarray(temperature, dtype=np.float64), (-1, 1))
    odds = np.exp(-gap(scores, mask) / heat) * mask
    return mix(odds / odds.sum(axis=1, keepdims=True), mask, floor)


def squarecb(scores: Floats, mask: Mask, gamma: float | Floats, floor: float) -> Floats:
    """Inverse gap weighting: 1 / (F + gamma * gap) for every action but the best, which takes the rest.

    The best actions, where several tie, share the rest equally.

    Args:
        scores: (n, k) finite scores.
        mask: (n, k) feasible actions, F of them in a row.
        gamma: >= 0, in 1 / (unit of the scores); 0 is uniform, large is greedy; one for all rows or (n,).
        floor: mass spread equally over the feasible set.

    Source: Foster and Rakhlin (2020), "Beyond UCB: Optimal and Efficient Contextual Bandits with Regression
        Oracles", Algorithm 1, with the number of feasible actions as mu.
    """
    steepness = np.reshape(np.asarray(gamma, dtype=np.float64), (-1, 1))
    feasible, inside = np.count_nonzero(mask, axis=1)[:, None], words(mask)
    pmf = kept(scores, inside, -np.inf)
    np.subtract(pmf.max(axis=1, keepdims=True), pmf, out=pmf)  # from here in place: passes are what it costs
    best = pmf == 0.0
    with np.errstate(invalid="ignore"):  # 0 * inf, off the mask
        pmf *= steepness
    pmf += feasible
    np.divide(1.0, pmf, out=pmf)
    leading = words(best)
    inside &= ~leading
    pmf = kept(pmf, inside)
    rest = (1.0 - pmf.sum(axis=1, keepdims=True)) * (1.0 / np.count_nonzero(best, axis=1)[:, None])
    least = floor * (1.0 / feasible)
    pmf *= 1.0 - floor
    pmf += least
    return _either(pmf, inside, (1.0 - floor) * rest + least, leading)


def _either(values: Floats, where: Words, row: Floats, there: Words) -> Floats:
    """(n, k) the values where one mask is True, the number of the row (n, 1) where the other is, else 0."""
    chosen = values.view(np.int64) & where
    chosen |= row.view(np.int64) & there
    return chosen.view(np.float64)


def gap(scores: Floats, mask: Mask) -> Floats:
    """(n, k) how far a feasible action's score lies below the best feasible one; 0 off the mask."""
    known = np.where(mask, np.ascontiguousarray(scores), -np.inf)
    return np.where(mask, known.max(axis=1, keepdims=True) - known, 0.0)


def mix(pmf: Floats, mask: Mask, floor: float) -> Floats:
    """(n, k) the pmf after a mass `floor` shared by all feasible actions."""
    return (1.0 - floor) * pmf + floor * uniform(mask)
