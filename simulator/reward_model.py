"""A model of the reward that never sees the row it predicts.

Every action has its own ridge regression on [1, x], shrunk towards one regression shared by all actions.
All that is kept of the rows are sums per fold and action, so leaving a fold out is a subtraction. How much
to shrink is chosen by generalised cross-validation on the sums of the other folds alone.

Source: Hoerl and Kennard (1970), "Ridge Regression"; Golub, Heath and Wahba (1979), "Generalized
Cross-Validation as a Method for Choosing a Good Ridge Parameter"; Chernozhukov et al. (2018),
"Double/debiased machine learning" (cross-fitting).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from policies.base import Floats, Ints

RIDGES = np.logspace(-2, 7, 19)  # prior precision, in observations


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

    def without(self, fold: int) -> Sums:
        """Statistics per action over all folds but one."""
        whole = self.total(0)
        return Sums(
            whole.G - self.G[fold],
            whole.b - self.b[fold],
            whole.square - self.square[fold],
            whole.n - self.n[fold],
        )

    def residual(self, beta: Floats) -> Sums:
        """The statistics of r - z beta in place of r, for beta (p,)."""
        Gb = self.G @ beta
        return Sums(self.G, self.b - Gb, self.square - 2 * self.b @ beta + Gb @ beta, self.n)


def cross_fit(
    X: Floats, action: Ints, reward: Floats, fold: Ints, k: int, weight: Floats | None = None
) -> Floats:
    """(n, k) predicted reward of every action in every row, from the other folds only.

    Args:
        X: (n, d) contexts.
        action: (n,) logged actions in 0..k-1.
        reward: (n,) rewards.
        fold: (n,) fold of each row in 0..F-1, F >= 2; rows of one customer share it.
        k: number of actions.
        weight: (n,) importance of each row in the fit, 1 where not given.

    Predictions stay inside the range of the logged rewards. An action the other folds never tried is
    predicted by what all actions share.
    """
    Z = np.column_stack([np.ones(len(X)), X])
    sums = _collect(Z, action, reward, fold, k, np.ones(len(X)) if weight is None else weight)
    q = np.empty((len(X), k))
    for f in range(len(sums.n)):
        rows = fold == f
        q[rows] = Z[rows] @ _coefficients(sums.without(f)).T
    return np.clip(q, reward.min(), reward.max(), out=q)


def _collect(Z: Floats, action: Ints, reward: Floats, fold: Ints, k: int, weight: Floats) -> Sums:
    F, p = int(fold.max()) + 1, Z.shape[1]
    sums = Sums(np.zeros((F, k, p, p)), np.zeros((F, k, p)), np.zeros((F, k)), np.zeros((F, k)))
    cell = fold * k + action
    order = np.argsort(cell, kind="stable")
    edges = np.searchsorted(cell[order], np.arange(F * k + 1))
    for c in np.flatnonzero(np.diff(edges)):
        rows = order[edges[c] : edges[c + 1]]
        z, r, w = Z[rows], reward[rows], weight[rows]
        at = divmod(int(c), k)
        sums.G[at] = (z * w[:, None]).T @ z
        sums.b[at] = z.T @ (w * r)
        sums.square[at], sums.n[at] = (w * r) @ r, w.sum()
    return sums


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
