"""Reward models by name, and in which rows each is fitted."""

from __future__ import annotations

from collections.abc import Mapping

from engine.errors import InputError, nearest
from policies.base import Floats, Ints, Mask
from simulator.boosted import cross_fit_trees
from simulator.logs import Log
from simulator.reward_model import cross_fit

MODELS: Mapping[str, str] = {
    "linear": "ridge regression for each action, with waves so that it can bend",
    "boosted": "gradient-boosted trees, recalibrated",
}
DEFAULT = "linear"


def predictions(
    log: Log, fold: Ints, train: Mask, model: str = DEFAULT, weight: Floats | None = None
) -> Floats:
    """(n, k) predicted reward of every action in every row, never from the row itself.

    Args:
        log: n rows.
        fold: (n,) fold of each row in 0..F-1.
        train: (F, F) which folds (columns) the model of each fold (rows) learns from, as `folds` has it.
        model: ``linear`` or ``boosted``.
        weight: (n,) importance of each row in the fit, 1 where not given.

    Raises:
        InputError: there is no such model.
    """
    k = len(log.actions)
    if model == "linear":
        return cross_fit(log.X, log.action, log.reward, fold, k, weight, train)
    if model == "boosted":
        return cross_fit_trees(log.X, log.action, log.reward, fold, k, train, weight)
    raise InputError(f"There is no reward model '{model}'.{nearest(model, MODELS)}")
