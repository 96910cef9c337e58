from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.predictions.distribution import (
    QUANTILES,
    SMALLEST,
    Distribution,
    bucket,
    distribution,
    merged,
    quantile,
)

numbers = st.floats(-1e12, 1e12, allow_nan=False)
scores = st.lists(numbers, min_size=1, max_size=60)


@given(one=scores, other=scores)
def test_pieces_merge_into_the_distribution_of_the_whole(one: list[float], other: list[float]) -> None:
    both, whole = merged(distribution(one), distribution(other)), distribution(one + other)
    assert both.counts == whole.counts
    assert (both.n, both.least, both.most) == (whole.n, whole.least, whole.most)
    size = max(1.0, abs(whole.least), abs(whole.most))
    assert both.mean == pytest.approx(whole.mean, abs=1e-9 * size)
    assert both.squares == pytest.approx(whole.squares, rel=1e-6, abs=1e-6 * size**2)


@given(found=scores, share=st.sampled_from(QUANTILES))
def test_a_quantile_is_right_to_a_thousandth_of_its_size(found: list[float], share: float) -> None:
    told = quantile(distribution(found), share)
    exact = float(np.quantile(found, share, method="inverted_cdf"))
    assert told is not None
    assert abs(told - exact) <= 0.00101 * abs(exact) + SMALLEST


@given(one=numbers, other=numbers)
def test_buckets_keep_the_order_of_scores(one: float, other: float) -> None:
    low, high = bucket(np.array(sorted([one, other])))
    assert low <= high
    assert bucket(np.array([-one]))[0] == -bucket(np.array([one]))[0]


def test_the_spread_of_one_score_is_not_known() -> None:
    assert distribution([0.3]).sd is None
    assert distribution([0.2, 0.4]).sd == pytest.approx(np.std([0.2, 0.4], ddof=1))


def test_where_no_counts_were_kept_there_are_no_quantiles() -> None:
    assert quantile(Distribution(2, 0.5, 0.1, 0.2, 0.8), 0.5) is None
