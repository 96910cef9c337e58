"""A ranking is judged by what treatment adds to whom it puts first, and the interval keeps its promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from engine.experiments.targeting import SHARES, Targeting, targeting
from engine.experiments.uplift import qini_curve, uplift_curve
from policies.base import Floats, Ints

NAMES = ("score", "spend", "b", "a")


def world(rng: np.random.Generator, n: int, reach: float) -> tuple[Floats, Floats, Ints]:
    """Outcomes, a score uniform on [0, 1], arms by lot; treatment adds `reach` times the score."""
    score, treated = rng.random(n), rng.integers(0, 2, n)
    return rng.normal(size=n) + reach * score * treated, score, treated


def read(outcome: Floats, score: Floats, treated: Ints) -> Targeting:
    found = targeting(NAMES, outcome, score, treated, 0.95)
    assert found is not None
    return found


def test_the_curve_is_the_uplift_curve_per_customer() -> None:
    outcome, _, treated = world(np.random.default_rng(0), 4000, 1.0)
    score = np.random.default_rng(1).integers(0, 11, 4000) / 10.0
    found = read(outcome, score, treated)
    for curve, area, whole in (
        (uplift_curve, found.uplift, 4000),
        (qini_curve, found.qini, int(treated.sum())),
    ):
        x, y = curve(outcome, score, treated)
        beyond = np.trapezoid(y / whole, x / 4000) - y[-1] / whole / 2
        assert area.value == approx(float(beyond))
        if curve is uplift_curve:
            assert [one.effect.value for one in found.gains] == approx(np.interp(SHARES, x / 4000, y / whole))


def test_treating_everybody_is_the_difference_of_the_means() -> None:
    outcome, score, treated = world(np.random.default_rng(2), 3000, 1.0)
    last = read(outcome, score, treated).gains[-1].effect
    assert last.value == approx(outcome[treated == 1].mean() - outcome[treated == 0].mean())
    half = 1.96 * np.sqrt(outcome[treated == 1].var() / 1500 + outcome[treated == 0].var() / 1500)
    assert (last.high - last.low) / 2 == approx(half, rel=0.35)


@pytest.mark.parametrize(("reach", "truth"), [(0.0, 0.0), (1.0, 1 / 12)])
def test_the_area_is_covered_as_often_as_promised(reach: float, truth: float) -> None:
    """Treatment adds reach * s: the curve is reach * (f - f^2 / 2), its area over the line reach / 12."""
    rng, worlds, hits = np.random.default_rng(3), 300, 0
    for _ in range(worlds):
        area = read(*world(rng, 1000, reach)).uplift
        hits += area.low <= truth <= area.high
    assert 273 <= hits <= 297  # 99.9 % band of 95 % in 300


def test_a_score_that_knows_and_one_that_is_turned_round_are_told_apart() -> None:
    outcome, score, treated = world(np.random.default_rng(4), 20_000, 2.0)
    good, bad = read(outcome, score, treated), read(outcome, -score, treated)
    assert good.uplift.low > 0 and "finds whom to choose" in good.sentence
    assert bad.uplift.high < 0 and "wrong customers first" in bad.sentence
    assert bad.uplift.value == approx(-good.uplift.value, rel=0.05)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.1, 10.0), st.floats(-5.0, 5.0), st.integers(0, 2**32 - 1))
def test_only_the_order_of_the_scores_counts(scale: float, shift: float, seed: int) -> None:
    outcome, score, treated = world(np.random.default_rng(seed), 400, 1.0)
    one, other = read(outcome, score, treated), read(outcome, np.exp(score) * scale + shift, treated)
    assert other.uplift.value == approx(one.uplift.value, abs=1e-12)


def test_a_score_that_is_the_same_for_all_has_no_curve() -> None:
    outcome, score, treated = world(np.random.default_rng(5), 500, 1.0)
    assert targeting(NAMES, outcome, np.ones(500), treated, 0.95) is None
    assert targeting(NAMES, outcome[:100], score[:100], treated[:100], 0.95) is None
