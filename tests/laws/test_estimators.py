"""Laws of every estimator, on random problems."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from policies.base import Floats
from simulator.estimators import PLAIN, TUNED
from simulator.estimators.base import Rows, Terms, evidence, value
from simulator.estimators.calibrated import calibrated
from simulator.estimators.mrdr import row_weight
from simulator.estimators.slope import slope

Estimator = Callable[[Rows], Terms]


def _at(name: str, tuning: float) -> Estimator:
    return lambda rows: TUNED[name][0](rows, tuning)


ALL: dict[str, Estimator] = dict(PLAIN) | {
    f"{name}({grid[j]:g})": _at(name, grid[j]) for name, (_, grid) in TUNED.items() for j in (0, 3, -1)
}
CORRECTED = [
    "dr",
    "sndr",
    "calibrated",
    *(name for name in ALL if name.startswith(("switch", "dros", "subg"))),
]
WEIGHTED_MEANS = ["snips", "replay"]


@st.composite
def problems(draw: st.DrawFn) -> Rows:
    """A few rows of a log with a positive weight somewhere."""
    rng = np.random.Generator(np.random.PCG64(draw(st.integers(0, 2**32))))
    n = draw(st.integers(1, 60))
    match = rng.random(n) * (rng.random(n) < 0.8)
    match[0] = 0.5
    weight = match / np.maximum(rng.random(n), 0.02)
    reward = np.round(rng.standard_normal(n) * 10.0 ** draw(st.integers(-2, 3)), 6)
    q = reward + rng.standard_normal(n)
    return Rows(reward, weight, match, q, rng.standard_normal(n), weight * rng.random(n))


def shuffled(rows: Rows, seed: int) -> Rows:
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(rows))
    return Rows(*(getattr(rows, field.name)[order] for field in fields(rows)))


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=25, deadline=None)
@given(rows=problems(), seed=st.integers(0, 2**32))
def test_the_order_of_the_rows_does_not_matter_to_the_last_bit(name: str, rows: Rows, seed: int) -> None:
    assert value(ALL[name](rows)) == value(ALL[name](shuffled(rows, seed)))


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=25, deadline=None)
@given(rows=problems())
def test_the_mean_of_the_terms_is_the_estimate(name: str, rows: Rows) -> None:
    terms = ALL[name](rows)
    found = evidence(terms, rows.reward - rows.q, None)
    size = float(np.abs(found.term).max()) + 1.0
    assert found.term.mean() == pytest.approx(value(terms), abs=1e-9 * size)


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=25, deadline=None)
@given(rows=problems(), scale=st.floats(0.01, 100))
def test_an_estimate_scales_with_the_rewards(name: str, rows: Rows, scale: float) -> None:
    larger = replace(rows, reward=rows.reward * scale, q=rows.q * scale, baseline=rows.baseline * scale)
    size = float(np.abs(ALL[name](rows).top).sum() + np.abs(rows.baseline).sum()) * scale
    assert value(ALL[name](larger)) == pytest.approx(value(ALL[name](rows)) * scale, abs=1e-9 * size)


@settings(max_examples=50, deadline=None)
@given(rows=problems())
def test_ips_of_the_logging_policy_is_the_mean_reward(rows: Rows) -> None:
    own = replace(rows, weight=np.ones(len(rows)))
    for name in ("ips", "snips"):
        assert value(PLAIN[name](own)) == pytest.approx(float(rows.reward.mean()), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", CORRECTED)
@settings(max_examples=25, deadline=None)
@given(rows=problems())
def test_with_exact_q_it_is_the_direct_method(name: str, rows: Rows) -> None:
    exact = replace(rows, q=rows.reward)
    assert value(ALL[name](exact)) == pytest.approx(value(PLAIN["dm"](exact)), rel=1e-12, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(rows=problems())
def test_dr_without_a_model_is_ips(rows: Rows) -> None:
    blind = replace(rows, q=np.zeros(len(rows)), baseline=np.zeros(len(rows)))
    assert value(PLAIN["dr"](blind)) == value(PLAIN["ips"](blind))


@pytest.mark.parametrize("name", WEIGHTED_MEANS)
@settings(max_examples=50, deadline=None)
@given(rows=problems(), scale=st.floats(1e-3, 1e3))
def test_a_weighted_mean_ignores_the_scale_of_the_weights(name: str, rows: Rows, scale: float) -> None:
    scaled = replace(rows, weight=rows.weight * scale, match=rows.match * scale)
    assert value(PLAIN[name](scaled)) == pytest.approx(value(PLAIN[name](rows)), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", WEIGHTED_MEANS)
@settings(max_examples=50, deadline=None)
@given(rows=problems(), shift=st.floats(-100, 100))
def test_a_weighted_mean_follows_a_shift_of_the_rewards(name: str, rows: Rows, shift: float) -> None:
    moved = replace(rows, reward=rows.reward + shift)
    size = float(np.abs(rows.reward).max()) + abs(shift)
    assert value(PLAIN[name](moved)) == pytest.approx(
        value(PLAIN[name](rows)) + shift, rel=1e-9, abs=1e-9 * size
    )


@settings(max_examples=50, deadline=None)
@given(rows=problems())
def test_a_weighted_mean_stays_between_the_least_and_the_largest_reward(rows: Rows) -> None:
    for name in WEIGHTED_MEANS:
        assert (
            rows.reward.min() - 1e-9
            <= value(PLAIN[name](rows))
            <= rows.reward.max() + 1e-9 * abs(rows.reward.max())
        )


@settings(max_examples=50, deadline=None)
@given(rows=problems())
def test_tuning_runs_from_unbiased_to_the_model_alone(rows: Rows) -> None:
    free, model = value(PLAIN["dr"](rows)), value(PLAIN["dm"](rows))
    size = float(np.abs(rows.weight * (rows.reward - rows.q)).sum()) + 1.0
    assert value(TUNED["switch_dr"][0](rows, np.inf)) == free
    assert value(TUNED["subgaussian"][0](rows, 0.0)) == free
    assert value(TUNED["dros"][0](rows, 1e18)) == pytest.approx(free, abs=1e-9 * size)
    assert value(TUNED["switch_dr"][0](rows, -1.0)) == model
    assert value(TUNED["dros"][0](rows, 0.0)) == model


@settings(max_examples=50, deadline=None)
@given(
    value=st.lists(st.floats(-10, 10), min_size=1, max_size=8),
    se=st.lists(st.floats(0.01, 3), min_size=8, max_size=8),
)
def test_slope_takes_the_last_that_no_less_biased_one_contradicts(
    value: list[float], se: list[float]
) -> None:
    chosen = slope(value, se[: len(value)])
    half = [1.96 * min(se[: j + 1]) for j in range(len(value))]
    meets = [
        all(abs(value[i] - value[j]) <= half[i] + half[j] + 1e-12 for i in range(j))
        for j in range(len(value))
    ]
    assert all(meets[: chosen + 1])


def _line(rows: Rows) -> Floats:
    """(n, 2) what rewards are regressed on, each row by its weight."""
    return np.column_stack([np.ones(len(rows)), rows.q]) * np.sqrt(rows.weight)[:, None]


def _condition(rows: Rows) -> float:
    """How ill the regression is posed; infinite with a single row."""
    return float(np.linalg.cond(_line(rows))) if len(rows) > 1 else float("inf")


@settings(max_examples=50, deadline=None)
@given(rows=problems())
def test_calibrated_is_least_squares_by_weight_and_what_the_target_expects_of_it(rows: Rows) -> None:
    found = calibrated(rows)
    fitted = np.linalg.lstsq(_line(rows), rows.reward * np.sqrt(rows.weight), rcond=None)[0]
    size = 1.0 + float(np.abs(rows.reward).max())
    if _condition(rows) < 1e6:
        wanted = fitted[0] + fitted[1] * rows.baseline
        scale = size + float(np.abs(fitted[1] * rows.baseline).max())
        assert found.base == pytest.approx(wanted, abs=1e-6 * scale)
        weights = found.gain / len(rows)
        assert weights.sum() == pytest.approx(1.0, abs=1e-6 * (1.0 + np.abs(weights).sum()))
        own = float(np.abs(weights * rows.q).sum() + np.abs(rows.baseline).max())
        assert weights @ rows.q == pytest.approx(rows.baseline.mean(), abs=1e-6 * own)
        assert weights @ rows.reward == pytest.approx(value(found), abs=1e-5 * (scale + own * size))


@settings(max_examples=50, deadline=None)
@given(rows=problems(), shift=st.floats(-100, 100), factor=st.floats(0.1, 10))
def test_calibrated_does_not_care_on_which_scale_predictions_are(
    rows: Rows, shift: float, factor: float
) -> None:
    assume(_condition(rows) < 1e4)
    moved = replace(rows, q=shift + factor * rows.q, baseline=shift + factor * rows.baseline)
    one = calibrated(rows)
    size = float(np.abs(one.base).max() + np.abs(one.top).max())
    assert value(calibrated(moved)) == pytest.approx(value(one), abs=1e-6 * size)


@settings(max_examples=50, deadline=None)
@given(rows=problems(), level=st.floats(-10, 10))
def test_calibrated_without_a_model_is_the_weighted_mean(rows: Rows, level: float) -> None:
    blind = replace(rows, q=np.full(len(rows), level), baseline=np.full(len(rows), level))
    size = float(np.abs(rows.reward).max()) + abs(level)
    assert value(calibrated(blind)) == pytest.approx(value(PLAIN["snips"](blind)), abs=1e-9 * size)


def test_more_robust_weights_ignore_rows_the_target_never_acts_on() -> None:
    weight = row_weight(np.array([0.0, 1.0, 1.0]), np.array([0.5, 0.5, 1.0]))
    assert weight.tolist() == [0.0, 2.0, 0.0]
