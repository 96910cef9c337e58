"""Does a score put first whom treatment moves? Uplift and Qini curves of a randomised comparison.

The curves are those of `uplift`, per customer and read at a hundred places; their intervals come from a
jackknife over groups of customers (Miller 1974, "The jackknife: a review", Biometrika 61).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from engine.experiments.verdict import number
from engine.experiments.welch import Interval
from policies.base import Floats, Ints

SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_PLACES = 100  # at which the curves are read
_GROUPS = 40  # of customers, each left out in turn


@dataclass(frozen=True, slots=True)
class Gain:
    """What treating the best `share` of all customers by the score adds, per customer of all."""

    share: float
    effect: Interval


@dataclass(frozen=True, slots=True)
class Targeting:
    """How well a score ranks customers by what treatment adds.

    Attributes:
        score, metric: what ranks, and what is counted.
        arm, control: the treated and the others.
        customers: of both, with a score.
        gains: the uplift curve.
        uplift: area between the uplift curve and drawing by lot, per customer; 0 if the score knows nothing.
        qini: the same of the Qini curve, per treated customer.
        sentence: what that means.
    """

    score: str
    metric: str
    arm: str
    control: str
    customers: int
    gains: tuple[Gain, ...]
    uplift: Interval
    qini: Interval
    sentence: str


def targeting(
    names: tuple[str, str, str, str], outcome: Floats, score: Floats, treated: Ints, level: float
) -> Targeting | None:
    """Read a score; None where it is the same for all, or an arm has too few customers to leave some out.

    Args:
        names: score, metric, arm and control.
        outcome, score, treated: (n,) outcomes, scores with the best first, 1 where treated and 0 where not.
    """
    n = len(score)
    if min(int(treated.sum()), n - int(treated.sum())) < 2 * _GROUPS or score.min() == score.max():
        return None
    counts, sums = _totals(outcome, score, treated)
    left = np.concatenate([counts.sum(axis=0)[None], counts.sum(axis=0) - counts])
    kept = np.concatenate([sums.sum(axis=0)[None], sums.sum(axis=0) - sums])
    share, uplift, qini = _curves(left, kept)
    places = np.array([np.interp(SHARES, x, y) for x, y in zip(share, uplift, strict=True)])
    gains = tuple(Gain(one, _interval(places[:, i], level)) for i, one in enumerate(SHARES))
    area = _interval(_beyond_lot(share, uplift), level)
    below = _interval(_beyond_lot(share, qini), level)
    return Targeting(*names, n, gains, area, below, _sentence(names, gains, area))


def _totals(outcome: Floats, score: Floats, treated: Ints) -> tuple[Floats, Floats]:
    """(groups, places, 2) customers and their outcomes, untreated and treated, the best scores first."""
    edges = np.unique(np.quantile(score, np.linspace(0, 1, _PLACES + 1)[1:-1], method="inverted_cdf"))
    place = len(edges) - np.searchsorted(edges, score, side="right")
    group = np.random.default_rng(0).integers(0, _GROUPS, len(score))  # one deal of the groups, for ever
    at = (group * (len(edges) + 1) + place) * 2 + treated.astype(np.int64)
    shape = _GROUPS, len(edges) + 1, 2
    size = math.prod(shape)
    counts, sums = (np.bincount(at, weight, size).reshape(shape) for weight in (None, outcome))
    return counts.astype(np.float64), sums.astype(np.float64)


def _curves(counts: Floats, sums: Floats) -> tuple[Floats, Floats, Floats]:
    """(r, places + 1) share ranked so far, uplift and Qini curve, each from 0, of r sets of customers."""
    n, total = (np.pad(np.cumsum(one, axis=1), ((0, 0), (1, 0), (0, 0))) for one in (counts, sums))
    mean = np.divide(total, n, out=np.zeros_like(total), where=n > 0)
    share = n.sum(axis=2) / n[:, -1].sum(axis=1)[:, None]
    gained = mean[:, :, 1] - mean[:, :, 0]
    return share, gained * share, gained * n[:, :, 1] / n[:, -1, 1][:, None]


def _beyond_lot(share: Floats, curve: Floats) -> Floats:
    """(r,) areas between the curves and the straight lines to their ends."""
    area = np.trapezoid(curve, share, axis=1)
    return np.asarray(area - curve[:, -1] / 2, dtype=np.float64)


def _interval(value: Floats, level: float) -> Interval:
    """Of the whole, the first, by how it moves as each group is left out."""
    whole, parts = float(value[0]), value[1:]
    error = math.sqrt((len(parts) - 1) * float(parts.var()))
    reach = float(stdtrit(len(parts) - 1, (1 + level) / 2)) * error
    return Interval(whole, whole - reach, whole + reach)


def _sentence(names: Sequence[str], gains: Sequence[Gain], area: Interval) -> str:
    score, metric, arm, _ = names
    best, all_ = gains[2].effect, gains[-1].effect
    told = (
        f"{arm} for the best 30 % by {score} adds {number(best.value, best)} {metric} per customer of all "
        f"({number(best.low, best)} to {number(best.high, best)}), for everybody {number(all_.value, all_)}"
    )
    if area.low > 0:
        return f"{told}: {score} finds whom to choose, beyond chance."
    if area.high < 0:
        return f"{told}: {score} ranks the wrong customers first, beyond chance."
    return f"{told}: not known yet to be better than drawing by lot."
