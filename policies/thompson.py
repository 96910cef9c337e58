"""Thompson sampling with probabilities that are known exactly, because the samples are the same for all.

Thompson sampling plays an action as often as it is the best one under the posterior. With scores that are
normal and independent across actions that probability is an integral without a closed form. Here m samples
of all scores are drawn from a table of normal numbers that is fixed once and for all decisions, and the wins
are counted: what is played and logged is the count / m, spread by the floor. So a propensity is exact for the
policy that is played, a replay gives the same bits, and so does a batch and a decision alone.

Against the posterior's own probability p a count / m has a Monte Carlo error: over random tables its standard
deviation is at most sqrt(p (1 - p) / (m - 1)) <= 1 / (2 sqrt(m - 1)), 0.031 for 256 samples, since the table
is a Latin hypercube: a column is a random order of the same m quantiles. That the quantiles are midpoints
adds an error of the order of 1 / m. The table being shared, the error is the same for equal decisions and
does not average out over them; it makes a slightly other policy, no wrong propensity.

It costs m samples of every score: m k multiplications a decision.

Source: Thompson (1933), "On the likelihood that one unknown probability exceeds another in view of the
    evidence of two samples"; McKay, Beckman and Conover (1979), "A comparison of three methods for selecting
    values of input variables in the analysis of output from a computer code", for the table; Owen (1997),
    "Monte Carlo variance of scrambled net quadrature", for its error.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from policies.base import Floats, Mask
from policies.explore import mix

_CELLS = 1 << 17  # samples at once: a megabyte, which stays in the processor's cache
_SEED = 1


def standard_error(probability: float, samples: int) -> float:
    """At most how far a count lies from the posterior's own probability: the deviation over random tables."""
    return math.sqrt(max(probability * (1.0 - probability), 0.0) / (samples - 1))


def thompson(scores: Floats, deviation: Floats, mask: Mask, samples: int, floor: float) -> Floats:
    """(n, k) how often each feasible action is the best of them, over the samples, after the floor.

    Args:
        scores: (n, k) means.
        deviation: (n, k) standard deviations, >= 0. The best of those that are certain share their wins.
        mask: (n, k) feasible actions, at least one in every row.
        samples: m.
        floor: mass spread equally over the feasible set.
    """
    table, known = normals(samples, scores.shape[1]), np.where(mask, scores, -np.inf)
    step, wins = max(1, _CELLS // table.size), np.empty(mask.shape)
    for start in range(0, len(known), step):
        rows = slice(start, start + step)
        wins[rows] = _counted(known[rows], np.ascontiguousarray(deviation[rows]), table)
    return mix(_shared(wins, known, deviation, mask) / samples, mask, floor)


@lru_cache(maxsize=4)
def normals(samples: int, k: int) -> Floats:
    """(m, k) standard normal numbers, each column the same m in its own order; column j is so for any k.

    They are whole steps of 2**-20, so that no machine's logarithm tells in them.
    """
    normal = NormalDist()
    quantile = np.array([normal.inv_cdf((i + 0.5) / samples) for i in range(samples)])
    keys = np.random.PCG64(_SEED).random_raw(samples * k).reshape(k, samples)
    order = np.argsort(keys, axis=1, kind="stable")
    return np.ascontiguousarray(np.rint(quantile * 2.0**20)[order].T * 2.0**-20)


def _counted(known: Floats, deviation: Floats, table: Floats) -> Floats:
    """(n, k) wins of each action; of equal ones the first wins."""
    n, k = known.shape
    drawn = deviation[:, None, :] * table
    drawn += known[:, None, :]
    winner = drawn.argmax(axis=2) + np.arange(0, n * k, k)[:, None]
    return np.bincount(winner.ravel(), minlength=n * k).reshape(n, k).astype(np.float64)


def _shared(wins: Floats, known: Floats, deviation: Floats, mask: Mask) -> Floats:
    """(n, k) wins with those of the best certain action shared by all that are as good and as certain."""
    certain = np.where(mask & (deviation == 0.0), known, -np.inf)
    tied = (certain == certain.max(axis=1, keepdims=True)) & (certain > -np.inf)
    total = np.where(tied, wins, 0.0).sum(axis=1, keepdims=True)
    return np.where(tied, total / np.maximum(tied.sum(axis=1, keepdims=True), 1), wins)
