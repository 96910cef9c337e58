"""Predictions as a data team would hand them over: calibrated, blind to what nobody sees, and never exact."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from scipy.optimize import isotonic_regression

from engine.domain import Attribute, Program
from policies.base import Floats
from simulator.luck import uniform
from simulator.truth import count
from simulator.world import SEEDS, Customers, World

_PAST = 8000  # customers of the past on whom a model is trained
_PAST_SEED = SEEDS  # nobody's seed: today's customers are not those of the past
_BLUR = 0.35  # standard deviation of the noise on the log of the score
_RIDGE = 3.0
_POINTS = 40  # of the calibration curve


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of n customers by one model."""

    model: str
    version: str
    as_of: datetime
    score: Floats


def predict(
    world: World, program: Program, customers: Customers, as_of: datetime, version: str
) -> tuple[Scores, ...]:
    """Propensity scores of every model that the program ties to an offer.

    The score is the expected number of purchases, or of what the world sells, within the goal's window when
    the offer is sent, over channels and slots alike, to a customer not contacted before. Unasked purchases
    count: it is a propensity, not an uplift. It is learnt on other customers from observable attributes only,
    blurred, and calibrated on those: of customers with a score of 3 %, about 3 % buy. Another version has
    other noise.
    """
    past = world.people(_PAST_SEED, np.arange(_PAST, dtype=np.int64))
    bought = count(world, program, past, world.fresh(_PAST), 0, world.sells)
    X, X_past = _features(program, customers, past), _features(program, past, past)
    made = []
    for model, offer in program.predictions.items():
        sent = [action.offer == offer for action in program.actions]
        if offer and any(sent):
            truth = bought[:, sent].mean(axis=1)
            weights = _ridge(X_past, np.log(np.maximum(truth, 1e-6)))
            blurred = X_past @ weights + _blur(past, model, version)
            score = _calibrated(X @ weights + _blur(customers, model, version), blurred, truth)
            made.append(Scores(model, version, as_of, score))
    return tuple(made)


def _features(program: Program, customers: Customers, past: Customers) -> Floats:
    """(n, d) observable attributes, standardised on the past, with their squares and products of two."""
    columns = [column for attribute in program.attributes for column in _columns(attribute, customers, past)]
    X = np.stack([np.ones(len(customers)), *columns], axis=1)
    pairs = np.triu_indices(X.shape[1])
    return X[:, pairs[0]] * X[:, pairs[1]]


def _columns(attribute: Attribute, customers: Customers, past: Customers) -> list[Floats]:
    if attribute.name not in customers.attributes:
        return []
    now, then = customers.attributes[attribute.name], past.attributes[attribute.name]
    if attribute.type == "text":
        return [(now == level).astype(np.float64) for level in np.unique(then)[1:]]
    return [np.clip((now - then.mean()) / (then.std() or 1.0), -3.0, 3.0)]


def _ridge(X: Floats, y: Floats) -> Floats:
    return np.asarray(np.linalg.solve(X.T @ X + _RIDGE * np.eye(X.shape[1]), X.T @ y), dtype=np.float64)


def _blur(customers: Customers, model: str, version: str) -> Floats:
    """(n,) noise on the log of the score, logistic: a model never knows all that can be known."""
    u = np.maximum(uniform(customers.seed, f"blur of {model} {version}", customers.index), 1e-12)
    noise: Floats = _BLUR * np.sqrt(3) / np.pi * np.log(u / (1 - u))
    return noise


def _calibrated(now: Floats, past: Floats, truth: Floats) -> Floats:
    """Scores put on the curve of what became of the past: monotone, then straight between its quantiles."""
    order = np.argsort(past)
    rising = isotonic_regression(truth[order]).x
    parts = np.array_split(np.arange(len(order)), _POINTS)
    at = np.array([past[order[part]].mean() for part in parts])
    curve = np.array([rising[part].mean() for part in parts])
    return np.asarray(np.interp(now, at, curve), dtype=np.float64)
