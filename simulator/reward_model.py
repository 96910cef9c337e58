"""A model of the reward that never sees the row it predicts.

Every action has its own ridge regression on [1, x, waves(x)], shrunk towards one shared by all actions.
All that is kept of the rows are sums per fold and action, so leaving a fold out is a subtraction. How much
to shrink is chosen by generalised cross-validation on the sums of the other folds alone.

Source: Hoerl and Kennard (1970), "Ridge Regression"; Golub, Heath and Wahba (1979), "Generalized
Cross-Validation as a Method for Choosing a Good Ridge Parameter"; Chernozhukov et al. (2018),
"Double/debiased machine learning" (cross-fitting).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from policies.base import Floats, Ints, Mask
from policies.waves import Waves, draw_waves, expand

RIDGES = np.logspace(-2, 7, 19)  # prior precision, in observations
WAVES = 100  # random Fourier features at most, so that the model can bend
CHUNK = 16384  # rows expanded at once
ROWS_PER_WAVE = 10  # rows an action must have on average for each of them


@dataclass(frozen=True, slots=True)
class Sums:
    """Sufficient statistics of ... regressions on p features; leading axes are folds and actions.

    Attributes:
        G: (..., p, p) sum of w z z'.
        b: (..., p) sum of w z r.
        square: (...) sum of w r r.
        n: (...) sum of w.
    """

    G: Floats
    b: Floats
    square: Floats
    n: Floats

    def total(self, axis: int) -> Sums:
        return Sums(self.G.sum(axis), self.b.sum(axis), self.square.sum(axis), self.n.sum(axis))

    def over(self, folds: Mask) -> Sums:
        """Statistics per action over some folds (F,); of all but one by subtraction, which is quicker."""
        if folds.sum() < len(folds) - 1:
            return Sums(self.G[folds], self.b[folds], self.square[folds], self.n[folds]).total(0)
        whole, left = self.total(0), int(np.argmin(folds))
        return Sums(
            whole.G - self.G[left],
            whole.b - self.b[left],
            whole.square - self.square[left],
            whole.n - self.n[left],
        )

    def residual(self, beta: Floats) -> Sums:
        """The statistics of r - z beta in place of r, for beta (p,)."""
        Gb = self.G @ beta
        return Sums(self.G, self.b - Gb, self.square - 2 * self.b @ beta + Gb @ beta, self.n)


def cross_fit(
    X: Floats,
    action: Ints,
    reward: Floats,
    fold: Ints,
    k: int,
    weight: Floats | None = None,
    train: Mask | None = None,
) -> Floats:
    """(n, k) predicted reward of every action in every row, from other folds only.

    Args:
        X: (n, d) contexts.
        action: (n,) logged actions in 0..k-1.
        reward: (n,) rewards.
        fold: (n,) fold of each row in 0..F-1, F >= 2; rows of one customer share it.
        k: number of actions.
        weight: (n,) importance of each row in the fit, 1 where not given.
        train: (F, F) which folds each fold's model learns from, all others where not given.

    Predictions stay inside the range of the logged rewards. An action the other folds never tried is
    predicted by what all actions share.
    """
    waves = draw_waves(X.shape[1], min(WAVES, len(X) // (ROWS_PER_WAVE * k)), 1.0, seed=1)
    sums = _collect(X, action, reward, fold, k, np.ones(len(X)) if weight is None else weight, waves)
    q, seen = np.empty((len(X), k)), ~np.eye(len(sums.n), dtype=np.bool_) if train is None else train
    for f in range(len(sums.n)):
        beta, held = _coefficients(sums.over(seen[f])), np.flatnonzero(fold == f)
        for rows in np.array_split(held, len(held) // CHUNK + 1):
            q[rows] = expand(X[rows], waves) @ beta.T
    return np.clip(q, reward.min(), reward.max(), out=q)


def _collect(
    X: Floats, action: Ints, reward: Floats, fold: Ints, k: int, weight: Floats, waves: Waves
) -> Sums:
    """Sums over the rows of every fold and action."""
    F, p = int(fold.max()) + 1, 1 + sum(waves.frequency.shape)
    sums = Sums(np.zeros((F, k, p, p)), np.zeros((F, k, p)), np.zeros((F, k)), np.zeros((F, k)))
    cell = fold * k + action
    order = np.argsort(cell, kind="stable")
    for rows in np.array_split(order, len(order) // CHUNK + 1):
        Z, r, w = expand(X[rows], waves), reward[rows], weight[rows]
        for some in _runs(cell[rows]):
            z, wr, at = Z[some], w[some] * r[some], divmod(int(cell[rows[some.start]]), k)
            sums.G[at] += (z * w[some, None]).T @ z
            sums.b[at] += wr @ z
            sums.square[at] += wr @ r[some]
            sums.n[at] += w[some].sum()
    return sums


def _runs(cell: Ints) -> Iterator[slice]:
    """The stretches of equal values in sorted cells."""
    edges = [0, *(np.flatnonzero(np.diff(cell)) + 1).tolist(), len(cell)]
    return (slice(start, end) for start, end in pairwise(edges) if end > start)


def _coefficients(sums: Sums) -> Floats:
    """(k, p) coefficients from the statistics of k actions: the shared ones plus each action's own
    deviation.
    """
    pooled = sums.total(0)
    shared = _ridge(Sums(pooled.G[None], pooled.b[None], pooled.square[None], pooled.n[None]))[0]
    together: Floats = shared + _ridge(sums.residual(shared))
    return together


def _ridge(sums: Sums) -> Floats:
    """(k, p) ridge coefficients of k regressions under one ridge, the best by generalised
    cross-validation.
    """
    scale, V = np.linalg.eigh(sums.G)
    scale = np.maximum(scale, 0.0)
    c = np.einsum("kpj,kp->kj", V, sums.b)
    shrink = scale + RIDGES[:, None, None]  # (ridges, k, p)
    gamma = c / shrink
    loss = (sums.square - 2 * (gamma * c).sum(-1) + (gamma**2 * scale).sum(-1)).sum(-1)
    freedom = (scale / shrink).sum((-1, -2))
    n = float(sums.n.sum())
    score = loss / np.maximum(n - freedom, 1e-9) ** 2
    beta: Floats = np.einsum("kpj,kj->kp", V, gamma[int(np.argmin(score))])
    return beta
