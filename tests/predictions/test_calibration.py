from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from engine.errors import RefusedError
from engine.predictions.calibration import Calibration, calibration
from policies.base import Floats


def made(n: int, seed: int, slope: float = 1.0, intercept: float = 0.0, each: int = 1) -> Calibration:
    """A calibration of n made-up scores, `each` of every customer."""
    chance = np.random.default_rng(seed)
    score = chance.beta(2, 4, n)
    happened = chance.random(n) < expit(intercept + slope * logit(score))
    return calibration(score, happened, np.arange(n) // each, np.ones(n))


def covered(seeds: range) -> Floats:
    """(3,) shares of the seeds whose interval holds the truth: of slope, intercept, gap."""
    held = []
    truth = float(expit(-0.3 + 0.7 * logit(np.random.default_rng(1).beta(2, 4, 400_000))).mean() - 1 / 3)
    for seed in seeds:
        found = made(400, seed, 0.7, -0.3)
        assert found.slope is not None and found.intercept is not None
        pairs = ((found.slope, 0.7), (found.intercept, -0.3), (found.gap, truth))
        held.append([one.low <= right <= one.high for one, right in pairs])
    return np.asarray(np.mean(held, axis=0), dtype=np.float64)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    share = covered(range(200))
    assert (share > 0.89).all()  # 0.95 less four standard deviations


def test_scores_that_are_right_have_no_more_error_than_chance_gives() -> None:
    found = [made(2_000, seed) for seed in range(40)]
    mean, chance = np.mean([one.ece for one in found]), np.mean([one.ece_by_chance for one in found])
    assert mean == pytest.approx(chance, rel=0.1)


def test_scores_that_are_too_extreme_have_a_slope_below_one() -> None:
    found = made(4_000, 1, slope=0.5)
    assert found.slope is not None and found.slope.high < 1
    assert found.ece > 2 * found.ece_by_chance


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 10))
def test_only_the_ratio_of_weights_counts(seed: int, scale: float) -> None:
    chance = np.random.default_rng(seed)
    score, customer = chance.uniform(0.1, 0.9, 500), chance.integers(0, 300, 500)
    happened, weight = chance.random(500) < score, chance.uniform(1, 2, 500)
    one = calibration(score, happened, customer, weight)
    other = calibration(score, happened, customer, weight * scale)
    assert other.ece == pytest.approx(one.ece) and other.brier.high == pytest.approx(one.brier.high)
    assert one.slope is not None and other.slope is not None
    assert other.slope.low == pytest.approx(one.slope.low, rel=1e-6, abs=1e-9)


def test_many_rows_of_one_customer_count_as_what_they_are() -> None:
    chance = np.random.default_rng(2)
    score = np.repeat(chance.uniform(0.2, 0.8, 300), 5)
    happened = np.repeat(chance.random(300) < score[::5], 5)
    alone = calibration(score, happened, np.arange(1_500), np.ones(1_500))
    together = calibration(score, happened, np.arange(1_500) // 5, np.ones(1_500))
    wider = (together.gap.high - together.gap.low) / (alone.gap.high - alone.gap.low)
    assert wider == pytest.approx(np.sqrt(5), rel=0.05)
    assert together.bins[0].rate.high > alone.bins[0].rate.high


def test_weights_undo_a_choice_that_went_by_more_than_the_score() -> None:
    chance = np.random.default_rng(9)
    score, keen = chance.uniform(0.2, 0.6, 40_000), chance.random(40_000) < 0.5
    happened = chance.random(40_000) < score + np.where(keen, 0.15, -0.15)  # right on average over both
    propensity = np.where(keen, 0.8, 0.1)
    sent = chance.random(40_000) < propensity
    some = (score[sent], happened[sent], np.arange(sent.sum()))
    as_sent = calibration(*some, np.ones(int(sent.sum())))
    everyone = calibration(*some, 1 / propensity[sent])
    assert as_sent.gap.low > 0.08
    assert everyone.gap.low < 0 < everyone.gap.high


def test_one_score_alone_determines_no_slope() -> None:
    found = calibration(np.full(300, 0.3), np.arange(300) < 90, np.arange(300), np.ones(300))
    assert found.slope is None and found.intercept is None
    assert len(found.bins) == 1 and found.ece == pytest.approx(0.0)


def test_scores_of_nought_and_one_are_taken() -> None:
    chance = np.random.default_rng(4)
    score = np.where(np.arange(600) < 60, 0.0, np.where(np.arange(600) < 120, 1.0, chance.random(600)))
    found = calibration(score, chance.random(600) < score, np.arange(600), np.ones(600))
    assert found.slope is not None and np.isfinite(found.slope.high)
    assert found.bins[0].rate.low == 0.0


@pytest.mark.parametrize(
    ("n", "positives", "weight", "said"),
    [
        (0, 0, 1.0, "0 matured decisions sent the offer, at least 200"),
        (199, 50, 1.0, "199 matured decisions"),
        (500, 19, 1.0, "19 of 500 matured decisions were followed"),
        (500, 481, 1.0, "481 of 500"),
        (500, 100, 1e4, "worth 1, at least 200"),
    ],
)
def test_too_little_is_refused_in_words(n: int, positives: int, weight: float, said: str) -> None:
    each = np.ones(n)
    each[:1] = weight
    with pytest.raises(RefusedError, match=said):
        calibration(np.full(n, 0.3), np.arange(n) < positives, np.arange(n), each)


def test_what_is_no_probability_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"a score is 3\.5"):
        calibration(np.array([0.2, 3.5]), np.array([True, False]), np.arange(2), np.ones(2))
