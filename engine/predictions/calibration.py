"""Whether what scores promise happens: reliability by tenths, Brier score, logistic recalibration.

Decisions are chosen by the score, among other things, so who was sent the offer is no fair sample of the
customers. Among those sent, the response at a given score is what it is wherever the choice went by the score
alone; where it also went by other facts that foretell the response, that reading holds for those the policy
sends to and for nobody else. Rows weighted by 1 / propensity stand for every customer for whom the offer was
feasible (Horvitz & Thompson 1952), each channel and slot of it alike, if every action could be drawn. Both
readings are made the same way.

Rows of one customer are not independent: every standard error sums over customers first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import beta, norm

from engine.errors import RefusedError
from policies.base import Floats, Ints, Mask

ENOUGH, ENOUGH_OF_EACH = 200, 20
BINS = 10
_Z = float(norm.ppf(0.975))
_EDGE = 1e-6  # scores of exactly 0 and 1 have no finite logit


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Bin:
    """The rows with scores in (`above`, `upto`]: their mean score, and the share that responded."""

    above: float
    upto: float
    n: int
    score: float
    rate: Estimate


@dataclass(frozen=True, slots=True)
class Calibration:
    """Scores against what happened.

    Attributes:
        n, customers, positives: rows, their customers, and rows that responded.
        effective: Kish's effective number of rows, n where all weigh alike.
        gap: share that responded less mean score; 0 is right on average.
        brier: mean squared difference between score and response (Brier 1950); 0 is best.
        ece: mean distance between score and share over the bins; it is never 0 by chance.
        ece_by_chance: what it would be on average if every score were exactly right.
        slope, intercept: of logit P(response) on the score's logit (Cox 1958); 1 and 0 are right, a slope
            below 1 means that scores are too extreme. None where the scores do not determine them.
        bins: tenths of the rows by score; fewer where scores are tied.
    """

    n: int
    customers: int
    positives: int
    effective: float
    gap: Estimate
    brier: Estimate
    ece: float
    ece_by_chance: float
    slope: Estimate | None
    intercept: Estimate | None
    bins: tuple[Bin, ...]


def calibration(score: Floats, happened: Mask, customer: Ints, weight: Floats) -> Calibration:
    """The calibration of n scores within [0, 1].

    Args:
        happened: (n,) whether the response followed.
        customer: (n,) code of the customer of each row.
        weight: (n,) positive; all 1 for the rows as they are.

    Raises:
        RefusedError: a score is no probability; or there are too few rows, responses or customers.
    """
    _refuse(score, happened, weight)
    response = happened.astype(np.float64)
    slope, intercept = _recalibrated(score, response, customer, weight)
    bins, ece, by_chance = _table(score, response, customer, weight)
    return Calibration(
        len(score),
        len(np.unique(customer)),
        int(happened.sum()),
        effective(weight),
        _mean(response - score, customer, weight),
        _mean((response - score) ** 2, customer, weight),
        ece,
        by_chance,
        slope,
        intercept,
        bins,
    )


def effective(weight: Floats) -> float:
    """Kish's (1965) effective number of rows."""
    return float(weight.sum() ** 2 / (weight**2).sum()) if len(weight) else 0.0


def _refuse(score: Floats, happened: Mask, weight: Floats) -> None:
    n, positives = len(score), int(happened.sum())
    if n and not ((score >= 0.0) & (score <= 1.0)).all():
        wrong = float(score[(score < 0.0) | (score > 1.0)][0])
        raise RefusedError(f"a score is {wrong:g}: only probabilities, within [0, 1], can be calibrated.")
    if n < ENOUGH:
        raise RefusedError(f"{n} matured decisions sent the offer, at least {ENOUGH} are needed; wait.")
    if min(positives, n - positives) < ENOUGH_OF_EACH:
        raise RefusedError(
            f"{positives} of {n} matured decisions were followed by the outcome, at least {ENOUGH_OF_EACH} "
            f"with it and {ENOUGH_OF_EACH} without are needed; wait."
        )
    if effective(weight) < ENOUGH:
        raise RefusedError(
            f"weighted by 1 / propensity, {n} decisions are worth {effective(weight):.0f}, at least {ENOUGH} "
            f"are needed: the offer was seldom drawn by chance. A larger random arm would tell."
        )


def _table(
    score: Floats, response: Floats, customer: Ints, weight: Floats
) -> tuple[tuple[Bin, ...], float, float]:
    """The bins, the expected calibration error over them, and what chance alone makes of it."""
    edges = np.unique(np.quantile(score, np.arange(1, BINS) / BINS, method="inverted_cdf"))
    place = np.searchsorted(edges, score)
    limits = [0.0, *edges.tolist(), 1.0]
    bins, ece, by_chance = [], 0.0, 0.0
    for i in np.unique(place):
        rows = place == i
        w, s = weight[rows], score[rows]
        share, mean = w.sum() / weight.sum(), float(np.average(s, weights=w))
        rate = _rate(response[rows], customer[rows], w)
        bins.append(Bin(limits[i], limits[i + 1], int(rows.sum()), mean, rate))
        ece += float(share * abs(rate.value - mean))
        by_chance += float(share * np.sqrt(2 / np.pi * (w**2 * s * (1 - s)).sum()) / w.sum())
    return tuple(bins), ece, by_chance


def _variance(residual: Floats, customer: Ints, weight: Floats) -> float:
    """Of a weighted mean with those residuals, summed over customers first; infinite for one customer."""
    sums = _summed((weight * residual)[:, None], customer)[:, 0]
    groups = len(sums)
    return float((sums**2).sum() / weight.sum() ** 2 * groups / (groups - 1)) if groups > 1 else np.inf


def _mean(term: Floats, customer: Ints, weight: Floats) -> Estimate:
    value = float(np.average(term, weights=weight))
    reach = _Z * float(np.sqrt(_variance(term - value, customer, weight)))
    return Estimate(value, value - reach, value + reach)


def _rate(response: Floats, customer: Ints, weight: Floats) -> Estimate:
    """A share, with Clopper and Pearson's interval at the effective number of rows.

    Source: Korn & Graubard (1998), "Confidence intervals for proportions with small expected number of
    positive counts estimated from survey data", Survey Methodology 24.
    """
    p = float(np.average(response, weights=weight))
    variance = _variance(response - p, customer, weight)
    n = p * (1 - p) / variance if 0 < p < 1 and 0 < variance < np.inf else effective(weight)
    n = min(n, float(len(response)))
    low = float(beta.ppf(0.025, p * n, n - p * n + 1)) if p > 0 else 0.0
    high = float(beta.ppf(0.975, p * n + 1, n - p * n)) if p < 1 else 1.0
    return Estimate(p, low, high)


def _recalibrated(
    score: Floats, response: Floats, customer: Ints, weight: Floats
) -> tuple[Estimate, Estimate] | tuple[None, None]:
    """Slope and intercept by Newton's method, with the sandwich of Liang & Zeger (1986)."""
    inside = np.clip(score, _EDGE, 1 - _EDGE)
    X = np.column_stack([np.log(inside / (1 - inside)), np.ones(len(score))])
    at = np.array([1.0, 0.0])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(X @ at, -500, 500)))
        information = (X * (weight * p * (1 - p))[:, None]).T @ X
        if np.linalg.cond(information) > 1e12:
            return None, None  # one score alone, or scores that part responses from the rest
        step = np.linalg.solve(information, X.T @ (weight * (response - p)))
        at = at + step
        if np.abs(step).max() < 1e-10:
            break
    else:
        return None, None
    sums = _summed(X * (weight * (response - p))[:, None], customer)
    groups, n, k = len(sums), len(score), X.shape[1]
    middle = sums.T @ sums * groups / (groups - 1) * (n - 1) / (n - k)
    error = np.sqrt(np.diag(np.linalg.solve(information, np.linalg.solve(information, middle).T)))
    slope, intercept = (
        Estimate(float(b), float(b - _Z * e), float(b + _Z * e)) for b, e in zip(at, error, strict=True)
    )
    return slope, intercept


def _summed(terms: Floats, customer: Ints) -> Floats:
    """(groups, k) sums of the (n, k) terms over each customer."""
    _, group = np.unique(customer, return_inverse=True)
    sums = np.zeros((int(group.max()) + 1, terms.shape[1]))
    np.add.at(sums, group, terms)
    return sums
