"""Differences of means: scipy's where there is no skewness, better tails where there is."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx
from scipy.stats import binom, kstest, ttest_ind

from engine.experiments.welch import Effect, difference, interval, p_value, tail, unskewed
from tests.experiments.worlds import moments, revenue

EFFECTS = st.builds(Effect, st.floats(-5, 5), st.floats(0.01, 5), st.floats(5, 1e5), st.floats(-0.6, 0.6))


def test_without_skewness_it_is_scipys_welch() -> None:
    rng = np.random.default_rng(0)
    control, treatment = rng.normal(1, 2, 80), rng.exponential(1.5, 130)
    found = unskewed(difference(moments(control), moments(treatment)))
    expected = ttest_ind(treatment, control, equal_var=False)
    limits = expected.confidence_interval(0.9)
    assert p_value(found) == approx(expected.pvalue, rel=1e-10)
    assert [interval(found, 0.9).low, interval(found, 0.9).high] == approx(
        [limits.low, limits.high], rel=1e-10
    )


@given(EFFECTS, st.sampled_from([0.8, 0.95, 0.99]))
def test_the_interval_holds_what_the_test_accepts(effect: Effect, level: float) -> None:
    limits = interval(effect, level)
    for edge, inside in ((limits.low, 1), (limits.high, -1)):
        step = 1e-6 * effect.se * inside
        assert p_value(effect, edge + step) > 1 - level - 1e-9
        assert p_value(effect, edge - step) < 1 - level + 1e-9


@given(EFFECTS)
def test_swapping_the_arms_mirrors_the_interval(effect: Effect) -> None:
    mirrored = Effect(-effect.value, effect.se, effect.df, -effect.skew)
    assert interval(mirrored).low == approx(-interval(effect).high, rel=1e-9, abs=1e-9)
    assert p_value(mirrored) == approx(p_value(effect), rel=1e-9)


@given(EFFECTS)
def test_the_two_tails_add_up_to_one(effect: Effect) -> None:
    assert tail(effect, 0.3) + tail(effect, 0.3, upper=True) == approx(1)


def test_p_values_of_equal_arms_are_uniform() -> None:
    rng = np.random.default_rng(7)
    p = [p_value(difference(moments(rng.normal(size=60)), moments(rng.normal(size=40)))) for _ in range(2000)]
    assert kstest(p, "uniform").pvalue > 0.01


def test_a_small_holdout_of_skewed_revenue_errs_equally_on_both_sides() -> None:
    """Clamped at the pooled 99.9 % quantile; plain Welch sees far more false wins than its 2.5 %."""
    worlds, holdout = 600, 1000
    rng = np.random.default_rng(5)
    wins = losses = plain = 0
    for _ in range(worlds):
        value = revenue(rng, 20 * holdout)
        clamped = np.minimum(value, np.quantile(value, 0.999))
        effect = difference(moments(clamped[:holdout]), moments(clamped[holdout:]))
        wins += tail(effect, upper=True) < 0.025
        losses += tail(effect) < 0.025
        raw = unskewed(difference(moments(value[:holdout]), moments(value[holdout:])))
        plain += tail(raw, upper=True) < 0.025
    low, high = binom.interval(0.999, worlds, 0.025)
    assert low <= wins <= high and low <= losses <= high
    assert plain > high
