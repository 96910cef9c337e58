"""Exact sums and products: bits that do not depend on order or batch."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import exact, grid

REWARDS = st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=1, max_size=30)


@settings(max_examples=60, deadline=None)
@given(REWARDS, st.integers(0, 2**32))
def test_a_sum_of_products_is_the_rounded_true_sum(rewards: list[float], seed: int) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    X = grid.snap(rng.standard_normal((len(rewards), 2)) * 3.0)
    total = exact.add_products(exact.zeros(2), X, np.array(rewards))
    for j in range(2):
        true = sum(Fraction(x) * Fraction(r) for x, r in zip(X[:, j].tolist(), rewards, strict=True))
        assert abs(Fraction(float(total[0, j])) + Fraction(float(total[1, j])) - true) <= abs(
            true
        ) / 2**90 + Fraction(1, 2**200)


@settings(max_examples=60, deadline=None)
@given(REWARDS, st.integers(0, 2**32))
def test_adding_and_taking_back_leaves_exactly_nothing(rewards: list[float], seed: int) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    y = np.array(rewards).astype(np.float32).astype(np.float64)
    y[np.abs(y) < 1e-3] = 0.0
    X = grid.snap(rng.standard_normal((len(y), 3)))
    total = exact.add_products(exact.zeros(3), X, y)
    for i in rng.permutation(len(y)):
        total = exact.add_products(total, X[i : i + 1], -y[i : i + 1])
    assert not total.any()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 400), st.sampled_from([1e-12, 1.0, 1e12]))
def test_a_grid_product_has_the_same_bits_for_one_row_and_for_many(seed: int, d: int, size: float) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    X, W = grid.snap(rng.standard_normal((13, d)) * 4.0), rng.standard_normal((d, 5)) * size
    whole = grid.product(X, W)
    assert np.array_equal(whole, np.vstack([grid.product(X[i : i + 1], W) for i in range(13)]))
    assert np.array_equal(whole, grid.product(X[:, ::-1], W[::-1]))
    np.testing.assert_allclose(whole, X @ W, rtol=1e-6, atol=size * d * 1e-6)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 400), st.floats(0.0, 1.0))
def test_columns_of_zeros_change_no_bit_of_a_product(seed: int, d: int, share: float) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    X, W = grid.snap(rng.standard_normal((grid.MANY, d))), grid.snap_weights(rng.standard_normal((d, 9)))
    X[:, rng.random(d) < share] = 0.0
    whole = X @ W
    assert np.array_equal(whole, grid.multiply(X, W))
    into = np.full(whole.shape, np.nan)
    for i in range(len(X)):
        assert np.array_equal(grid.multiply(X[i : i + 1], W, out=into[i : i + 1])[0], whole[i])
    assert np.array_equal(whole, into)
