"""Covariates take variance out and nothing else."""

from __future__ import annotations

import numpy as np
from pytest import approx

from engine.experiments import cuped, relative, welch
from engine.experiments.metric import Term, moments
from engine.experiments.sample import Sample, measure

Y, X = Term("y"), Term("x")


def arm(rng: np.random.Generator, n: int, lift: float = 0.0, rho: float = 0.6) -> Sample:
    """n units with mean 5 (+ lift) and a covariate of correlation rho."""
    x = rng.normal(size=n)
    y = 5 + lift + rho * x + np.sqrt(1 - rho**2) * rng.normal(size=n)
    return measure(("y", "x"), np.stack([y, x], axis=1))


def test_without_covariates_it_is_the_plain_delta_method() -> None:
    rng = np.random.default_rng(0)
    control, treatment = arm(rng, 300), arm(rng, 200)
    plain = relative.delta(moments(control, Y), moments(treatment, Y))
    found = cuped.relative(cuped.adjust(control, treatment, Y))
    assert (found.value, found.se) == approx((plain.value, plain.se), rel=1e-12)
    assert cuped.moments(cuped.adjust(control, treatment, Y), control) == moments(control, Y)


def test_a_correlation_of_six_tenths_takes_a_third_of_the_variance() -> None:
    rng = np.random.default_rng(1)
    control, treatment = arm(rng, 100_000), arm(rng, 100_000)
    adjusted = cuped.adjust(control, treatment, Y, (X,))
    kept = cuped.moments(adjusted, control).variance / moments(control, Y).variance
    assert kept == approx(1 - 0.6**2, abs=0.02)


def test_the_adjusted_lift_is_unbiased_and_covers() -> None:
    rng = np.random.default_rng(2)
    lifts, covered = [], 0
    for _ in range(800):
        control, treatment = arm(rng, 200), arm(rng, 300, lift=0.5)
        effect = cuped.relative(cuped.adjust(control, treatment, Y, (X,)))
        limits = welch.interval(effect)
        lifts.append(effect.value)
        covered += limits.low <= 0.1 <= limits.high
    assert np.mean(lifts) == approx(0.1, abs=4 * np.std(lifts) / np.sqrt(800))
    assert 738 <= covered <= 780  # 99.9 % band of 95 %


def test_collinear_covariates_count_once() -> None:
    rng = np.random.default_rng(3)
    rows = np.stack([rng.normal(size=500) for _ in range(2)], axis=1)
    rows = np.column_stack([rows[:, 0] + rows[:, 1], rows[:, 1], 2 * rows[:, 1]])
    samples = [measure(("y", "x", "z"), part) for part in (rows[:200], rows[200:])]
    once = cuped.adjust(samples[0], samples[1], Y, (X,))
    twice = cuped.adjust(samples[0], samples[1], Y, (X, Term("z")))
    assert cuped.moments(twice, samples[0]).variance == approx(cuped.moments(once, samples[0]).variance)
