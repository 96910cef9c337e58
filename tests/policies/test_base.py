"""Feedback's border and the only sampler."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.base import Actions, FeedbackError, draw, feedback

ACTIONS = Actions.plain(("a", "b"))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 30))
def test_a_drawn_action_never_has_probability_0_and_its_propensity_is_the_pmf(seed: int, k: int) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    pmf = rng.random((20, k)) * (rng.random((20, k)) < 0.5)
    pmf[np.arange(20), rng.integers(0, k, 20)] += 0.1
    pmf /= pmf.sum(axis=1, keepdims=True)
    u = np.where(rng.random(20) < 0.3, rng.choice([0.0, 1.0 - 2.0**-53], 20), rng.random(20))
    action, propensity = draw(pmf, u)
    assert (propensity > 0.0).all()
    assert np.array_equal(propensity, pmf[np.arange(20), action])


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ({"propensity": np.array([1.0, 0.0])}, r"row 1: propensity == 0.0, must be in \(0, 1\]"),
        ({"reward": np.array([np.nan, 0.0])}, r"row 0: reward == nan, must be finite"),
        ({"action": np.array([0, 2])}, r"row 1: action == 2, must be in 0..1"),
        ({"X": np.zeros((3, 1))}, r"X has shape \(3, 1\)"),
        ({"weight": np.zeros(3)}, r"weight has shape"),
    ],
)
def test_unusable_feedback_is_refused_by_row_field_and_value(column: dict[str, object], message: str) -> None:
    given_rows = {"X": np.zeros((2, 1)), "action": np.array([0, 1]), "reward": np.zeros(2)} | column
    with pytest.raises(FeedbackError, match=message):
        feedback(actions=ACTIONS, **given_rows)
