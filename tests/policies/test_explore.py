"""Exploration against numbers worked by hand, and its laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import explore

SCORES = np.array([[1.0, 0.5, 0.0]])
ALL = np.ones((1, 3), dtype=np.bool_)
FIRST_OUT = np.array([[False, True, True]])


def test_uniform_shares_equally_over_the_feasible_set() -> None:
    assert explore.uniform(FIRST_OUT).tolist() == [[0.0, 0.5, 0.5]]


def test_greedy_takes_the_best_feasible_action_after_epsilon() -> None:
    np.testing.assert_allclose(explore.greedy(SCORES, ALL, 0.3), [[0.8, 0.1, 0.1]])
    np.testing.assert_allclose(explore.greedy(SCORES, FIRST_OUT, 0.3), [[0.0, 0.85, 0.15]])


def test_greedy_shares_ties_equally() -> None:
    np.testing.assert_allclose(explore.greedy(np.array([[1.0, 1.0, 0.0]]), ALL, 0.0), [[0.5, 0.5, 0.0]])


def test_softmax_is_the_gibbs_distribution() -> None:
    odds = np.exp([2.0, 1.0, 0.0])
    np.testing.assert_allclose(explore.softmax(SCORES, ALL, 0.5, 0.0), [odds / odds.sum()])


def test_squarecb_weighs_by_the_inverse_gap_as_worked_by_hand() -> None:
    # F = 3, gamma = 10: 1 / (3 + 5) and 1 / (3 + 10); the best takes the rest
    expected = [1 - 1 / 8 - 1 / 13, 1 / 8, 1 / 13]
    np.testing.assert_allclose(explore.squarecb(SCORES, ALL, 10.0, 0.0), [expected])
    # only two feasible: 1 / (2 + 5)
    np.testing.assert_allclose(explore.squarecb(SCORES, FIRST_OUT, 10.0, 0.0), [[0.0, 6 / 7, 1 / 7]])


def test_squarecb_takes_one_gamma_a_row() -> None:
    scores, mask = np.repeat(SCORES, 2, axis=0), np.repeat(ALL, 2, axis=0)
    both = explore.squarecb(scores, mask, np.array([0.0, 1e12]), 0.0)
    np.testing.assert_allclose(both, [[1 / 3, 1 / 3, 1 / 3], [1.0, 0.0, 0.0]], atol=1e-9)


def test_the_floor_is_mixed_in_equally() -> None:
    np.testing.assert_allclose(explore.squarecb(SCORES, ALL, 1e12, 0.03), [[0.98, 0.01, 0.01]], atol=1e-9)


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    k=st.integers(1, 40),
    floor=st.sampled_from([0.0, 1e-6, 0.002, 0.3, 1.0]),
    size=st.sampled_from([1e-9, 1.0, 1e9]),
    gamma=st.sampled_from([0.0, 1e-3, 1.0, 1e3, 1e9]),
)
def test_every_explorer_gives_a_distribution_whose_rows_stand_alone(
    seed: int, k: int, floor: float, size: float, gamma: float
) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    scores = rng.standard_normal((9, k)) * size
    mask = rng.random((9, k)) < 0.5
    mask[np.arange(9), rng.integers(0, k, 9)] = True
    for explorer in (
        lambda s, m: explore.greedy(s, m, floor),
        lambda s, m: explore.softmax(s, m, size, floor),
        lambda s, m: explore.squarecb(s, m, gamma / size, floor),
    ):
        pmf = explorer(scores, mask)
        np.testing.assert_allclose(pmf.sum(axis=1), 1.0, atol=1e-12)
        assert (pmf[~mask] == 0.0).all()
        least = (floor / mask.sum(axis=1, keepdims=True) * (1 - 1e-12)).repeat(k, axis=1)
        assert (pmf >= least)[mask].all()
        alone = [explorer(scores[i : i + 1], mask[i : i + 1]) for i in range(9)]
        assert np.array_equal(np.vstack(alone), pmf)


def test_squarecb_forgets_what_it_cannot_choose() -> None:
    hopeless = np.array([[1e6, 0.5, 0.0]])
    ours = explore.squarecb(hopeless, FIRST_OUT, 10.0, 0.0)
    assert np.array_equal(ours, explore.squarecb(SCORES, FIRST_OUT, 10.0, 0.0))
    assert ours[0, 0] == pytest.approx(0.0)
