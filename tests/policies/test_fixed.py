"""Policies that do not learn, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from policies.base import Actions
from policies.fixed import Constant, Formula, Priority, Uniform
from policies.settings import PolicyError

ACTIONS = Actions.plain(("no_action", "a", "b", "c"))
X = np.zeros((4, 1))
MASK = np.array([[1, 1, 1, 1], [1, 0, 1, 1], [1, 0, 0, 0], [0, 0, 1, 1]], dtype=np.bool_)
NONE = np.zeros((4, 4))


def chosen(pmf: np.ndarray) -> list[str]:
    assert set(np.unique(pmf)) == {0.0, 1.0}
    return [ACTIONS.names[a] for a in pmf.argmax(axis=1)]


def test_uniform_shares_equally() -> None:
    assert Uniform().pmf(X, ACTIONS, MASK, NONE)[1].tolist() == [1 / 3, 0.0, 1 / 3, 1 / 3]


def test_the_highest_feasible_priority_is_chosen_and_no_action_last() -> None:
    policy = Priority(priorities={"a": 5, "c": 1, "no_action": 100})
    assert chosen(policy.pmf(X, ACTIONS, MASK, NONE)) == ["a", "c", "no_action", "c"]


def test_of_equal_priorities_the_first_is_chosen() -> None:
    assert chosen(Priority().pmf(X, ACTIONS, MASK, NONE)) == ["a", "b", "no_action", "b"]


def test_constant_falls_back_to_no_action_then_to_the_first_feasible() -> None:
    assert chosen(Constant(action="a").pmf(X, ACTIONS, MASK, NONE)) == ["a", "no_action", "no_action", "b"]


def test_constant_names_the_nearest_action_when_misspelt() -> None:
    close = Actions.plain(("no_action", "winter_sale"))
    with pytest.raises(PolicyError, match="Did you mean 'winter_sale'"):
        Constant(action="winter_sail").pmf(X, close, MASK[:, :2], NONE[:, :2])


def test_formula_takes_the_highest_prior() -> None:
    prior = np.tile([0.0, 3.0, -1.0, 2.0], (4, 1))
    assert chosen(Formula().pmf(X, ACTIONS, MASK, prior)) == ["a", "c", "no_action", "c"]


def test_formula_explores_by_epsilon() -> None:
    prior = np.tile([0.0, 3.0, -1.0, 2.0], (4, 1))
    np.testing.assert_allclose(Formula(epsilon=0.4).pmf(X, ACTIONS, MASK, prior)[0], [0.1, 0.7, 0.1, 0.1])
