"""Optimism: the variances by hand and against the full posterior, and what they do to a choice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import grid
from policies.base import Actions, Floats, feedback
from policies.evidence import SCALES, certain
from policies.laws import make_case
from policies.linear import Linear
from policies.optimism import Doubt, beyond, bonus, variance, variances

ONE = certain(1.0)


def posterior(G: Floats, ridge: Floats, x: Floats) -> Floats:
    """(n,) x' (G + R)^-1 x without any approximation."""
    return np.einsum("nd,de,ne->n", x, np.linalg.inv(G + np.diag(ridge)), x)


def test_the_variance_of_a_weight_by_hand() -> None:
    found = variance(np.array([3.0, 0.0]), np.outer([2.0, 5.0], SCALES), ONE)
    np.testing.assert_allclose(found, [1 / 5, 1 / 5])


def test_scales_are_averaged_by_belief() -> None:
    belief = np.array([0.25, 0.0, 0.75, 0.0, 0.0, 0.0, 0.0])
    found = variance(np.array([4.0]), np.outer([1.0], SCALES), belief)
    np.testing.assert_allclose(found, 0.25 / (1 + 4) + 0.75 / (SCALES[2] + 4))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), d=st.integers(0, 6))
def test_columns_that_do_not_overlap_have_the_posterior_variance_itself(seed: int, d: int) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    reach, ridge = rng.integers(0, 1000, 1 + d).astype(np.float64), rng.uniform(0.5, 2.0, 1 + d)
    X = grid.snap(rng.standard_normal((5, d)))
    table = Doubt({"a": variance(reach, np.outer(ridge, SCALES), ONE)}, np.ones(1 + d)).table(
        Actions.plain(("a",))
    )
    whole = np.column_stack([np.ones(5), X])
    rounding = 2.0**-13 * (1 / (reach + ridge)).sum() + 1e-12
    np.testing.assert_allclose(
        variances(X, table)[:, 0], posterior(np.diag(reach), ridge, whole), rtol=1e-4, atol=rounding
    )


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_weight_is_never_less_certain_than_the_posterior_has_it(seed: int) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    phi = rng.standard_normal((9, 4)) @ rng.standard_normal((4, 4))
    G, ridge = phi.T @ phi, np.ones(4)
    found = variance(np.diag(G), np.outer(ridge, SCALES), ONE)
    assert (found <= posterior(G, ridge, np.eye(4)) + 1e-12).all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), d=st.integers(0, 300), k=st.integers(1, 40))
def test_a_row_has_the_same_bits_alone_and_in_a_batch(seed: int, d: int, k: int) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    names = tuple(f"a{j}" for j in range(k))
    doubt = Doubt({name: np.exp(rng.uniform(-15, 0, 1 + d)) for name in names[1:]}, np.ones(1 + d))
    X, table = 3.0 * rng.standard_normal((17, d)), doubt.table(Actions.plain(names))
    whole = variances(X, table)
    assert all(np.array_equal(variances(X[i : i + 1], table)[0], whole[i]) for i in range(17))
    np.testing.assert_array_equal(variances(X[::-1], table)[::-1], whole)


def test_predictions_that_differ_bound_what_may_lie_above_them() -> None:
    unknown = np.array([[100.0, 0.01], [100.0, 0.01]])
    found = bonus(unknown, np.array([2.0, 2.0]), np.array([0.5, 0.0]))
    np.testing.assert_allclose(found[0] ** -2, unknown[0] ** -1 / 4 + 4)  # precisions add
    np.testing.assert_allclose(found[1], [20.0, 0.2])  # nothing is predicted
    assert (found[0] < 0.5).all()


def test_of_actions_that_earn_alike_the_least_known_is_drawn_most() -> None:
    actions = Actions.plain(("often", "seldom", "never"))
    action = np.repeat([0, 1], [400, 40])
    X, reward = np.zeros((440, 2)), np.tile([1.0, -1.0], 220)
    pmf = {}
    for optimism in (0.0, 2.0):
        policy = Linear(tune=False, waves=0, optimism=optimism)
        policy.learn(feedback(X, actions, action, reward))
        pmf[optimism] = policy.pmf(np.zeros((1, 2)), actions, np.ones((1, 3), bool), np.zeros((1, 3)))[0]
    assert pmf[2.0][2] > 0.9 > pmf[2.0][1] > pmf[2.0][0]
    assert pmf[2.0][0] >= 0.001 / 3
    np.testing.assert_allclose(pmf[0.0], 1 / 3)


def test_scores_are_what_is_expected_whatever_the_optimism() -> None:
    case = make_case(4, n=60)
    found = []
    for optimism in (0.0, 3.0):
        policy = Linear(optimism=optimism)
        policy.learn(case.feedback)
        found.append(policy.scores(case.X, case.actions, case.prior))
    np.testing.assert_array_equal(*found)


def test_nothing_is_added_before_anything_is_learnt_or_where_greed_is_asked_for() -> None:
    case = make_case(5, n=60)
    new = [Linear(optimism=c).pmf(case.X, case.actions, case.mask, case.prior) for c in (0.0, 3.0)]
    np.testing.assert_array_equal(*new)
    greedy = [Linear(optimism=c, explore="greedy") for c in (0.0, 3.0)]
    for policy in greedy:
        policy.learn(case.feedback)
    np.testing.assert_array_equal(
        *[policy.pmf(case.X, case.actions, case.mask, case.prior) for policy in greedy]
    )


@pytest.mark.parametrize("signal", [0.0, 1.0])
def test_rewards_that_are_all_luck_leave_little_to_be_found(signal: float) -> None:
    case = make_case(6, n=2000, plain=True)
    f = case.feedback
    luck = np.random.Generator(np.random.PCG64(6)).standard_normal(len(f))
    policy = Linear(waves=0)
    policy.learn(replace(f, reward=signal * case.X[:, 0] * (f.action + 1) + luck, prior=np.zeros(len(f))))
    unlearnt = policy.state().arrays["unlearnt"][0]
    assert unlearnt > 0.5 if signal else unlearnt < 1e-2


def test_doubt_never_speaks_for_sending_something_rather_than_nothing() -> None:
    rng = np.random.Generator(np.random.PCG64(4))
    actions = make_case(1).actions
    mask = rng.random((50, 5)) < 0.6
    mask[:, 0] = True
    doubt = rng.random((50, 5))
    found = beyond(doubt.copy(), mask, actions)
    sent = mask & (np.arange(5) > 0)
    for row, was, feasible in zip(found, doubt, sent, strict=True):
        assert row[~feasible].max() == 0.0
        if feasible.any():
            np.testing.assert_array_equal(row[feasible], was[feasible] - was[feasible].min())


def test_where_something_must_be_chosen_doubt_is_what_it_was() -> None:
    plain = Actions.plain(("a", "b", "c"))
    doubt = np.random.Generator(np.random.PCG64(5)).random((9, 3))
    np.testing.assert_array_equal(beyond(doubt.copy(), doubt > 0.3, plain), doubt)
