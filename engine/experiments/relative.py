"""Relative lift: the difference as a share of the control's level."""

from __future__ import annotations

import math
from dataclasses import astuple

from engine.experiments.sample import Moments
from engine.experiments.welch import Effect, Interval, difference, freedom, interval


def delta(control: Moments, treatment: Moments) -> Effect:
    """Lift over the control mean by the delta method.

    Its p-value is not the test of equal means (Fieller 1954); the test of the absolute difference is.

    Source: Deng, Knoblich and Lu (2018), "Applying the delta method in metric analytics".
    """
    stretched = Moments(control.n, control.mean, control.variance * (treatment.mean / control.mean) ** 2)
    spread = difference(stretched, treatment)
    return share(Effect(spread.value, spread.se, freedom(control, treatment)), control.mean)


def share(effect: Effect, base: float) -> Effect:
    """The effect as a share of a fixed base, read without skewness."""
    return Effect(effect.value / abs(base), effect.se / abs(base), effect.df)


def logarithmic(control: Moments, treatment: Moments, level: float = 0.95) -> Interval:
    """Lift with an asymmetric interval from the log scale; both means must be positive.

    Source: Katz, Baptista, Azen and Pike (1978), "Obtaining confidence intervals for the risk ratio in cohort
    studies", with Welch's t.
    """
    log = difference(*(_log(arm) for arm in (control, treatment)))
    return Interval(*(math.expm1(one) for one in astuple(interval(log, level))))


def _log(arm: Moments) -> Moments:
    return Moments(arm.n, math.log(arm.mean), arm.variance / arm.mean**2)
