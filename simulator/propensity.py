"""Whether propensities that were not logged may stand in for those that were."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import ndtri

from simulator.logs import Log

FALSE_ALARM = 1e-3  # chance that a log without any dependence is said to have one
LEAST = 0.03  # a correlation that is let pass, however many rows show it


def followed(log: Log) -> str | None:
    """The context that the logged actions follow most, None if none is seen to be followed.

    Shares of actions are propensities only if every row had the same chances. Then no action is correlated
    with anything known before; each pair is tested, and the tests share one false alarm in a thousand logs
    (Bonferroni 1936). Units count, not rows.
    """
    found = sorted(_correlations(log), reverse=True)
    if not found:
        return None
    units = len(log) if log.cluster is None else int(log.cluster.max()) + 1
    limit = max(-float(ndtri(FALSE_ALARM / 2 / len(found))) / units**0.5, LEAST)
    most, name = found[0]
    return name if most > limit else None


def _correlations(log: Log) -> Iterator[tuple[float, str]]:
    """(size of the correlation, context) of every action with every context that varies."""
    taken = np.zeros((len(log), len(log.actions)))
    taken[np.arange(len(log)), log.action] = 1.0
    taken -= taken.mean(axis=0)
    X = log.X - log.X.mean(axis=0)
    scale = np.outer(np.sqrt((X * X).sum(axis=0)), np.sqrt((taken * taken).sum(axis=0)))
    size = np.abs(np.divide(X.T @ taken, scale, out=np.zeros_like(scale), where=scale > 0))
    for j, name in enumerate(log.names):
        yield from ((float(one), name) for one in size[j][scale[j] > 0])
