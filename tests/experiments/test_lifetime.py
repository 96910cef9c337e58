"""Twelve months: what was seen is counted, what is not yet seen is told apart and under scenarios."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InputError
from engine.experiments.lifetime import YEAR, Lifetime, lifetime, sentences
from engine.experiments.stored import Panel
from engine.experiments.upkeep import upkeep
from engine.store.flows import DAY_US
from tests.experiments.programs import START

FIRST = int(START.timestamp() * 1e6) // DAY_US


def lived(rng: np.random.Generator, n: int, days: int, gain: float, spread: int = 0) -> Panel:
    """n customers, half in each arm, with 1 a day and some luck; the policy's get `gain` a day more.

    Args:
        spread: days over which they were assigned.
    """
    arm, start = rng.integers(0, 2, n), rng.integers(0, spread + 1, n)
    each = np.repeat(np.arange(n), days - start)
    day = np.concatenate([np.arange(one, days) for one in start])
    amount = 1.0 + rng.normal(0, 2, len(each)) + gain * arm[each]
    customer = np.arange(n).astype(str)
    units = pl.DataFrame(
        {
            "customer": customer,
            "arm": np.where(arm == 1, "policy", "holdout"),
            "assigned_us": (FIRST + start) * DAY_US,
        }
    )
    daily = pl.DataFrame({"customer": customer[each], "day": FIRST + day, "amount": amount})
    at = START.replace(hour=0) + timedelta(days=days)
    return Panel(None, at, {}, units, daily, daily.select("customer", "day"), ())  # type: ignore[arg-type]


def read(panel: Panel, half_life: float = 90.0) -> Lifetime:
    found = lifetime(panel, ("holdout", "policy"), 0.95, half_life)
    assert found is not None
    return found


@pytest.mark.parametrize(("days", "spread"), [(60, 0), (60, 40), (400, 0)])
def test_seen_and_projected_add_up_to_twelve_months(days: int, spread: int) -> None:
    found = read(lived(np.random.default_rng(1), 300, days, 0.5, spread))
    assert found.seen + found.left == pytest.approx(YEAR)
    for one in (*found.scenarios, *found.levels):
        observed = found.observed if one in found.scenarios else one.observed  # type: ignore[union-attr]
        assert one.total.value == pytest.approx(observed.value + one.projected.value)
    ends, fades, lasts = (one.projected.value for one in found.scenarios)
    assert ends == 0 and (0 < fades < lasts or found.left == 0)


def test_after_twelve_months_nothing_is_left_to_project() -> None:
    found = read(lived(np.random.default_rng(2), 60, 430, 0.5))
    assert found.left == pytest.approx(0) and found.seen == pytest.approx(YEAR)
    assert [one.total.value for one in found.scenarios] == pytest.approx([found.observed.value] * 3)


def test_a_fading_effect_is_the_sum_of_its_days() -> None:
    found = read(lived(np.random.default_rng(3), 200, 40, 0.5), half_life=30.0)
    _, fades, lasts = found.scenarios
    rate = lasts.projected.value / found.left
    steps = np.arange(0, found.left, 0.01)
    by_hand = float((rate * 0.5 ** (steps / 30.0)).sum() * 0.01)
    assert fades.projected.value == pytest.approx(by_hand, rel=1e-3)


def test_twelve_months_of_an_effect_that_lasts_are_covered_as_often_as_promised() -> None:
    rng, worlds, hits = np.random.default_rng(4), 100, 0
    for _ in range(worlds):
        total = read(lived(rng, 160, 35, 0.4, spread=10)).scenarios[-1].total
        hits += total.low <= 0.4 * YEAR <= total.high
    assert 87 <= hits <= 100  # 99.9 % band of 95 % in 100


def test_months_that_were_seen_add_up_to_what_was_seen() -> None:
    found = read(lived(np.random.default_rng(5), 300, 92, 0.5))
    assert [one.week for one in found.months] == [1, 2, 3]
    whole = sum(one.effect.value for one in found.months)
    assert whole == pytest.approx(found.observed.value, rel=0.05)


@settings(max_examples=8, deadline=None)
@given(st.floats(1.0, 1000.0), st.floats(1.0, 1000.0))
def test_what_fades_faster_brings_less(one: float, other: float) -> None:
    panel = lived(np.random.default_rng(6), 60, 30, 1.0)
    fast, slow = (read(panel, half).scenarios[1].projected.value for half in sorted((one, other)))
    assert fast <= slow * (1 + 1e-12) or math.isclose(fast, slow)


def test_there_is_nothing_to_project_in_the_first_week() -> None:
    assert lifetime(lived(np.random.default_rng(7), 60, 5, 0.5), ("holdout", "policy"), 0.95, 90.0) is None


def test_the_sentences_say_how_much_is_not_seen() -> None:
    told = " ".join(sentences(read(lived(np.random.default_rng(8), 200, 60, 0.5))))
    assert "In the 60 days seen, policy added" in told and "305 of the days are not seen yet" in told


def test_upkeep_is_what_was_entered_and_says_so() -> None:
    found = upkeep(3000.0, 500.0, 60.875)
    assert found is not None and (found.saved, found.total) == (2500.0, pytest.approx(5000.0))
    assert "Entered by you, not measured" in found.sentence
    assert upkeep(None, 0.0, 30.0) is None


@pytest.mark.parametrize(("before", "now"), [(None, 5.0), (-1.0, 0.0), (1.0, math.inf), (math.nan, 0.0)])
def test_upkeep_that_cannot_be_is_refused(before: float | None, now: float) -> None:
    with pytest.raises(InputError, match="--upkeep"):
        upkeep(before, now, 30.0)
