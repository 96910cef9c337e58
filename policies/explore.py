"""Exploration in closed form: scores (n, k) -> probabilities (n, k), so every propensity is exact.

Everywhere `mask` is (n, k), True where an action is feasible, with at least one True in every row.
Probabilities are 0 off the mask and sum to 1 on it. `floor` is the probability mass, in [0, 1], that is
spread equally over the feasible set whatever the scores say: on a row with F feasible actions every one of
them has at least floor / F. Row i of a result depends on row i of the arguments only, bit for bit."""

from __future__ import annotations

import math

import numpy as np

from policies.base import Floats, Mask
from policies.kernel import kernel


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
    _softmax(_rows(scores), np.ascontiguousarray(mask), _each(temperature, len(mask)), floor, pmf)
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
    _squarecb(_rows(scores), np.ascontiguousarray(mask), _each(gamma, len(mask)), floor, pmf)
    return pmf


@kernel("void(f8[:,::1], b1[:,::1], f8[::1], f8, f8[:,::1])", writes=1)
def _squarecb(scores: Floats, mask: Mask, gamma: Floats, floor: float, pmf: Floats) -> None:
    n, k = scores.shape
    for i in range(n):
        row, feasible, ties = pmf[i], _open(scores[i], mask[i], pmf[i]), 0
        best = _highest(row)
        for j in range(k):
            ties += row[j] == best
        for j in range(k):
            odds = 1.0 / ((best - row[j]) * gamma[i] + feasible)
            row[j] = odds if mask[i, j] and row[j] != best else 0.0
        rest = (1.0 - _total(row, 0, k)) * (1.0 / ties)
        least = floor * (1.0 / feasible)
        leading = (1.0 - floor) * rest + least
        for j in range(k):
            held = leading if scores[i, j] == best else row[j] * (1.0 - floor) + least
            row[j] = held if mask[i, j] else 0.0


@kernel("void(f8[:,::1], b1[:,::1], f8[::1], f8, f8[:,::1])", writes=1)
def _softmax(scores: Floats, mask: Mask, temperature: Floats, floor: float, pmf: Floats) -> None:
    n, k = scores.shape
    for i in range(n):
        row, feasible = pmf[i], _open(scores[i], mask[i], pmf[i])
        best = _highest(row)
        for j in range(k):
            row[j] = _exp((row[j] - best) / temperature[i])
        odds, least = _total(row, 0, k), floor * (1.0 / feasible)
        for j in range(k):
            held = (1.0 - floor) * (row[j] / odds) + least
            row[j] = held if mask[i, j] else 0.0


@kernel("i8(f8[::1], b1[::1], f8[::1])", writes=1)
def _open(score: Floats, mask: Mask, row: Floats) -> int:
    """Fill the row with the scores of what is feasible, -inf for the rest; how many are feasible."""
    feasible = 0
    for j in range(len(row)):
        row[j] = score[j] if mask[j] else -np.inf
        feasible += mask[j]
    return feasible


@kernel("f8(f8[::1])")
def _highest(row: Floats) -> float:
    best = -np.inf
    for j in range(len(row)):
        best = row[j] if row[j] > best else best
    return best


@kernel("f8(f8[::1], i8, i8)")
def _total(row: Floats, start: int, size: int) -> float:
    """The sum of `size` numbers from `start` on, in numpy's order: by halves, eight sums side by side."""
    if size > 128:
        half = size // 2
        half -= half % 8
        return _total(row, start, half) + _total(row, start + half, size - half)
    end, even = start + size, start + size - size % 8
    a = b = c = d = e = f = g = h = 0.0
    for j in range(start, even, 8):
        a += row[j]
        b += row[j + 1]
        c += row[j + 2]
        d += row[j + 3]
        e += row[j + 4]
        f += row[j + 5]
        g += row[j + 6]
        h += row[j + 7]
    added = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for j in range(even, end):
        added += row[j]
    return added


@kernel("f8(f8)")
def _exp(x: float) -> float:
    """e to a power of 0 or less, by additions and multiplications: libraries differ in the last bits.

    2**m * e**r with |r| <= log(2) / 2, and the first terms of Taylor's series for e**r.
    """
    if x < -700.0:
        return 0.0
    m = np.rint(x * 1.4426950408889634)
    r = (x - m * 0.6931471803691238) - m * 1.9082149292705877e-10
    term, added = 1.0, 1.0
    for power in range(1, 15):
        term *= r / power
        added += term
    return math.ldexp(added, int(m))


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
