"""Thompson sampling against what is known in closed form, and the error it states."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.base import feedback
from policies.explore import uniform
from policies.laws import make_case
from policies.linear import Linear
from policies.thompson import normals, standard_error, thompson

CASE = make_case(5, n=60)


def two(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means and deviations of two actions in n contexts, and how likely the first is the better one."""
    score, deviation = rng.standard_normal((n, 2)), rng.uniform(0.2, 2.0, (n, 2))
    apart = (score[:, 0] - score[:, 1]) / np.hypot(*deviation.T)
    return score, deviation, np.array([NormalDist().cdf(one) for one in apart])


@pytest.mark.parametrize("samples", [16, 256, 4000])
def test_two_actions_win_as_often_as_the_normal_distribution_says(samples: int) -> None:
    score, deviation, known = two(np.random.Generator(np.random.PCG64(1)), 2000)
    pmf = thompson(score, deviation, np.ones((2000, 2), dtype=np.bool_), samples, 0.0)
    stated = standard_error(0.5, samples)
    errors = np.array([standard_error(one, samples) for one in known])
    assert np.mean(((pmf[:, 0] - known) / np.maximum(errors, 1.0 / samples)) ** 2) <= 1.0
    assert np.sqrt(np.mean((pmf[:, 0] - known) ** 2)) <= stated
    assert np.abs(pmf[:, 0] - known).max() <= 3.0 * stated


def test_many_actions_win_as_often_as_in_a_million_draws() -> None:
    rng = np.random.Generator(np.random.PCG64(2))
    score, deviation = rng.standard_normal((1, 12)), rng.uniform(0.2, 2.0, (1, 12))
    drawn = (score + deviation * rng.standard_normal((1_000_000, 12))).argmax(axis=1)
    expected = np.bincount(drawn, minlength=12) / 1e6
    found = thompson(score, deviation, np.ones((1, 12), dtype=np.bool_), 1000, 0.0)[0]
    assert np.abs(found - expected).max() <= 3.0 / (2.0 * np.sqrt(999))


def test_every_column_of_the_table_holds_the_same_quantiles_in_its_own_order() -> None:
    table = normals(100, 5)
    assert (np.sort(table, axis=0) == np.sort(table[:, :1], axis=0)).all()
    assert abs(table.mean()) < 1e-9 and 0.98 < table[:, 0].std() < 1.0
    assert np.abs(np.corrcoef(table.T) - np.eye(5)).max() < 0.4
    assert np.array_equal(normals(100, 9)[:, :5], table)


def test_certain_actions_that_are_equally_good_share_their_wins() -> None:
    score = np.array([[1.0, 1.0, 0.0, 1.0]])
    mask = np.array([[True, True, True, False]])
    assert thompson(score, np.zeros((1, 4)), mask, 9, 0.0).tolist() == [[0.5, 0.5, 0.0, 0.0]]
    mixed = thompson(score, np.array([[0.0, 0.0, 3.0, 0.0]]), mask, 400, 0.0)[0]
    assert mixed[0] == mixed[1] and mixed[2] == pytest.approx(NormalDist().cdf(-1 / 3), abs=0.003)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), k=st.integers(1, 40), floor=st.sampled_from([0.0, 0.002, 1.0]))
def test_it_is_a_distribution_above_its_floor_whose_rows_stand_alone(seed: int, k: int, floor: float) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    score, deviation = rng.standard_normal((30, k)), rng.choice([0.0, 0.1, 1.0], (30, k))
    mask = rng.random((30, k)) < 0.5
    mask[np.arange(30), rng.integers(0, k, 30)] = True
    pmf = thompson(score, deviation, mask, 300, floor)
    np.testing.assert_allclose(pmf.sum(axis=1), 1.0, atol=1e-12)
    assert (pmf[~mask] == 0.0).all()
    assert (pmf >= floor * uniform(mask) * (1 - 1e-12))[mask].all()
    rows = zip(score[:, None], deviation[:, None], mask[:, None], strict=True)
    assert np.array_equal(np.vstack([thompson(*row, 300, floor) for row in rows]), pmf)


def test_a_better_score_never_wins_less_often() -> None:
    score, deviation, _ = two(np.random.Generator(np.random.PCG64(3)), 200)
    mask = np.ones((200, 2), dtype=np.bool_)
    lower = thompson(score, deviation, mask, 256, 0.0)
    higher = thompson(score + np.array([0.3, 0.0]), deviation, mask, 256, 0.0)
    assert (higher[:, 0] >= lower[:, 0]).all()


def test_before_learning_it_explores_within_the_range_of_the_predictions() -> None:
    policy = Linear(explore="thompson", floor=0.0)
    nothing = policy.pmf(CASE.X, CASE.actions, CASE.mask, np.zeros_like(CASE.prior))
    np.testing.assert_allclose(nothing, uniform(CASE.mask))
    prior, every = np.tile([0.0, 2.0], (3, 1)), np.ones((3, 2), dtype=np.bool_)
    actions = make_case(1, plain=True).actions
    few = type(actions).plain(actions.names[:2])
    pmf = policy.pmf(np.zeros((3, 1)), few, every, prior)
    np.testing.assert_allclose(pmf[:, 1], NormalDist().cdf(2 / 2**0.5), atol=0.03)


def test_an_action_of_which_much_is_known_to_be_poor_is_hardly_drawn() -> None:
    rng, n = np.random.Generator(np.random.PCG64(4)), 4000
    case = make_case(6, n=n, plain=True)
    action = rng.integers(0, 4, n)
    reward = np.where(action == 1, 1.0, 0.0) + rng.standard_normal(n)
    policy = Linear(waves=0, explore="thompson", floor=0.0)
    policy.learn(feedback(case.X, case.actions, action, reward))
    pmf = policy.pmf(case.X, case.actions, np.ones((n, 4), dtype=np.bool_), np.zeros((n, 4)))
    assert pmf[:, 1].mean() > 0.95
