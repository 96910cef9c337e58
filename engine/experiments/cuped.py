"""CUPED: what was known before the experiment takes its share of the variance out.

Source: Deng, Xu, Kohavi and Walker (2013), "Improving the sensitivity of online controlled experiments by
utilizing pre-experiment data", with one coefficient pooled over both arms and, for ratios, linearised terms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.experiments.metric import Term, level, weights
from engine.experiments.relative import share
from engine.experiments.sample import Moments, Sample, merge, project
from engine.experiments.welch import Effect, difference, freedom
from policies.base import Floats


@dataclass(frozen=True, slots=True)
class Adjusted:
    """Two arms of one metric after adjustment for c covariates (c may be 0).

    Attributes:
        control, treatment: sufficient statistics of the arms.
        term: the metric.
        covariates: c terms measured before the experiment.
        theta: (c,) pooled regression coefficients.
    """

    control: Sample
    treatment: Sample
    term: Term
    covariates: tuple[Term, ...]
    theta: Floats


def adjust(control: Sample, treatment: Sample, term: Term, covariates: tuple[Term, ...] = ()) -> Adjusted:
    """Fit the pooled coefficients; collinear covariates share theirs (least-norm solution)."""
    pooled = merge(control, treatment)
    X = _matrix(pooled, covariates)
    spread, common = X @ pooled.second @ X.T, X @ pooled.second @ weights(pooled, term)
    theta: Floats = np.asarray(np.linalg.lstsq(spread, common, rcond=None)[0], dtype=np.float64)
    return Adjusted(control, treatment, term, covariates, theta)


def moments(adjusted: Adjusted, arm: Sample) -> Moments:
    """The arm's level as it would be at the pooled means of the covariates."""
    pooled = merge(adjusted.control, adjusted.treatment)
    gap = [level(arm, term) - level(pooled, term) for term in adjusted.covariates]
    influence = project(arm, weights(arm, adjusted.term) - _correction(adjusted, arm))
    centre = level(arm, adjusted.term) - float(adjusted.theta @ np.asarray(gap))
    return Moments(arm.n, centre, influence.variance, influence.third)


def relative(adjusted: Adjusted) -> Effect:
    """Adjusted difference over the control's own, unadjusted level, by the delta method.

    The baseline stays the level that the books show. Without covariates this is `relative.delta`.
    """
    control, treatment, term = adjusted.control, adjusted.treatment, adjusted.term
    base = level(control, term)
    gap = moments(adjusted, treatment).mean - moments(adjusted, control).mean
    stretched = level(treatment, term) / base * weights(control, term) - _correction(adjusted, control)
    below = project(control, stretched)
    above = project(treatment, weights(treatment, term) - _correction(adjusted, treatment))
    df = freedom(moments(adjusted, control), above)
    return share(Effect(gap, difference(below, above).se, df), base)


def _correction(adjusted: Adjusted, arm: Sample) -> Floats:
    """(p,) weights of ``theta . covariates`` in the arm."""
    return np.asarray(adjusted.theta @ _matrix(arm, adjusted.covariates), dtype=np.float64)


def _matrix(sample: Sample, terms: tuple[Term, ...]) -> Floats:
    """(c, p) weights of each term."""
    rows = [weights(sample, term) for term in terms]
    return np.asarray(rows, dtype=np.float64).reshape(len(terms), len(sample.columns))
