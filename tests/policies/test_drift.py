"""The world changes: the learner sees it, starts anew with what is still of use, and stays exact."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import grid
from policies.base import Actions, Feedback, Floats, feedback
from policies.evidence import SCALES
from policies.laws import make_case, part
from policies.likeness import earned, likeness
from policies.linear import Linear
from policies.moments import Moments
from policies.settings import PolicyError
from policies.snapshot import pack, unpack
from policies.transfer import Carried
from policies.watch import Watch

ACTIONS = Actions.plain(("a", "b", "c"))


def world(seed: int, n: int, shift: int, start: float) -> Feedback:
    """n decisions by chance; what pays is the action of the largest context, `shift` places further on."""
    rng = np.random.Generator(np.random.PCG64(seed))
    X, action = rng.standard_normal((n, 3)), rng.integers(0, 3, n)
    reward = (action == (X.argmax(axis=1) + shift) % 3).astype(float) + 0.1 * rng.standard_normal(n)
    return feedback(X, ACTIONS, action, reward, np.full(n, 1 / 3), time=start + np.arange(n) / n)


def lived(policy: Linear, *lessons: Feedback) -> Linear:
    """A learner that served between the lessons."""
    for lesson in lessons:
        policy.weights(ACTIONS)
        policy.learn(lesson)
    return policy


def sums(f: Feedback) -> list[Moments]:
    """Of the three actions over [1, x]."""
    phi, found = np.column_stack([np.ones(len(f)), grid.snap(f.X)]), [Moments.empty(4) for _ in range(3)]
    for a, one in enumerate(found):
        rows = f.action == a
        one.add(phi[rows], f.reward[rows], f.weight[rows], 4)
    return found


def right(policy: Linear, shift: int) -> float:
    X = np.random.Generator(np.random.PCG64(99)).standard_normal((2000, 3))
    best = policy.scores(X, ACTIONS, np.zeros((2000, 3))).argmax(axis=1)
    return float((best == (X.argmax(axis=1) + shift) % 3).mean())


def test_a_change_is_seen_and_learnt_from_few_rows() -> None:
    before = [world(seed, 300, 0, seed) for seed in range(8)]
    seen = lived(Linear(waves=20), *before, world(20, 100, 1, 20.0))
    blind = lived(Linear(waves=20, forget="off"), *before, world(20, 100, 1, 20.0))
    young = lived(Linear(waves=20), world(20, 100, 1, 20.0))
    assert seen.changes is not None and seen.changes[1] == pytest.approx(7.0 + 299 / 300)
    assert right(blind, 1) < 0.2 < right(young, 1) < right(seen, 1)
    assert right(seen, 1) > 0.9


def test_a_lesson_taught_in_parts_is_judged_whole_by_what_was_served() -> None:
    parts = [world(seed, 40, 0, seed) for seed in range(1, 4)]
    policy = unpack(pack(lived(Linear(waves=0), world(0, 300, 0, 0.0))))
    assert isinstance(policy, Linear)
    for one in parts:
        policy.learn(one)
    assert policy.watched[:, 2].sum() == 3 * 40


@pytest.mark.parametrize(("size", "lessons"), [(100, 3), (300, 1)])
def test_a_learner_read_from_its_snapshot_for_every_lesson_sees_a_change(size: int, lessons: int) -> None:
    policy = Linear(waves=0)
    for i in range(2400 // size):
        policy = unpack(pack(lived(policy, world(i, size, 0, i))))
    assert isinstance(policy, Linear) and policy.changes is None
    for i in range(lessons):
        policy = unpack(pack(lived(policy, world(50 + i, size, 1, 50 + i))))
    assert isinstance(policy, Linear) and policy.changes is not None


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32), size=st.sampled_from([1, 20, 300]), signal=st.sampled_from([0.0, 0.3, 3.0])
)
def test_a_world_that_stays_is_never_taken_for_a_change(seed: int, size: int, signal: float) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    policy = Linear(waves=0)
    for _ in range(12):
        X, action = rng.standard_normal((size, 3)), rng.integers(0, 3, size)
        reward = signal * X[np.arange(size), action] + rng.standard_normal(size)
        lived(policy, feedback(X, ACTIONS, action, reward))
    assert policy.changes is None


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**20))
def test_rare_large_rewards_are_no_change(seed: int) -> None:
    rng, watch = np.random.Generator(np.random.PCG64(seed)), Watch()
    turned = [
        watch.turned(50.0 * (rng.random(n) < 0.005), rng.normal(0.25, 0.02, n), 12.4, np.full(n, np.inf))
        for n in [300] * 20 + [1] * 50
    ]
    assert not any(turned)


def changed(**settings: object) -> Linear:
    policy = Linear(waves=8, **settings)  # type: ignore[arg-type]
    policy.change((2.0, 4.0))
    return policy


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), data=st.data())
def test_sums_parted_by_time_are_exact(seed: int, data: st.DataObject) -> None:
    case = make_case(seed, n=60)
    f = replace(case.feedback, time=np.random.Generator(np.random.PCG64(seed)).uniform(0.0, 8.0, 60))
    order, cut = np.array(data.draw(st.permutations(range(60)))), data.draw(st.integers(1, 59))
    whole, shuffled, merged, other, kept = (changed() for _ in range(5))
    whole.learn(f)
    for rows in (order[:cut], order[cut:]):
        shuffled.learn(part(f, rows))
    merged.learn(part(f, slice(cut)))
    other.learn(part(f, slice(cut, None)))
    merged.merge(other)
    back = unpack(pack(whole))
    gone = part(f, slice(cut, None))
    back.learn(replace(gone, weight=-gone.weight))
    kept.learn(part(f, slice(cut)))
    ask = (case.X, case.actions, case.mask, case.prior)
    assert np.array_equal(whole.pmf(*ask), shuffled.pmf(*ask))
    assert np.array_equal(whole.pmf(*ask), merged.pmf(*ask))
    np.testing.assert_allclose(back.pmf(*ask), kept.pmf(*ask), atol=1e-9)
    assert np.array_equal(unpack(pack(whole)).pmf(*ask), whole.pmf(*ask))


def test_what_was_dropped_weighs_nothing_and_is_taken_back_without_a_word() -> None:
    case = make_case(1, n=60)
    old = replace(case.feedback, time=np.full(60, 1.0))
    new = replace(make_case(2, n=60).feedback, time=np.full(60, 5.0))
    with_old, without = changed(), changed()
    without.learn(new)
    for f in (old, new, replace(old, weight=-old.weight)):
        with_old.learn(f)
    assert np.array_equal(with_old.weights(case.actions), without.weights(case.actions))


def test_the_weights_after_a_change_are_one_ridge_regression_with_earlier_shares_and_rows() -> None:
    policy = Linear(waves=0, tune=False, ridge=2.0)
    policy.change((-np.inf, 4.0))
    old, new = world(1, 200, 0, 3.0), world(2, 60, 1, 5.0)
    policy.learn(old)
    policy.learn(new)
    n, total, square = len(old), old.reward.sum(), np.square(old.reward).sum()
    spread = np.sqrt((square - total**2 / (n + 1)) / n)
    before, now = sums(old), sums(new)
    found = earned(before, np.full(4, 2.0))
    like = likeness(found, now)
    assert (like.argmax(axis=1) == [2, 0, 1]).all() and like.max() > 0.75  # the shift, found from 60 rows
    U, count = found.share / spread, np.maximum(2.0 * like - 1.0, 0.0)
    expected: list[Floats] = []
    for a in range(3):
        mean = found.share * (found.rate / found.peak) @ (like[a] - count[a])
        G = now[a].whole() + sum(c * one.whole() for c, one in zip(count[a], before, strict=True))
        b = now[a].b[0] + sum(c * one.b[0] for c, one in zip(count[a], before, strict=True))
        T = np.hstack([np.eye(4), U])
        m = np.linalg.solve(T.T @ G @ T + 2.0 * np.eye(7), T.T @ (b - G @ mean))
        expected.append(T @ m + mean)
    np.testing.assert_allclose(policy.weights(ACTIONS), expected, atol=1e-9)


def test_soon_after_a_change_no_other_one_is_looked_for() -> None:
    before = [world(seed, 300, 0, seed) for seed in range(8)]
    policy = lived(Linear(waves=20), *before, world(20, 100, 1, 20.0))
    first = policy.changes
    assert first is not None
    lived(policy, world(21, 100, 2, 21.0))  # 200 rows since, of three actions
    assert policy.changes == first and len(policy.watched) == 0
    lived(policy, world(22, 150, 2, 22.0), world(23, 150, 0, 23.0), world(24, 150, 0, 24.0))
    assert policy.changes is not None and policy.changes > first


def test_what_is_carried_over_is_held_back_by_the_root_of_the_scale() -> None:
    own = np.outer([2.0, 2.0, 2.0, 30.0], SCALES)  # [1, x] of two columns, and a wave
    found = Carried(np.ones((4, 2)), 3).precision(own)
    np.testing.assert_array_equal(found[[0, 1, 2, 5]], own)
    np.testing.assert_allclose(found[3:5], np.tile(2.0 * np.sqrt(SCALES), (2, 1)))


def test_learners_that_saw_different_changes_do_not_merge() -> None:
    one, other = changed(), changed()
    other.change((2.0, 5.0))
    for policy in (one, other):
        policy.learn(world(1, 30, 0, 6.0))
    with pytest.raises(PolicyError, match="different times"):
        one.merge(other)
