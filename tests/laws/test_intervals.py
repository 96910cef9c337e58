"""Laws of every interval, and that each covers what it promises."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from simulator.interval.base import Evidence, Interval, within
from simulator.interval.bernstein import bernstein
from simulator.interval.betting import against_high, against_low, anytime
from simulator.interval.bootstrap import bootstrap
from simulator.interval.gamma import gamma, quantile
from simulator.interval.likelihood import likelihood
from simulator.interval.student import student

Kind = Callable[[Evidence, float], Interval]


def _bootstrap(evidence: Evidence, level: float) -> Interval:
    return bootstrap(evidence, np.random.Generator(np.random.PCG64(1)), level)


def _bernstein(evidence: Evidence, level: float) -> Interval:
    return bernstein(evidence, float(np.ptp(evidence.term)), level)


ALL: dict[str, Kind] = {
    "gamma": gamma,
    "student": student,
    "bootstrap": _bootstrap,
    "bernstein": _bernstein,
}
BY_MOMENTS = ["gamma", "student", "bernstein"]


@st.composite
def evidence(draw: st.DrawFn) -> Evidence:
    """Weighted rewards of a few rows, or a difference of two."""
    rng = np.random.Generator(np.random.PCG64(draw(st.integers(0, 2**32))))
    n = draw(st.integers(20, 200))
    gain = rng.exponential(1.0, n) - draw(st.sampled_from([0.0, 1.0]))
    reward = np.round(rng.exponential(1.0, n) * (rng.random(n) < draw(st.floats(0.1, 1.0))), 6)
    reward[0] = 1.0
    return Evidence(gain * reward, gain, reward - 0.5)


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=25, deadline=None)
@given(proof=evidence())
def test_an_interval_holds_its_estimate_and_shrinks_with_the_level(name: str, proof: Evidence) -> None:
    wide, narrow = ALL[name](proof, 0.99), ALL[name](proof, 0.8)
    assert wide.low <= narrow.low <= narrow.high <= wide.high
    assert wide.low <= wide.value <= wide.high
    assert wide.value == pytest.approx(float(proof.term.mean()), abs=1e-12)
    assert all(math.isfinite(one) for one in (wide.low, wide.high, wide.se))


@pytest.mark.parametrize("name", BY_MOMENTS)
@settings(max_examples=25, deadline=None)
@given(proof=evidence(), seed=st.integers(0, 2**32))
def test_the_order_of_the_rows_does_not_matter(name: str, proof: Evidence, seed: int) -> None:
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(proof))
    mixed = Evidence(proof.term[order], proof.gain[order], proof.surprise[order])
    one, other = ALL[name](proof, 0.95), ALL[name](mixed, 0.95)
    assert (other.low, other.high) == pytest.approx((one.low, one.high), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", BY_MOMENTS)
@settings(max_examples=25, deadline=None)
@given(proof=evidence(), shift=st.floats(-10, 10), scale=st.floats(0.01, 100))
def test_an_interval_follows_shift_and_scale(name: str, proof: Evidence, shift: float, scale: float) -> None:
    moved = Evidence(proof.term * scale + shift, proof.gain, proof.surprise * scale)
    one, other = ALL[name](proof, 0.95), ALL[name](moved, 0.95)
    expected = (one.low * scale + shift, one.high * scale + shift)
    assert (other.low, other.high) == pytest.approx(expected, rel=1e-6, abs=1e-6 * (1 + scale))


@pytest.mark.parametrize("name", BY_MOMENTS)
@settings(max_examples=25, deadline=None)
@given(proof=evidence())
def test_the_mirror_image_has_the_mirrored_interval(name: str, proof: Evidence) -> None:
    mirrored = Evidence(-proof.term, -proof.gain, proof.surprise)
    one, other = ALL[name](proof, 0.95), ALL[name](mirrored, 0.95)
    assert (-other.high, -other.low) == pytest.approx((one.low, one.high), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", BY_MOMENTS)
@settings(max_examples=25, deadline=None)
@given(proof=evidence())
def test_clusters_of_one_row_are_rows(name: str, proof: Evidence) -> None:
    single = replace(proof, cluster=np.arange(len(proof)))
    one, other = ALL[name](proof, 0.95), ALL[name](single, 0.95)
    assert (other.low, other.high) == pytest.approx((one.low, one.high), rel=1e-9)


@settings(max_examples=50, deadline=None)
@given(limits=st.lists(st.floats(-5, 5), min_size=3, max_size=3))
def test_an_interval_cut_to_what_rewards_can_be_still_holds_its_estimate(limits: list[float]) -> None:
    low, value, high = sorted(limits)
    cut = within(Interval(value, low, high, 1.0), 0.0, 1.0)
    assert low <= cut.low <= value <= cut.high <= high
    assert cut.low >= min(0.0, value) and cut.high <= max(1.0, value)


def test_copies_within_a_cluster_add_no_certainty() -> None:
    rng = np.random.Generator(np.random.PCG64(3))
    gain, reward = rng.exponential(1.0, 500), (rng.random(500) < 0.1).astype(np.float64)
    once = Evidence(gain * reward, gain, reward - 0.1)
    unit = np.arange(500)
    copied = Evidence(*(np.repeat(column, 4) for column in (once.term, once.gain, once.surprise, unit)))
    for name in ("gamma", "student"):
        one, other = ALL[name](once, 0.95), ALL[name](copied, 0.95)
        assert (other.low, other.high) == pytest.approx((one.low, one.high), rel=1e-9)


@settings(max_examples=50, deadline=None)
@given(skew=st.floats(-3, 3), p=st.floats(0.001, 0.999), mean=st.floats(-5, 5), sd=st.floats(0.01, 10))
def test_the_shifted_gamma_is_scipys_pearson_type_three(
    skew: float, p: float, mean: float, sd: float
) -> None:
    found = quantile(mean, sd**2, skew * sd**3, p)
    assert found == pytest.approx(float(stats.pearson3.ppf(p, skew, mean, sd)), rel=1e-5, abs=1e-5 * sd)


def test_student_is_scipys_interval_of_a_mean() -> None:
    term = np.random.Generator(np.random.PCG64(4)).standard_normal(30)
    found = student(Evidence(term, np.ones(30), term))
    expected = stats.t.interval(0.95, 29, term.mean(), stats.sem(term))
    assert (found.low, found.high) == pytest.approx(expected, rel=1e-12)


def test_on_many_ordinary_rewards_gamma_is_student() -> None:
    rng = np.random.Generator(np.random.PCG64(5))
    weight = 3.0 * (rng.random(60_000) < 1 / 3)
    reward = (rng.random(60_000) < 0.18).astype(np.float64)
    proof = Evidence(0.18 + weight * (reward - 0.18), weight, reward - 0.18)
    one, usual = gamma(proof), student(proof)
    assert (one.low, one.high) == pytest.approx((usual.low, usual.high), abs=0.02 * (usual.high - usual.low))


def test_without_any_reward_of_the_target_the_upper_limit_still_stands_off() -> None:
    weight = np.where(np.arange(1000) < 20, 0.0, 1.0)
    reward = (np.arange(1000) < 4).astype(np.float64)
    found = gamma(Evidence(weight * reward, weight, reward - 0.004))
    assert found.value == 0.0 and found.low <= 0.0
    assert 2.0 / 1000 < found.high < 4.0 / 1000


def test_hashed_buckets_agree_with_the_delta_method() -> None:
    rng = np.random.Generator(np.random.PCG64(6))
    cluster = rng.integers(5000, size=20_000)
    term = rng.standard_normal(20_000) + rng.standard_normal(5000)[cluster]
    proof = Evidence(term, np.ones(20_000), term, np.unique(cluster, return_inverse=True)[1])
    assert bootstrap(proof, rng).se == pytest.approx(student(proof).se, rel=0.1)


FAVOURITES = np.minimum(np.random.Generator(np.random.PCG64(0)).lognormal(-0.8, 1.3, 10_000), 20.0)
FAVOURITES /= FAVOURITES.mean()


def rare(seed: int, n: int) -> tuple[Evidence, float, np.ndarray, np.ndarray]:
    """Weights up to 20 on a reward of 0.34 %."""
    rng = np.random.Generator(np.random.PCG64([seed, n]))
    weight = FAVOURITES[rng.integers(len(FAVOURITES), size=n)]
    reward = (rng.random(n) < 0.0034).astype(np.float64)
    return Evidence(weight * reward, weight, reward - 0.0034), 0.0034, weight, reward


def test_gamma_covers_rare_rewards_where_the_usual_intervals_do_not() -> None:
    worlds = [rare(seed, 3000) for seed in range(400)]
    kept = {
        name: np.mean([(i := ALL[name](proof, 0.95)).low <= truth <= i.high for proof, truth, *_ in worlds])
        for name in ("gamma", "student")
    }
    assert kept["gamma"] >= stats.binom.ppf(0.001, 400, 0.95) / 400
    assert kept["student"] < 0.9


def test_likelihood_covers_rare_rewards_at_a_greater_width() -> None:
    worlds = [rare(seed, 3000) for seed in range(100)]
    found = [(likelihood(w, r, 25.0, 0.0, 1.0), gamma(proof), truth) for proof, truth, w, r in worlds]
    assert np.mean([one.low <= truth <= one.high for one, _, truth in found]) >= 0.95
    assert np.mean([one.high - one.low for one, _, _ in found]) > 1.5 * np.mean(
        [other.high - other.low for _, other, _ in found]
    )


def test_anytime_limits_hold_at_every_look() -> None:
    missed = 0
    for seed in range(200):
        _, truth, weight, reward = rare(seed, 3000)
        low = against_low(weight * reward, 0.025)(truth)
        high = against_high(weight, weight * reward, 25.0, 0.025)(truth)
        missed += bool(max(low.max(), high.max()) >= -math.log(0.025))
    assert missed <= stats.binom.ppf(0.999, 200, 0.05)


def test_anytime_limits_tighten_with_rows_and_hold_the_estimate() -> None:
    _, _, weight, reward = rare(1, 3000)
    some, all_rows = (anytime(weight[:m], reward[:m], 0.0, 1.0, 25.0) for m in (500, 3000))
    assert some.low <= all_rows.low <= all_rows.value <= all_rows.high <= some.high


def test_bernstein_covers_for_certain() -> None:
    rng = np.random.Generator(np.random.PCG64(8))
    found = [
        bernstein(Evidence(term, np.ones(50), term), 1.0)
        for term in (rng.random((300, 50)) < 0.1).astype(np.float64)
    ]
    assert all(one.low <= 0.1 <= one.high for one in found)
