"""What is written for vowpalwabbit is read by it as foretold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vowpalwabbit import pyvw

from policies.vw_text import heard, plainly, written

READER = pyvw.Workspace("--quiet")
NUMBERS = st.one_of(
    st.floats(-1e9, 1e9),
    st.floats(-10.0, 10.0),
    st.floats(-1e-30, 1e-30),
    st.integers(-(10**9), 10**9).map(float),
    st.decimals(-100, 100, places=3).map(float),
)


def read(text: str) -> float:
    """The number that vowpalwabbit takes a feature to have; it drops what it reads as 0."""
    example = READER.example(f"|a 0:{text} 1:7")
    value = example.feature_weight("a", 0) if example.num_features_in("a") > 1 else 0.0
    READER.finish_example(example)
    return float(value)


@settings(max_examples=300, deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=8))
def test_vowpalwabbit_reads_what_was_foretold_to_the_last_bit(numbers: list[float]) -> None:
    x = np.array(numbers)
    known = heard(x)
    assert [read(one) for one in written(x)] == known.tolist()
    np.testing.assert_allclose(known, x, rtol=5e-7, atol=1e-37)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (1.0, "1"),
        (20.0, "20"),
        (0.5, "5e-1"),
        (-1.2345678, "-12345678e-7"),
        (2.0 / 3, "6666667e-7"),
    ],
)
def test_a_number_is_written_as_digits_and_a_power_of_ten(number: float, text: str) -> None:
    assert written(np.array([number])) == [text]


def test_what_is_too_small_or_too_large_is_not_read_as_something_else() -> None:
    tiny, huge = np.array([5e-250]), np.array([-1e300])
    assert read(plainly(tiny)[0]) == pytest.approx(5e6)  # why it is not written so
    assert (read(written(tiny)[0]), read(written(huge)[0])) == (0.0, -1e9)


def test_numbers_of_any_shape_are_heard() -> None:
    x = np.random.default_rng(1).normal(size=(3, 4)).T
    assert np.array_equal(heard(x).reshape(-1), heard(np.ascontiguousarray(x).reshape(-1)))
