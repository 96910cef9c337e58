"""Arms of few units borrow their spread: never a smaller one, and nothing where there are many."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.experiments.compare import compare
from engine.experiments.metric import Term
from engine.experiments.sample import Moments, measure
from engine.experiments.small import ENOUGH, steadied

moments = st.builds(
    Moments,
    st.integers(2, 5000),
    st.floats(-100, 100),
    st.floats(0, 1e4),
    st.floats(-1e6, 1e6),
)


@given(moments, moments)
def test_a_spread_never_becomes_smaller_and_means_and_counts_stay(a: Moments, b: Moments) -> None:
    for was, now in zip((a, b), steadied(a, b), strict=True):
        assert (now.n, now.mean) == (was.n, was.mean)
        assert now.variance >= was.variance * (1 - 1e-12)
        assert was.n < ENOUGH or now == was


@given(moments, moments)
def test_which_arm_is_the_control_makes_no_difference(a: Moments, b: Moments) -> None:
    assert steadied(a, b) == steadied(b, a)[::-1]


def test_a_known_answer() -> None:
    """16 of 80 units are the control's: both have 1/5 x 1 + 4/5 x 11 = 9; 19.68 units of it beside 16."""
    control, treatment = steadied(Moments(16, 0.0, 1.0, 2.0), Moments(64, 0.0, 11.0, 7.0))
    share = 19.68 / 35.68
    assert control.variance == pytest.approx(1.0 + 8.0 * share)
    assert control.third == pytest.approx(2.0 + 4.0 * share)
    assert treatment == Moments(64, 0.0, 11.0, 7.0)


@pytest.mark.parametrize(("held", "others"), [(15, 105), (30, 210), (80, 560)])
def test_where_nothing_differs_few_held_out_customers_are_no_win(held: int, others: int) -> None:
    """One in five brings money, very unevenly. Unsteadied, 9 to 24 % of these intervals lie above 0."""
    rng, term = np.random.Generator(np.random.PCG64(5)), Term("money")
    wins = losses = 0
    for _ in range(400):
        buys = rng.random((held + others, 1)) < 0.2
        money = np.where(buys, rng.gamma(0.5, 40.0, buys.shape), 0.0)
        found = compare(measure(("money",), money[:held]), measure(("money",), money[held:]), term)
        wins += found is not None and found.absolute.low > 0
        losses += found is not None and found.absolute.high < 0
    assert wins <= 20 and losses <= 20  # 2.5 % of 400 are 10, by chance up to 20
