"""Exploration in closed form: scores (n, k) -> probabilities (n, k), so every propensity is exact.

Everywhere `mask` is (n, k), True where an action is feasible, with at least one True in every row.
Probabilities are 0 off the mask and sum to 1 on it. `floor` is the probability mass, in [0, 1], that is
spread equally over the feasible set whatever the scores say: on a row with F feasible actions every one of
them has at least floor / F. Row i of a result depends on row i of the arguments only, bit for bit."""

from __future__ import annotations

import numpy as np

from policies import rowwise
from policies.base import Floats, Mask


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
    pmf = np.empty(mask.shape)
    rowwise.softmax(_rows(scores), np.ascontiguousarray(mask), _each(temperature, len(mask)), floor, pmf)
    return pmf


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
    pmf = np.empty(mask.shape)
    rowwise.squarecb(_rows(scores), np.ascontiguousarray(mask), _each(gamma, len(mask)), floor, pmf)
    return pmf


def gap(scores: Floats, mask: Mask) -> Floats:
    """(n, k) how far a feasible action's score lies below the best feasible one; 0 off the mask."""
    known = np.where(mask, np.ascontiguousarray(scores), -np.inf)
    return np.where(mask, known.max(axis=1, keepdims=True) - known, 0.0)


def mix(pmf: Floats, mask: Mask, floor: float) -> Floats:
    """(n, k) the pmf after a mass `floor` shared by all feasible actions."""
    return (1.0 - floor) * pmf + floor * uniform(mask)


def _rows(scores: Floats) -> Floats:
    return np.ascontiguousarray(scores, dtype=np.float64)


def _each(value: float | Floats, n: int) -> Floats:
    """(n,) the value of each row."""
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(value, dtype=np.float64)
    return np.full(n, float(value))
