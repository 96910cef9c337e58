"""Sums that do not depend on the order."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.exact import CHUNK, total


@settings(max_examples=200, deadline=None)
@given(x=st.lists(st.floats(-1e200, 1e200), max_size=200))
def test_a_total_is_the_correctly_rounded_sum(x: list[float]) -> None:
    assert total(np.array(x, dtype=np.float64)) == math.fsum(x)


def test_more_terms_than_a_chunk_add_up_exactly_in_any_order() -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    x = rng.standard_normal(3 * CHUNK + 7) * 10.0 ** rng.integers(-20, 20, 3 * CHUNK + 7)
    assert total(x) == math.fsum(x) == total(rng.permutation(x))
