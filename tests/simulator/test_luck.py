"""Luck depends on seed, stream, customer and day, and on nothing else."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from simulator.luck import uniform

SEEDS = st.integers(0, 2**32)
DAYS = st.integers(0, 2**20)


@given(SEEDS, DAYS, st.lists(st.integers(0, 5000), max_size=30))
def test_luck_of_a_customer_is_the_same_alone_and_among_others(seed: int, day: int, index: list[int]) -> None:
    among = uniform(seed, "click", np.arange(5001), day)
    assert uniform(seed, "click", np.array(index, dtype=np.int64), day).tolist() == among[index].tolist()


def test_luck_is_uniform_within_a_day_and_over_days() -> None:
    day = uniform(3, "click", np.arange(100_000), 5)
    days = np.concatenate([uniform(3, "click", np.arange(10), d) for d in range(10_000)])
    assert day.min() >= 0 and day.max() < 1
    assert stats.kstest(day, "uniform").pvalue > 0.001
    assert stats.kstest(days, "uniform").pvalue > 0.001


def test_seeds_streams_and_days_have_luck_of_their_own() -> None:
    index = np.arange(50_000)
    lucks = [
        uniform(*which)
        for which in ((1, "a", index, 0), (2, "a", index, 0), (1, "b", index, 0), (1, "a", index, 1))
    ]
    correlation = np.corrcoef(lucks)
    assert np.abs(correlation[np.triu_indices(4, 1)]).max() < 4 / np.sqrt(len(index))


def test_luck_of_nobody_is_empty() -> None:
    assert uniform(1, "click", np.zeros(0, dtype=np.int64)).shape == (0,)
