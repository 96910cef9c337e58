from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.budget.pace import Demand, Pace, arrived, met, priced, to_come

HOUR = 3_600_000_000


def demand(gain: list[float]) -> Demand:
    """Each of these gains is one customer's who wants one unit; nothing was sold yet."""
    return Demand(len(gain), np.array(gain), np.ones(len(gain)), 0.0, 0.0)


def test_the_decisions_to_come_follow_from_the_rate_at_which_they_arrived() -> None:
    pace = Pace()
    for hour in range(1001):
        pace = arrived(pace, 10, hour * HOUR, 24 * HOUR)
    assert to_come(pace, 1010 * HOUR, 24 * HOUR) == pytest.approx(100, rel=0.05)
    assert to_come(pace, 900 * HOUR, 24 * HOUR) == 0.0


def test_no_rate_is_told_from_one_moment() -> None:
    assert to_come(arrived(Pace(), 500, HOUR, HOUR), 2 * HOUR, HOUR) is None


@settings(deadline=None)
@given(st.lists(st.floats(0.001, 1e6), min_size=20, max_size=400), st.floats(0.02, 0.9))
def test_at_the_price_demand_uses_what_is_left(gain: list[float], share: float) -> None:
    pace = priced(met(Pace(), demand(gain)), share * 1000, 1000)
    wanting = [one > pace.price for one in gain]
    near = [one for one in gain if 1 / 1.1 < one / pace.price < 1.1]
    assert abs(sum(wanting) - share * len(gain)) <= len(near) + 1


def test_what_lasts_anyway_is_free() -> None:
    assert priced(met(Pace(price=5.0), demand([3.0] * 50)), 60, 50).price == 0.0


def test_what_is_used_whatever_the_price_is_kept_back() -> None:
    gain = np.linspace(1, 100, 1000)
    plain = Demand(1000, gain, np.ones(1000), 0.0, 0.0)
    explored = Demand(1000, gain, np.ones(1000), 50.0, 0.0)
    assert priced(met(Pace(), plain), 100, 1000).price == pytest.approx(90, rel=0.1)
    assert priced(met(Pace(), explored), 100, 1000).price == pytest.approx(95, rel=0.1)
    assert priced(met(Pace(), explored), 100, 1000).price > priced(met(Pace(), plain), 100, 1000).price


def test_the_price_follows_customers_who_change() -> None:
    pace = Pace()
    for level in (1.0, 50.0):
        for _ in range(400):
            pace = met(pace, demand([level, 2 * level] * 50))
    assert priced(pace, 250, 1000).price > 50.0
