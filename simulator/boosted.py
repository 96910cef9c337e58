"""A reward model of boosted trees that never sees the row it predicts, on the scale of what happened."""

from __future__ import annotations

import numpy as np

from policies.base import Floats, Ints, Mask
from simulator.calibration import line
from simulator.trees import Forest, Growth, binned, grow, predict


def cross_fit_trees(
    X: Floats,
    action: Ints,
    reward: Floats,
    fold: Ints,
    k: int,
    train: Mask,
    weight: Floats | None = None,
    growth: Growth | None = None,
    mended: bool = True,
) -> Floats:
    """(n, k) predicted reward of every action in every row, from other folds only.

    Args:
        X: (n, d) contexts.
        action: (n,) logged actions in 0..k-1.
        reward: (n,) rewards.
        fold: (n,) fold of each row in 0..F-1.
        k: number of actions.
        train: (F, F) which folds each fold's model learns from.
        weight: (n,) importance of each row in the fit, 1 where not given.
        growth: how trees grow.
        mended: whether predictions are recalibrated. The line for a fold comes from the last fold it may
            see, predicted by trees that did not see that one either.

    Predictions stay inside the range of the logged rewards.
    """
    how, w = growth or Growth(), np.ones(len(X)) if weight is None else weight

    def grown(seen: Ints) -> Forest:
        return grow(X[seen], action[seen], reward[seen], k, how, w[seen])

    def asked(forest: Forest, rows: Ints) -> Floats:
        return predict(forest, binned(forest.edges, X[rows]), k)

    q = np.empty((len(X), k))
    for f in range(len(train)):
        held, seen = np.flatnonzero(fold == f), np.flatnonzero(train[f][fold])
        start, slope = 0.0, 1.0
        last = np.flatnonzero(fold == np.flatnonzero(train[f])[-1])
        inner = np.setdiff1d(seen, last)
        if mended and len(inner):
            own = asked(grown(inner), last)[np.arange(len(last)), action[last]]
            start, slope = line(own, reward[last])
        q[held] = start + slope * asked(grown(seen), held)
    return np.clip(q, reward.min(), reward.max(), out=q)
