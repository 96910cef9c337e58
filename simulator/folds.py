"""Folds for cross-fitting, by unit or by time, that do not depend on the order of the rows."""

from __future__ import annotations

import numpy as np

from engine.errors import InputError
from policies.base import Floats, Ints, Mask
from simulator.logs import Log

SEED = 20261124


def folds(log: Log, count: int = 5) -> Ints:
    """(n,) fold of each row in 0..count-1, of nearly equal sizes.

    Rows of one cluster share a fold. Without clusters rows are dealt out after sorting them by their
    content, so the same log in another order gives the same folds.
    """
    unit = _rank(log) if log.cluster is None else log.cluster
    units = int(unit.max()) + 1
    dealt = np.random.Generator(np.random.PCG64(SEED)).permutation(units) % count
    return dealt[unit].astype(np.int64)


def time_folds(log: Log, count: int = 5) -> Ints:
    """(n,) fold of each row in 0..count-1: stretches of time of nearly equal numbers of rows.

    Raises:
        InputError: the log has no times, or fewer moments than folds.
    """
    if log.at is None:
        raise InputError(f"{log.source}: has no times; name their column with --time, or drop --ordered.")
    place = np.searchsorted(np.sort(log.at), log.at, side="left")
    fold = np.unique(place * count // len(log), return_inverse=True)[1].astype(np.int64)
    if int(fold.max()) == 0:
        raise InputError(f"{log.source}: all decisions are of one moment; drop --ordered.")
    return fold


def train_on(fold: Ints, ordered: bool) -> Mask:
    """(F, F) which folds each fold's model learns from: all others, or only those before it.

    Nothing is known before the first stretch of time: its model learns from the second, which keeps it from
    its own rows at least.
    """
    count = int(fold.max()) + 1
    if not ordered:
        return ~np.eye(count, dtype=np.bool_)
    train = np.tri(count, k=-1, dtype=np.bool_)
    train[0, 1] = True
    return train


def _rank(log: Log) -> Ints:
    """(n,) place of each row when sorted by what it says; equal rows are interchangeable."""
    rng = np.random.Generator(np.random.PCG64(SEED))
    content = log.X @ rng.standard_normal(log.X.shape[1]) if log.X.shape[1] else np.zeros(len(log))
    keys: list[Floats | Ints] = [log.reward, log.propensity, log.action, content]
    rank = np.empty(len(log), dtype=np.int64)
    rank[np.lexsort(keys)] = np.arange(len(log))
    return rank
