"""Difference of two means with unequal variances, and its correction for skewness."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import stdtr, stdtrit

from engine.experiments.sample import Moments


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its confidence limits."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Effect:
    """An estimated effect: what every test and interval is made from.

    Attributes:
        value: the estimate.
        se: its standard error, above 0.
        df: Satterthwaite's degrees of freedom.
        skew: skewness of the estimate, 0 where it is left out.
    """

    value: float
    se: float
    df: float
    skew: float = 0.0


def difference(control: Moments, treatment: Moments) -> Effect:
    """Treatment mean less control mean, with the skewness of the difference.

    Source: Welch (1947), "The generalization of Student's problem when several different population variances
    are involved".
    """
    variance = control.error + treatment.error
    third = treatment.third / treatment.n**2 - control.third / control.n**2
    skew = third / variance**1.5 if variance else 0.0
    value = treatment.mean - control.mean
    return Effect(value, math.sqrt(variance), freedom(control, treatment), skew)


def freedom(control: Moments, treatment: Moments) -> float:
    """Degrees of freedom of a difference of means (Satterthwaite 1946); 1 where neither arm varies."""
    c, t = control.error, treatment.error
    below = t**2 / (treatment.n - 1) + c**2 / (control.n - 1)
    return (c + t) ** 2 / below if below else 1.0


def interval(effect: Effect, level: float = 0.95) -> Interval:
    """Two-sided confidence interval; equal-tailed on Hall's scale where the effect has a skewness."""
    reach = float(stdtrit(effect.df, (1 + level) / 2))
    low, high = (effect.value - effect.se * _untransform(u, effect.skew) for u in (reach, -reach))
    return Interval(effect.value, low, high)


def p_value(effect: Effect, null: float = 0.0) -> float:
    """Two-sided p-value of ``effect == null``, the dual of `interval`."""
    return 2 * min(tail(effect, null), tail(effect, null, upper=True))


def tail(effect: Effect, null: float = 0.0, upper: bool = False) -> float:
    """One-sided p-value: chance of an estimate this far below (`upper`: above) `null` if `null` were true."""
    score = _transform((effect.value - null) / effect.se, effect.skew)
    return float(stdtr(effect.df, -score if upper else score))


def unskewed(effect: Effect) -> Effect:
    """The same effect read by plain Welch."""
    return Effect(effect.value, effect.se, effect.df)


def _transform(t: float, skew: float) -> float:
    """Hall's monotone cubic, which takes the skewness out of Student's t.

    Source: Hall (1992), "On the removal of skewness by transformation", JRSS B 54; for two samples Zhou and
    Dinh (2005), "Nonparametric confidence intervals for the one- and two-sample problems", Biostatistics 6.
    """
    return t + skew * t**2 / 3 + skew**2 * t**3 / 27 + skew / 6


def _untransform(u: float, skew: float) -> float:
    """Inverse of `_transform`."""
    if abs(skew) < 1e-9:
        return u
    return 3 / skew * (math.cbrt(1 + skew * (u - skew / 6)) - 1)
