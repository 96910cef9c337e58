"""The cross-fitted reward model never sees the row it predicts, and learns what there is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.base import Floats
from simulator.folds import folds
from simulator.logs import Log
from simulator.reward_model import cross_fit
from tests.simulator.bandits import logged


def fitted(log: Log) -> Floats:
    return cross_fit(log.X, log.action, log.reward, folds(log), len(log.actions))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_no_row_sees_its_own_reward(seed: int) -> None:
    log, _ = logged(seed, n=300)
    fold = folds(log)
    held = fold == 2
    changed = np.where(held, 1 - log.reward, log.reward)
    one = cross_fit(log.X, log.action, log.reward, fold, 3)
    other = cross_fit(log.X, log.action, changed, fold, 3)
    assert np.array_equal(one[held], other[held])
    assert not np.array_equal(one[~held], other[~held])


def test_it_explains_what_a_linear_reward_can_be_explained_by() -> None:
    log, q = logged(1, n=20_000)
    found = fitted(log)
    assert np.mean((found - q) ** 2) < 0.05 * np.mean((log.reward.mean() - q) ** 2)


def test_pure_noise_is_shrunk_to_the_mean() -> None:
    log, _ = logged(2, n=5000)
    noise = np.random.Generator(np.random.PCG64(3)).standard_normal(5000)
    assert fitted(replace(log, reward=noise)).std() < 0.05


def test_an_action_never_tried_is_predicted_by_what_all_share() -> None:
    log, _ = logged(4, n=2000)
    fold = folds(log)
    q = cross_fit(log.X, log.action, log.reward, fold, 4)
    others = q[:, :3].mean(axis=1)
    assert np.corrcoef(q[:, 3], others)[0, 1] > 0.9 and abs(q[:, 3].mean() - log.reward.mean()) < 0.05


def test_without_contexts_it_is_each_actions_mean() -> None:
    log, _ = logged(5, n=9000)
    bare = replace(log, X=np.zeros((9000, 0)))
    means = [log.reward[log.action == a].mean() for a in range(3)]
    assert fitted(bare).mean(axis=0) == pytest.approx(means, abs=0.01)


def test_predictions_stay_in_the_range_of_the_rewards() -> None:
    log, _ = logged(6, n=300, base=0.02)
    q = fitted(log)
    assert q.min() >= 0.0 and q.max() <= 1.0


def test_the_order_of_the_rows_does_not_matter() -> None:
    log, _ = logged(7, n=500)
    order = np.random.Generator(np.random.PCG64(8)).permutation(500)
    mixed = replace(
        log,
        X=log.X[order],
        action=log.action[order],
        reward=log.reward[order],
        propensity=log.propensity[order],
    )
    assert np.array_equal(folds(mixed), folds(log)[order])
    assert fitted(mixed) == pytest.approx(fitted(log)[order], abs=1e-9)


def test_rows_of_a_cluster_share_a_fold_and_folds_are_even() -> None:
    log, _ = logged(9, n=1000)
    cluster = np.unique(
        np.random.Generator(np.random.PCG64(9)).integers(300, size=1000), return_inverse=True
    )[1]
    fold = folds(replace(log, cluster=cluster))
    assert all(len(np.unique(fold[cluster == c])) == 1 for c in np.unique(cluster))
    assert np.ptp(np.bincount(folds(log))) <= 1
