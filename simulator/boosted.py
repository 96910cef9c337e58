"""A reward model of boosted trees that never sees the row it predicts, on the scale of what happened.

The trees are scikit-learn's. One model knows all actions, by one column of categories beside the context, so
that what actions share is learnt once and a split can set some of them apart from the rest.

Source: Friedman (2001), "Greedy Function Approximation: A Gradient Boosting Machine"; Ke et al. (2017),
"LightGBM: A Highly Efficient Gradient Boosting Decision Tree" (histograms), as scikit-learn has them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache

import numpy as np

from policies.base import Floats, Ints, Mask
from simulator.calibration import line

CHUNK = 65_536  # rows predicted at once
CATEGORIES = 255  # actions a tree can tell apart
AMPLE = (
    1000  # rows for each leaf grown: trees then know no row by heart, and may be put on a line by their own
)
Model = Callable[[Floats, Ints], Floats]


@dataclass(frozen=True, slots=True)
class Growth:
    """How trees grow: how many, the share of each step that is taken, levels, and rows a leaf must hold."""

    trees: int = 60
    rate: float = 0.1
    depth: int = 3
    leaf: int = 20


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
            see, predicted by trees that did not see that one either; or, where rows are `AMPLE`, from some
            of those that the trees grew on, which saves growing others.

    Predictions stay inside the range of the logged rewards.
    """
    how = growth or Growth()

    @cache
    def grown(seen: tuple[int, ...]) -> Model:
        rows = np.flatnonzero(np.isin(fold, seen))
        return grow(X[rows], action[rows], reward[rows], how, None if weight is None else weight[rows])

    def mending(seen: tuple[int, ...]) -> tuple[float, float]:
        own = np.flatnonzero(np.isin(fold, seen))
        if len(own) >= AMPLE * how.trees * 2**how.depth:
            by, rows = seen, own[:: len(own) // CHUNK + 1]
        else:
            by, rows = seen[:-1], np.flatnonzero(fold == seen[-1])
        return line(grown(by)(X[rows], action[rows]), reward[rows]) if by else (0.0, 1.0)

    q = np.empty((len(X), k))
    with _one_thread():
        for f, others in enumerate(train):
            held, seen = np.flatnonzero(fold == f), tuple(np.flatnonzero(others).tolist())
            start, slope = mending(seen) if mended else (0.0, 1.0)
            model = grown(seen)
            for rows in np.array_split(held, len(held) // CHUNK + 1):
                for a in range(k):
                    q[rows, a] = start + slope * model(X[rows], np.full(len(rows), a))
    return np.clip(q, reward.min(), reward.max(), out=q)


def _one_thread() -> AbstractContextManager[object]:
    """Trees grown by one thread: the same to the bit on any machine, and none waits in a loop for another."""
    import sklearn.ensemble  # noqa: F401 (its threads must be there to be limited)
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    limited: AbstractContextManager[object] = threadpool_limits(1, "openmp")
    return limited


def grow(X: Floats, action: Ints, y: Floats, growth: Growth, weight: Floats | None = None) -> Model:
    """Trees for y given X (n, d) and action (n,): log odds where y is 0 and 1, else least squares.

    No weights are not the same as weights of 1: with any, most of the time goes into weighted quantiles.

    Returns:
        What contexts (m, d) and actions (m,) are expected to bring, (m,). Actions that were tried the least
        share a category where there are more of them than trees can tell apart.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    code = _codes(action)
    settings = {
        "learning_rate": growth.rate,
        "max_iter": growth.trees,
        "max_depth": growth.depth,
        "max_leaf_nodes": 2**growth.depth,
        "min_samples_leaf": growth.leaf,
        "categorical_features": [X.shape[1]],
        "early_stopping": False,
        "random_state": 0,
    }
    table = np.column_stack([X, code[action]])
    if set(np.unique(y).tolist()) == {0.0, 1.0}:
        odds = HistGradientBoostingClassifier(**settings).fit(table, y, weight)
        return lambda X, a: np.asarray(odds.predict_proba(np.column_stack([X, _known(code, a)]))[:, 1])
    mean = HistGradientBoostingRegressor(**settings).fit(table, y, weight)
    return lambda X, a: np.asarray(mean.predict(np.column_stack([X, _known(code, a)])))


def _codes(action: Ints) -> Ints:
    """(most + 1,) category of each action, the most frequent first; the rest share the last."""
    rank = np.empty(int(action.max()) + 1, dtype=np.int64)
    rank[np.argsort(-np.bincount(action), kind="stable")] = np.arange(len(rank))
    return np.minimum(rank, CATEGORIES - 1)


def _known(code: Ints, action: Ints) -> Floats:
    """(m,) categories of actions, NaN for those that no row of the fit had."""
    known = action < len(code)
    return np.where(known, code[np.where(known, action, 0)], np.nan)
