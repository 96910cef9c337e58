"""Folds for cross-fitting that keep a unit together and do not depend on the order of the rows."""

from __future__ import annotations

import numpy as np

from policies.base import Floats, Ints
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


def _rank(log: Log) -> Ints:
    """(n,) place of each row when sorted by what it says; equal rows are interchangeable."""
    rng = np.random.Generator(np.random.PCG64(SEED))
    content = log.X @ rng.standard_normal(log.X.shape[1]) if log.X.shape[1] else np.zeros(len(log))
    keys: list[Floats | Ints] = [log.reward, log.propensity, log.action, content]
    rank = np.empty(len(log), dtype=np.int64)
    rank[np.lexsort(keys)] = np.arange(len(log))
    return rank
