"""Quantiles, multiplicity, planning, ratios of effects, guardrails, uplift: each by a law or by hand."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx
from scipy.stats import binom, false_discovery_control, norm

from engine.experiments import bayes, fieller, group, multiplicity, noninferiority, power, quantile, uplift
from engine.experiments.sample import Moments
from engine.experiments.stratify import stratified
from engine.experiments.welch import Effect, difference

P = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@given(P)
def test_adjusted_p_values_are_ordered_by_strictness(p: list[float]) -> None:
    strict = [multiplicity.holm(p), multiplicity.hochberg(p), multiplicity.benjamini_hochberg(p), p]
    for harder, softer in pairwise(strict):
        assert all(a >= b - 1e-12 for a, b in zip(harder, softer, strict=True))
    assert all(one <= 1 for one in multiplicity.benjamini_yekutieli(p))


@given(P)
def test_false_discovery_rates_are_scipys(p: list[float]) -> None:
    assert multiplicity.benjamini_hochberg(p) == approx(list(false_discovery_control(p)))
    assert multiplicity.benjamini_yekutieli(p) == approx(list(false_discovery_control(p, method="by")))


@given(st.floats(0.1, 100), st.floats(0.05, 20), st.sampled_from([100.0, 5e3, 1e6]), st.sampled_from([1, 2]))
def test_power_size_and_detectable_effect_agree(
    variance: float, ratio: float, total: float, sides: int
) -> None:
    plan = power.Plan(variance, ratio, sides=sides)
    effect = power.detectable(plan, total)
    assert power.power(plan, effect, total) == approx(0.8, abs=1e-6)
    assert power.size(plan, effect) == approx(total, abs=1)


def test_without_an_effect_power_is_alpha() -> None:
    assert power.power(power.Plan(1.0), 0.0, 500) == approx(0.05, abs=1e-9)


def test_a_quantile_covers_its_truth() -> None:
    rng = np.random.default_rng(4)
    found = [quantile.quantile(rng.exponential(size=400), 0.9) for _ in range(1000)]
    covered = sum(one.low <= -math.log(0.1) <= one.high for one in found)
    assert binom.interval(0.9999, 1000, 0.95)[0] <= covered <= 985


def test_fieller_covers_the_ratio_and_is_honest_about_no_cost() -> None:
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(1000):
        below, above = rng.normal(2, 0.5), rng.normal(6, 1)
        found = fieller.ratio(above, below, (1.0, 0.25, 0.0))
        assert found is not None
        unbounded = found.low is None or found.high is None
        covered += unbounded or found.low <= 3 <= found.high  # type: ignore[operator]
    assert 920 <= covered <= 975
    assert fieller.ratio(1.0, 0.1, (1.0, 1.0, 0.0)) == fieller.RatioInterval(10.0, None, None)
    assert fieller.ratio(1.0, 0.0, (1.0, 1.0, 0.0)) is None


def test_a_guardrail_fails_what_is_clearly_worse_and_passes_what_is_the_same() -> None:
    base = Moments(10_000, 10.0, 4.0)
    worse, same = Moments(10_000, 9.0, 4.0), Moments(10_000, 10.0, 4.0)
    assert not noninferiority.noninferior(base, worse, 0.02, "increase").passed
    assert noninferiority.noninferior(base, same, 0.02, "increase").passed
    assert noninferiority.noninferior(base, worse, 0.02, "decrease").passed


def test_one_planned_look_is_the_fixed_test() -> None:
    assert group.bounds([1.0], [0.05]) == approx([norm.isf(0.025)])


def test_looks_that_share_alpha_stop_no_more_often_than_alpha() -> None:
    fraction = [0.25, 0.5, 0.75, 1.0]
    bound = np.array(group.bounds(fraction, group.spent(fraction).tolist()))
    steps = np.random.default_rng(6).normal(size=(20_000, 4)) * 0.5
    score = np.cumsum(steps, axis=1) / np.sqrt(fraction)
    stopped = (np.abs(score) > bound).any(axis=1).sum()
    low, high = binom.interval(0.9999, 20_000, 0.05)
    assert low <= stopped <= high


def test_expected_losses_differ_by_the_effect() -> None:
    belief = bayes.normal(Effect(0.3, 0.2, 100))
    assert belief.loss_keep - belief.loss_switch == approx(0.3)
    assert belief.chance == approx(norm.cdf(1.5))


def test_equal_posteriors_win_half_the_time() -> None:
    assert bayes.beta_binomial((30, 100), (30, 100)).chance == approx(0.5, abs=1e-6)


def test_one_stratum_is_the_plain_comparison() -> None:
    pair = Moments(50, 3.0, 2.0), Moments(70, 4.0, 5.0)
    found, plain = stratified([pair]), difference(*pair)
    assert found.absolute == approx(plain.value) and found.absolute_se == approx(plain.se)


def test_the_best_ranking_has_the_whole_area_and_a_random_one_none() -> None:
    rng = np.random.default_rng(8)
    treated = rng.integers(0, 2, 4000)
    outcome = (rng.random(4000) < 0.3).astype(float)
    best = outcome * (2.0 * treated - 1)
    assert uplift.qini_area(outcome, best, treated) == approx(1)
    assert abs(uplift.qini_area(outcome, rng.random(4000), treated)) < 0.05


def test_an_effect_far_beyond_all_variation_needs_two_units_an_arm() -> None:
    assert power.size(power.Plan(variance=1e-12, ratio=1.0), effect=1.0) == 4
