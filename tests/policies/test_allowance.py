"""What exploring may cost: by hand, and the law that no set of decisions costs more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.allowance import loss, over_nothing, within
from policies.base import NO_ACTION
from policies.explore import gap, greedy, uniform
from policies.laws import make_case
from policies.linear import EXPLORERS, Linear
from policies.settings import PolicyError

ALL = np.ones((1, 2), dtype=np.bool_)
EVEN = np.array([[0.5, 0.5]])


def test_a_budget_is_turned_into_the_probability_to_explore_as_worked_by_hand() -> None:
    # best 10, other 4: even odds lose 3; 2 % of 10 is 0.2, so they are followed with probability 0.2 / 3
    found = within(EVEN, np.array([[10.0, 4.0]]), ALL, 0.02, 0.0)
    np.testing.assert_allclose(found, [[1 - 1 / 30, 1 / 30]])


def test_what_the_floor_loses_counts() -> None:
    # the floor of 0.01 loses 0.005 * 6 = 0.03 of the 0.2
    scores = np.array([[10.0, 4.0]])
    found = within(EVEN, scores, ALL, 0.02, 0.01)
    np.testing.assert_allclose(loss(found, gap(scores, ALL)), [0.2])
    assert (found >= 0.005).all()


def test_exploring_that_costs_less_is_left_as_it_is() -> None:
    scores = np.array([[10.0, 9.9]])
    assert within(EVEN, scores, ALL, 0.02, 0.0) is not EVEN
    assert np.array_equal(within(EVEN, scores, ALL, 0.02, 0.0), EVEN)


@pytest.mark.parametrize("best", [0.0, -3.0])
def test_where_nothing_is_expected_to_be_earned_only_the_floor_and_ties_explore(best: float) -> None:
    apart, tied = np.array([[best, best - 1.0]]), np.array([[best, best]])
    np.testing.assert_allclose(within(EVEN, apart, ALL, 0.5, 0.1), [[0.95, 0.05]])
    assert np.array_equal(within(EVEN, tied, ALL, 0.5, 0.1), EVEN)


def test_without_predictions_a_policy_with_a_budget_starts_evenly() -> None:
    case = make_case(1)
    pmf = Linear(budget=0.01).pmf(case.X, case.actions, case.mask, np.zeros_like(case.prior))
    np.testing.assert_allclose(pmf, uniform(case.mask))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    how=st.sampled_from(EXPLORERS),
    share=st.sampled_from([0.0, 0.02, 0.5, 1.0]),
    floor=st.sampled_from([0.0, 0.001, 0.2]),
    level=st.sampled_from([-5.0, 0.0, 5.0]),
)
def test_no_set_of_decisions_is_expected_to_lose_more_than_its_share(
    seed: int, how: str, share: float, floor: float, level: float
) -> None:
    case = make_case(seed, n=30)
    policy = Linear(waves=0, explore=how, floor=floor, budget=share, samples=64)
    policy.learn(case.feedback)
    scores = policy.scores(case.X, case.actions, case.prior + level)
    pmf = policy.explore(scores, case.X, case.actions, case.mask, case.prior + level)
    lost = gap(scores, case.mask)
    value = share * np.maximum(np.where(case.mask, scores, -np.inf).max(axis=1), 0.0)
    least = loss(greedy(scores, case.mask, floor), lost)
    assert (loss(pmf, lost) <= np.maximum(value, least) + 1e-9).all()
    assert loss(pmf, lost).sum() <= value.sum() + floor * loss(uniform(case.mask), lost).sum() + 1e-8
    assert (pmf >= floor * uniform(case.mask) * (1 - 1e-12)).all()
    np.testing.assert_allclose(pmf.sum(axis=1), 1.0, atol=1e-12)


def test_a_larger_budget_never_explores_less() -> None:
    case = make_case(9, n=200)
    leads = []
    for share in (0.0, 0.01, 0.05, 0.3, None):
        policy = Linear(waves=0, budget=share)
        policy.learn(case.feedback)
        scores = policy.scores(case.X, case.actions, case.prior + 1.0)
        pmf = policy.explore(scores, case.X, case.actions, case.mask, case.prior + 1.0)
        leads.append(float(pmf[case.mask & (gap(scores, case.mask) == 0.0)].mean()))
    assert leads == sorted(leads, reverse=True) and leads[0] > leads[-1]


@pytest.mark.parametrize("value", [-0.1, 1.5, "2 %", True])
def test_a_budget_that_is_no_share_is_refused(value: Any) -> None:
    with pytest.raises(PolicyError, match=r"budget == .*must be"):
        Linear(budget=value)


def test_exploring_may_lose_a_share_of_what_the_best_earns_over_nothing() -> None:
    # sending nothing earns -2.0, the best -1.8, the other -3: even odds of the three lose 1.4 / 3
    scores, all_three = np.array([[-2.0, -1.8, -3.0]]), np.ones((1, 3), dtype=np.bool_)
    found = over_nothing(np.full((1, 3), 1 / 3), scores, all_three, 0, 0.5, 0.0)
    np.testing.assert_allclose(loss(found, gap(scores, all_three)), [0.1])
    assert (found > 0.0).all()


def test_where_nothing_is_best_or_not_feasible() -> None:
    scores, even = np.array([[1.0, 0.0]]), EVEN
    np.testing.assert_allclose(over_nothing(even, scores, ALL, 0, 1.0, 0.1), [[0.95, 0.05]])
    alone = np.array([[False, True, True]])
    pmf = np.array([[0.0, 0.5, 0.5]])
    assert np.array_equal(over_nothing(pmf, np.array([[9.0, 1.0, 0.0]]), alone, 0, 0.0, 0.0), pmf)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), risk=st.floats(0.0, 1.0), explore=st.sampled_from(EXPLORERS))
def test_a_decision_is_never_expected_to_earn_less_than_sending_nothing(
    seed: int, risk: float, explore: str
) -> None:
    case = make_case(seed, n=60)
    policy = Linear(waves=0, explore=explore, samples=50, floor=0.0, risk=risk)
    policy.learn(case.feedback)
    pmf = policy.pmf(case.X, case.actions, case.mask, case.prior)
    scores, nothing = policy.scores(case.X, case.actions, case.prior), case.actions.names.index(NO_ACTION)
    rows = case.mask[:, nothing]
    best = np.where(case.mask, scores, -np.inf).max(axis=1)
    expected = (pmf * scores).sum(axis=1)
    allowed = risk * (best - scores[:, nothing])
    assert (best - expected <= allowed + 1e-9)[rows].all()
    assert (expected >= scores[:, nothing] - 1e-9)[rows].all()
