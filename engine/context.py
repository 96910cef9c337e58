"""Situations into numbers: the context X a policy sees.

An `Encoding` is fitted once, when a program's first snapshot is made, from the customers known by then, and
travels with the snapshot: a logged decision is always encoded as it was when it was made.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import numpy as np

from engine.calendar import EPOCH
from engine.coded import nothing_in
from engine.columns import Column, numbers
from engine.domain import Program
from engine.once import once
from engine.pasts import Pasts
from engine.situation import Contact, Situations
from policies import grid
from policies.base import Floats, Ints
from policies.grid import snap
from policies.kernel import kernel

_DAY_US = 86_400_000_000
_LEVELS_AT_MOST = 32
_OFFERS_AT_MOST = 32  # beyond it the wear of each offer would be more columns than it could repay


class Numeric(msgspec.Struct, frozen=True, tag="numeric"):
    """A number, standardised; missing becomes 0 and raises a flag of its own."""

    name: str
    center: float = 0.0
    scale: float = 1.0


class Levels(msgspec.Struct, frozen=True, tag="levels"):
    """A text, one column a level; a level never seen before has none of them."""

    name: str
    levels: tuple[str, ...]


class Encoding(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the values of a program become the columns of X.

    The contact history comes last: how often, how lately, and how lately with each offer of `offers`, so that
    fatigue and the wear of an offer shown again can be learnt.

    `signs` says what outcomes foretell, found among so many `contacts`; see `engine.signs`. `usual` are the
    weights of [1, x] that give what contacts usually earn; see `engine.spare`.
    """

    features: tuple[Numeric | Levels, ...]
    offers: tuple[str, ...] = ()
    signs: dict[str, float] = {}
    contacts: int = 0
    usual: tuple[float, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the d columns of X."""
        named: list[str] = []
        for feature in self.features:
            if isinstance(feature, Numeric):
                named += [feature.name, f"{feature.name} is unknown"]
            else:
                named += [f"{feature.name}={level}" for level in feature.levels]
        return (*named, *self.history)

    @property
    def history(self) -> tuple[str, ...]:
        """Names of the last columns, those of the contact history."""
        return (
            "contacts in 7 days",
            "last contact",
            *(f"last contact with {offer}" for offer in self.offers),
        )


def fit(program: Program, values: Mapping[str, Sequence[Any]]) -> Encoding:
    """The encoding for a program, from the columns of the customers known so far (they may be empty).

    Numbers are centred on the median and scaled by the larger of half the 16-84 % range and a tenth of the
    largest deviation, so that neither a spike at zero nor a long tail leaves the grid's +-8. Texts take the
    declared levels, else the 32 most frequent ones.
    """
    features: list[Numeric | Levels] = []
    for attribute in (one for one in program.attributes if one.learn):
        column = [v for v in values.get(attribute.name, ()) if v is not None]
        if attribute.type == "text":
            features.append(Levels(attribute.name, attribute.levels or _frequent(column)))
        else:
            features.append(_numeric(attribute.name, column))
    features += [
        _numeric(model, [v for v in values.get(model, ()) if v is not None]) for model in program.predictions
    ]
    offers = tuple(offer.name for offer in program.offers)
    return Encoding(tuple(features), offers if len(offers) <= _OFFERS_AT_MOST else ())


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the features stand in X: m numbers; each text with its first column and its levels' places; and
    where each offer stands among the last columns."""

    numbers: tuple[str, ...]
    center: Floats
    scale: Floats
    at: Ints
    texts: tuple[tuple[str, int, Mapping[Any, int]], ...]
    offers: Mapping[str, int]
    width: int


@once
def _layout(encoding: Encoding) -> _Layout:
    at, numbers, texts = 0, [], []
    for feature in encoding.features:
        if isinstance(feature, Numeric):
            numbers.append((feature, at))
            at += 2
        else:
            texts.append((feature.name, at, {level: j for j, level in enumerate(feature.levels)}))
            at += len(feature.levels)
    return _Layout(
        tuple(feature.name for feature, _ in numbers),
        np.array([feature.center for feature, _ in numbers], dtype=np.float64),
        np.array([feature.scale for feature, _ in numbers], dtype=np.float64),
        np.array([start for _, start in numbers], dtype=np.int64),
        tuple(texts),
        {offer: 2 + j for j, offer in enumerate(encoding.offers)},
        at + len(encoding.history),
    )


def encode(encoding: Encoding, situations: Situations) -> Floats:
    """(n, d) context matrix on the grid of `policies.grid`: finite, within +-8."""
    layout, n = _layout(encoding), len(situations)
    X, unknown = np.zeros((n, layout.width)), [None] * n
    if layout.numbers:
        number = _matrix(situations.values, layout.numbers, n)
        _standardise(number, layout.center, layout.scale, layout.at, X)
    for name, start, place in layout.texts:
        level = _level(situations.values.get(name) or unknown, place)
        known = np.flatnonzero(level >= 0)
        X[known, start + level[known]] = 1.0
    _history(layout.offers, situations, X)
    return snap(X, out=X)


def _level(column: Sequence[Any], place: Mapping[Any, int]) -> Ints:
    """(n,) the place of each text among the levels, -1 for one that is none of them or unknown."""
    if isinstance(column, Column) and column.kind == "text":
        of_level = np.array([*(place.get(one, -1) for one in column.levels), -1], dtype=np.int64)
        return np.asarray(of_level[column.array])
    return np.array([place.get(value, -1) for value in column], dtype=np.int64)


def usually(encoding: Encoding, X: Floats) -> Floats:
    """(n,) what contacts usually earn, 0 or more: row i depends on row i only, bit for bit."""
    base, weights = _weights(encoding)
    found: Floats = np.maximum(X @ weights + base, 0.0)
    return found


@once
def _weights(encoding: Encoding) -> tuple[float, Floats]:
    """Intercept and (d,) weights of `usual`, on the grid on which sums with contexts are exact."""
    weights = grid.snap_weights(np.array(encoding.usual)[:, None])[:, 0]
    return float(weights[0]), np.ascontiguousarray(weights[1:])


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
    if value is None or isinstance(value, str):  # a text was declared a number when this was learnt
        return math.nan
    if isinstance(value, datetime):
        return (value - EPOCH).total_seconds()
    return float(value)


def _matrix(values: Mapping[str, Sequence[Any]], names: tuple[str, ...], n: int) -> Floats:
    """(m, n) the columns as numbers, NaN where unknown."""
    try:
        return numbers(values, names, n)
    except (KeyError, TypeError, ValueError):  # times among them, texts, or what the program knows no longer
        return np.stack([_numeric_column(values.get(name) or [None] * n) for name in names])


@kernel("void(f8[:,::1], f8[::1], f8[::1], i8[::1], f8[:,::1])", writes=1)
def _standardise(number: Floats, center: Floats, scale: Floats, at: Ints, X: Floats) -> None:
    """Fill two columns of X for each number: its standardised value, and whether it is unknown."""
    for i in range(len(X)):
        for m in range(len(number)):
            value = (number[m, i] - center[m]) / scale[m]
            unknown = np.isnan(value)
            X[i, at[m]] = 0.0 if unknown else value
            X[i, at[m] + 1] = 1.0 if unknown else 0.0


def _history(place: Mapping[str, int], situations: Situations, X: Floats) -> None:
    """Fill the last columns of X, all 0 so far, with the contacts of the customers who had any."""
    if nothing_in(situations.contacts):
        return
    if isinstance(situations.contacts, Pasts):
        _pressures(place, situations.contacts, np.array(situations.at_us, dtype=np.int64), X)
        return
    for i, contacts in enumerate(situations.contacts):
        if contacts:
            X[i, -2 - len(place) :] = _pressure(place, contacts, situations.at_us[i])


def _pressures(place: Mapping[str, int], pasts: Pasts, at_us: Ints, X: Floats) -> None:
    """As `_pressure`, for all customers at once."""
    first = X.shape[1] - 2 - len(place)
    days = (at_us[pasts.row] - pasts.at_us[pasts.contacts]) / _DAY_US
    past = np.flatnonzero(days >= 0.0)
    row, days = pasts.row[past], days[past]
    own = np.array([place.get(offer, 1) for offer in pasts.offers], dtype=np.int64)
    lately = 1.0 / (1.0 + days)
    np.add.at(X, (row, first), 0.5 * (days < 7.0))
    np.maximum.at(X, (row, first + 1), lately)
    np.maximum.at(X, (row, first + own[pasts.offer[pasts.contacts][past]]), lately)


def _pressure(place: Mapping[str, int], contacts: Sequence[Contact], at_us: int) -> list[float]:
    """Half the contacts of the last 7 days, then how lately any and each offer was sent: 1 / (1 + days)."""
    pressure = [0.0] * (2 + len(place))
    for contact in contacts:
        days = (at_us - contact.at_us) / _DAY_US
        if days >= 0.0:
            lately, own = 1.0 / (1.0 + days), place.get(contact.offer, 1)
            pressure[0] += 0.5 * (days < 7.0)
            pressure[1], pressure[own] = max(pressure[1], lately), max(pressure[own], lately)
    return pressure
