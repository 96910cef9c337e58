"""Situations into numbers: the context X a policy sees and the prior it starts from.

An `Encoding` is fitted once, when a program's first snapshot is made, from the customers known by then, and
travels with the snapshot: a logged decision is always encoded as it was when it was made.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import numpy as np

from engine.calendar import EPOCH
from engine.domain import Program
from engine.situation import Contact, Situations
from policies.base import Floats
from policies.grid import snap

_DAY_US = 86_400_000_000
_LEVELS_AT_MOST = 32


class Numeric(msgspec.Struct, frozen=True, tag="numeric"):
    """A number, standardised; missing becomes 0 and raises a flag of its own."""

    name: str
    center: float = 0.0
    scale: float = 1.0


class Levels(msgspec.Struct, frozen=True, tag="levels"):
    """A text, one column a level; a level never seen before has none of them."""

    name: str
    levels: tuple[str, ...]


class Encoding(msgspec.Struct, frozen=True):
    """How the values of a program become the columns of X. Contact recency and frequency come last."""

    features: tuple[Numeric | Levels, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the d columns of X."""
        named: list[str] = []
        for feature in self.features:
            if isinstance(feature, Numeric):
                named += [feature.name, f"{feature.name} is unknown"]
            else:
                named += [f"{feature.name}={level}" for level in feature.levels]
        return (*named, "contacts in 7 days", "days since contact")


def fit(program: Program, values: Mapping[str, Sequence[Any]]) -> Encoding:
    """The encoding for a program, from the columns of the customers known so far (they may be empty).

    Numbers are centred on the median and scaled by the larger of half the 16-84 % range and a tenth of the
    largest deviation, so that neither a spike at zero nor a long tail leaves the grid's +-8. Texts take the
    declared levels, else the 32 most frequent ones.
    """
    features: list[Numeric | Levels] = []
    for attribute in program.attributes:
        column = [v for v in values.get(attribute.name, ()) if v is not None]
        if attribute.type == "text":
            features.append(Levels(attribute.name, attribute.levels or _frequent(column)))
        else:
            features.append(_numeric(attribute.name, column))
    features += [
        _numeric(model, [v for v in values.get(model, ()) if v is not None]) for model in program.predictions
    ]
    return Encoding(tuple(features))


def encode(encoding: Encoding, situations: Situations) -> Floats:
    """(n, d) context matrix on the grid of `policies.grid`: finite, within +-8."""
    n = len(situations)
    blocks: list[Floats] = []
    for feature in encoding.features:
        column = situations.values.get(feature.name) or [None] * n
        blocks += _numbers(feature, column) if isinstance(feature, Numeric) else _one_hot(feature, column)
    blocks += _history(situations)
    return snap(np.stack(blocks, axis=1)) if blocks else np.zeros((n, 0))


def prior(program: Program, situations: Situations) -> Floats:
    """(n, k) net reward predicted before any learning: prediction x value x lever - cost; no_action is 0.

    An offer whose response nobody predicted, or not for this customer, is expected to earn nothing but its
    cost.
    """
    n = len(situations)
    offers = {offer.name: offer for offer in program.offers}
    channels = {channel.name: channel for channel in program.channels}
    earned = {name: np.zeros(n) for name in offers}
    for model, offer in program.predictions.items():
        if offer:
            earned[offer] = _numeric_column(situations.values.get(model) or [None] * n)
            earned[offer] = np.nan_to_num(earned[offer]) * offers[offer].value * offers[offer].lever
    predicted = np.zeros((n, len(program.actions)))
    for j, action in enumerate(program.actions):
        if action.offer:
            cost = offers[action.offer].cost + channels[action.channel].cost
            predicted[:, j] = earned[action.offer] - cost
    return predicted


def cost(program: Program) -> Floats:
    """(k,) money each action costs when it is sent."""
    offers = {offer.name: offer.cost for offer in program.offers}
    channels = {channel.name: channel.cost for channel in program.channels}
    return np.array([offers[a.offer] + channels[a.channel] if a.offer else 0.0 for a in program.actions])


def _numeric(name: str, column: Sequence[Any]) -> Numeric:
    known = _numeric_column(column)
    known = known[np.isfinite(known)]
    if len(known) == 0:
        return Numeric(name)
    low, center, high = (float(q) for q in np.quantile(known, [0.16, 0.5, 0.84]))
    scale = max((high - low) / 2, float(np.max(np.abs(known - center))) / 10)
    return Numeric(name, center, scale or 1.0)


def _frequent(column: Sequence[Any]) -> tuple[str, ...]:
    names, counts = np.unique(np.array(column, dtype=str), return_counts=True)
    most = np.argsort(-counts, kind="stable")[:_LEVELS_AT_MOST]
    return tuple(sorted(str(names[i]) for i in most))


def _numeric_column(column: Sequence[Any]) -> Floats:
    return np.array([_number(value) for value in column], dtype=np.float64)


def _number(value: Any) -> float:
    if value is None:
        return math.nan
    if isinstance(value, datetime):
        return (value - EPOCH).total_seconds()
    return float(value)


def _numbers(feature: Numeric, column: Sequence[Any]) -> list[Floats]:
    number = (_numeric_column(column) - feature.center) / feature.scale
    missing = np.isnan(number)
    return [np.where(missing, 0.0, number), missing.astype(np.float64)]


def _one_hot(feature: Levels, column: Sequence[Any]) -> list[Floats]:
    index = {level: j for j, level in enumerate(feature.levels)}
    code = np.array([index.get(value, -1) for value in column])
    return [(code == j).astype(np.float64) for j in range(len(feature.levels))]


def _history(situations: Situations) -> list[Floats]:
    recent = np.zeros(len(situations))
    freshness = np.zeros(len(situations))
    for i, contacts in enumerate(situations.contacts):
        if contacts:
            recent[i], freshness[i] = _pressure(contacts, situations.at_us[i])
    return [recent / 2.0, freshness]


def _pressure(contacts: Sequence[Contact], at_us: int) -> tuple[float, float]:
    """Contacts in the last 7 days, and 1/(1 + days since the last one): 0 for never."""
    past = [c.at_us for c in contacts if c.at_us <= at_us]
    if not past:
        return 0.0, 0.0
    week = sum(at_us - t < 7 * _DAY_US for t in past)
    return float(week), 1.0 / (1.0 + (at_us - max(past)) / _DAY_US)
