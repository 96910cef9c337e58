from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain import Staleness
from engine.predictions.staleness import effective, state, weight
from engine.store.rows import PredictionRow

DAY_US = 86_400_000_000
WEEK, MONTH = timedelta(days=7), timedelta(days=30)
contracts = st.builds(
    Staleness,
    st.integers(0, 60).map(lambda hours: timedelta(hours=hours)),
    st.none() | st.integers(61, 500).map(lambda hours: timedelta(hours=hours)),
    st.sampled_from(["use", "widen", "ignore"]),
)
ages = st.integers(-DAY_US, 40 * DAY_US)


def dated(score: float, age_us: int, at_us: int = 10**15) -> PredictionRow:
    return PredictionRow("c1", "churn", "v1", score, at_us - age_us, at_us)


def value(contract: Staleness, score: float, age_us: int, mean: float | None = 0.2) -> float | None:
    return effective(contract, dated(score, age_us), 10**15, lambda model, version: mean)


@given(contract=contracts, age=ages, score=st.floats(0, 1), mean=st.floats(0, 1))
def test_what_is_used_lies_between_the_score_and_the_mean(
    contract: Staleness, age: int, score: float, mean: float
) -> None:
    used = value(contract, score, age, mean)
    if used is not None:
        assert min(score, mean) - 1e-12 <= used <= max(score, mean) + 1e-12
    if state(contract, age) == "fresh":
        assert used == score
    if state(contract, age) == "expired":
        assert used is None


@given(contract=contracts, age=ages, later=st.integers(0, 10 * DAY_US))
def test_a_score_is_never_worth_more_as_it_ages(contract: Staleness, age: int, later: int) -> None:
    now, then = weight(contract, age), weight(contract, age + later)
    assert then is None or (now is not None and then <= now)


def test_a_widened_score_is_worth_its_fresh_time_over_its_age() -> None:
    contract = Staleness(WEEK, MONTH, "widen")
    assert weight(contract, 7 * DAY_US) == 1.0
    assert weight(contract, 12 * DAY_US) == pytest.approx(7 / 12)
    assert value(contract, 0.8, 14 * DAY_US, 0.2) == pytest.approx(0.5)
    assert weight(contract, 30 * DAY_US) == pytest.approx(7 / 30)
    assert weight(contract, 30 * DAY_US + 1) is None


def test_there_is_no_jump_where_a_score_turns_stale() -> None:
    contract = Staleness(WEEK, None, "widen")
    assert value(contract, 0.8, 7 * DAY_US + 1) == pytest.approx(0.8, abs=1e-9)


def test_stale_scores_are_used_or_ignored_as_the_program_says() -> None:
    assert value(Staleness(WEEK), 0.8, 400 * DAY_US) == 0.8
    assert value(Staleness(WEEK, None, "ignore"), 0.8, 8 * DAY_US) is None
    assert value(Staleness(WEEK, MONTH, "use"), 0.8, 31 * DAY_US) is None


def test_a_score_that_cannot_be_widened_is_not_used() -> None:
    assert value(Staleness(WEEK, None, "widen"), 0.8, 8 * DAY_US, None) is None
