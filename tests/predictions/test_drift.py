from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from engine.predictions.distribution import Distribution, distribution
from engine.predictions.drift import drift

scores = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=80)


@given(before=scores)
def test_nothing_drifts_from_itself(before: list[float]) -> None:
    found = drift(distribution(before), distribution(before), "1")
    assert found is not None
    assert (found.psi, found.ks) == pytest.approx((0.0, 0.0), abs=1e-12)
    assert found.reading == "stable"


@given(before=scores, now=scores)
def test_the_index_is_never_negative_and_the_distance_never_above_one(
    before: list[float], now: list[float]
) -> None:
    found = drift(distribution(before), distribution(now), "1")
    assert found is not None
    assert found.psi >= 0 and 0 <= found.ks <= 1
    assert sum(found.share) == pytest.approx(1.0) and sum(found.before) == pytest.approx(1.0)


def test_the_index_is_what_its_formula_says_over_the_deciles_of_the_earlier_version() -> None:
    chance = np.random.default_rng(7)
    before, now = chance.beta(2, 5, 20_000), chance.beta(2.6, 5, 30_000)
    found = drift(distribution(before), distribution(now), "1")
    assert found is not None
    edges = np.quantile(before, np.arange(1, 10) / 10)
    q = np.bincount(np.searchsorted(edges, before), minlength=10) / len(before)
    p = np.bincount(np.searchsorted(edges, now), minlength=10) / len(now)
    assert found.psi == pytest.approx(float(((p - q) * np.log(p / q)).sum()), rel=0.02)
    assert found.before == pytest.approx([0.1] * 10, abs=0.002)
    assert found.ks == pytest.approx(ks_2samp(before, now).statistic, abs=0.003)
    assert found.reading == "moderate"


@pytest.mark.parametrize(("now", "reading"), [((2, 5), "stable"), ((2.6, 5), "moderate"), ((5, 2), "large")])
def test_the_usual_reading_is_given(now: tuple[float, float], reading: str) -> None:
    chance = np.random.default_rng(1)
    before, after = chance.beta(2, 5, 5_000), chance.beta(*now, 5_000)
    found = drift(distribution(before), distribution(after), "v1")
    assert found is not None and found.reading == reading
    assert ("look at the model's inputs" in found.sentence) == (reading != "stable")


def test_a_few_scores_are_not_said_to_have_changed() -> None:
    chance = np.random.default_rng(3)
    found = drift(distribution(chance.random(5_000)), distribution(chance.random(30)), "1")
    assert found is not None
    assert found.psi > 0.1 and found.reading == "chance" and "no more than chance" in found.sentence


def test_an_index_passes_its_point_of_chance_once_in_twenty() -> None:
    chance = np.random.default_rng(11)
    above = 0
    for _ in range(400):
        found = drift(distribution(chance.random(2_000)), distribution(chance.random(1_000)), "1")
        assert found is not None
        above += found.psi > found.chance
    assert 6 <= above <= 36  # binomial(400, 0.05): mean 20, four standard deviations either way


def test_scores_that_are_all_alike_drift_when_they_become_other_ones() -> None:
    found = drift(distribution([0.5] * 1_000), distribution([0.2] * 1_000), "1")
    assert found is not None
    assert found.reading == "large" and found.ks == 1.0
    assert len(found.share) == 3


def test_versions_without_counts_have_no_drift() -> None:
    assert drift(Distribution(2, 0.5, 0.1, 0.2, 0.8), distribution([0.5]), "1") is None
