"""Policies trained from a log: the score of every action is an unbiased guess of its reward.

Source: Dudik, Langford and Li (2011), "Doubly Robust Policy Evaluation and Learning", section 4, with
regression in place of classification; Athey and Wager (2021), "Policy Learning with Observational Data".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from policies.base import Floats, Ints, Mask
from policies.explore import greedy
from simulator.logs import Log
from simulator.models import predictions

Weighing = Literal["ips", "dr"]
NAMES: Mapping[str, Weighing] = {"learnt:ips": "ips", "learnt:dr": "dr"}
FLOOR = 0.02  # of every feasible action, so that what is deployed keeps learning
RIDGES = np.logspace(-1, 6, 15)


def trained(log: Log, fold: Ints, train: Mask, weighing: Weighing) -> Floats:
    """(n, k) pmf in which every row comes from a policy that was trained on other folds alone.

    Args:
        log: n rows.
        fold: (n,) folds.
        train: (F, F) which folds each fold's policy is trained on.
        weighing: ``ips`` scores the logged action alone, by its reward over its propensity; ``dr`` scores
            every action by its prediction, and the logged one by what the prediction missed as well.
    """
    pmf = np.empty(log.mask.shape)
    Z = np.column_stack([np.ones(len(log)), log.X])
    for f in range(len(train)):
        seen, held = np.flatnonzero(train[f][fold]), np.flatnonzero(fold == f)
        part = _scores(log, fold, seen, weighing)
        pmf[held] = greedy(Z[held] @ _ridge(Z[seen], part), log.mask[held], FLOOR)
    return pmf


def _scores(log: Log, fold: Ints, seen: Ints, weighing: Weighing) -> Floats:
    """(m, k) scores of the rows seen; their predictions come from other folds, all among the seen."""
    i = np.arange(len(seen))
    action, chance, reward = log.action[seen], log.propensity[seen], log.reward[seen]
    score = np.zeros((len(seen), len(log.actions)))
    if weighing == "dr" and len(np.unique(fold[seen])) > 1:
        score = _predicted(log, fold, seen)
    score[i, action] += (reward - score[i, action]) / chance
    return score


def _predicted(log: Log, fold: Ints, seen: Ints) -> Floats:
    own = np.unique(fold[seen], return_inverse=True)[1].astype(np.int64)
    return predictions(log.rows(seen), own, ~np.eye(int(own.max()) + 1, dtype=np.bool_))


def _ridge(Z: Floats, score: Floats) -> Floats:
    """(p, k) coefficients of each action's scores, under the ridge that is best by generalised
    cross-validation.
    """
    scale, V = np.linalg.eigh(Z.T @ Z)
    scale = np.maximum(scale, 0.0)
    c, square, n = V.T @ (Z.T @ score), (score * score).sum(axis=0), len(Z)
    best, made = np.full(score.shape[1], np.inf), np.zeros_like(c)
    for ridge in RIDGES:
        gamma = c / (scale + ridge)[:, None]
        loss = square - 2 * (gamma * c).sum(axis=0) + (gamma**2 * scale[:, None]).sum(axis=0)
        gcv = loss / max(n - float((scale / (scale + ridge)).sum()), 1e-9) ** 2
        better = gcv < best
        best[better], made[:, better] = gcv[better], gamma[:, better]
    coefficients: Floats = V @ made
    return coefficients
