"""Half-life against weights worked out row by row, and exactness under it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import grid
from policies.ages import aged, counted
from policies.base import FeedbackError
from policies.laws import make_case, part
from policies.linear import Linear
from policies.snapshot import pack, unpack

WAVES = {"waves": 6, "half_life": 10.0}


@settings(max_examples=50, deadline=None)
@given(t=st.floats(0.0, 30_000.0), half_life=st.floats(0.01, 1000.0))
def test_a_row_counts_half_after_a_half_life(t: float, half_life: float) -> None:
    time = np.array([t, t + half_life])
    now = int(aged(time, half_life)[0][1])
    then = counted(time, half_life, now)
    assert then[0] / then[1] == pytest.approx(0.5, rel=0.04)  # a sixteenth, rounded
    assert counted(time, half_life, now + 3).tolist() == (then / 8).tolist()


def test_weights_are_one_ridge_regression_of_rows_weighed_by_their_age() -> None:
    case = make_case(5, n=80, plain=True)
    time = np.linspace(20_000.0, 20_090.0, 80)
    policy = Linear(waves=0, tune=False, ridge=2.0, half_life=30.0)
    f = replace(case.feedback, time=time)
    for i in range(8):
        policy.learn(part(f, slice(10 * i, 10 * i + 10)))
    w = counted(time, 30.0, int(time[-1] // 30.0))
    phi, y = np.column_stack([np.ones(80), grid.snap(case.X)]), f.reward - f.prior
    for a, theta in enumerate(policy.weights(case.actions)):
        z, v = phi[f.action == a], w[f.action == a]
        expected = np.linalg.solve(
            (z * v[:, None]).T @ z + 2.0 * np.eye(5), (z * v[:, None]).T @ y[f.action == a]
        )
        np.testing.assert_allclose(theta, expected, atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), data=st.data())
def test_with_a_half_life_order_merging_and_taking_back_are_exact(seed: int, data: st.DataObject) -> None:
    case = make_case(seed, n=60)
    time = np.random.Generator(np.random.PCG64(seed)).uniform(19_900.0, 20_000.0, 60)
    f = replace(case.feedback, time=time)
    order, cut = np.array(data.draw(st.permutations(range(60)))), data.draw(st.integers(1, 59))
    newest = np.argsort(-time, kind="stable")[:1]  # what "now" is must be the same in all of them
    rest = np.setdiff1d(order[cut:], newest)
    whole, shuffled, merged, other, kept = (Linear(**WAVES) for _ in range(5))
    whole.learn(f)
    for rows in (order[:cut], order[cut:]):
        shuffled.learn(part(f, rows))
    merged.learn(part(f, slice(cut)))
    other.learn(part(f, slice(cut, None)))
    merged.merge(other)
    back, gone = unpack(pack(whole)), part(f, rest)
    back.learn(replace(gone, weight=-gone.weight))
    kept.learn(part(f, np.setdiff1d(np.arange(60), rest)))
    ask = (case.X, case.actions, case.mask, case.prior)
    np.testing.assert_allclose(shuffled.pmf(*ask), whole.pmf(*ask), atol=1e-9)
    np.testing.assert_allclose(merged.pmf(*ask), whole.pmf(*ask), atol=1e-9)
    np.testing.assert_allclose(back.pmf(*ask), kept.pmf(*ask), atol=1e-9)
    again = unpack(pack(whole))
    again.learn(f)
    whole.learn(f)
    assert np.array_equal(again.pmf(*ask), whole.pmf(*ask))


def test_what_is_long_past_counts_nothing() -> None:
    case = make_case(2, n=40)
    old = replace(case.feedback, time=np.full(40, 0.0))
    new = replace(make_case(3, n=40).feedback, time=np.full(40, 20_000.0))
    with_old, without = Linear(waves=0, half_life=1.0), Linear(waves=0, half_life=1.0)
    without.learn(new)
    for f in (old, new):
        with_old.learn(f)
    ask = (case.X, case.actions, case.mask, case.prior)
    np.testing.assert_allclose(with_old.pmf(*ask), without.pmf(*ask), atol=1e-9)


def test_a_row_without_a_time_is_refused() -> None:
    with pytest.raises(FeedbackError, match="row 0: it has no time"):
        Linear(half_life=9.0).learn(make_case(1).feedback)


def test_all_of_an_action_is_taken_back_after_many_half_lives() -> None:
    case = make_case(4, n=60)
    policy = Linear(waves=0, half_life=1.0)
    last = case.feedback.action[-1]  # what "now" is stays as it was
    mine = np.flatnonzero(case.feedback.action == (last + 1) % 5)
    f = replace(case.feedback, time=20_000.0 + np.arange(60) * 0.9)
    for i in range(6):
        policy.learn(part(f, slice(10 * i, 10 * i + 10)))
    gone = part(f, mine)
    policy.learn(replace(gone, weight=-gone.weight))
    without = Linear(waves=0, half_life=1.0)
    without.learn(part(f, np.setdiff1d(np.arange(60), mine)))
    ask = (case.X, case.actions, case.mask, case.prior)
    np.testing.assert_allclose(policy.pmf(*ask), without.pmf(*ask), atol=1e-9)
