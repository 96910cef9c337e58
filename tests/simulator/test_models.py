"""Boosted trees, calibration, and folds in the order of time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.errors import InputError
from simulator.boosted import cross_fit_trees
from simulator.calibration import line
from simulator.evaluate import evaluate
from simulator.folds import folds, time_folds, train_on
from simulator.logs import Log
from simulator.method import Method
from simulator.models import predictions
from simulator.trees import Growth, binned, grow, predict
from tests.simulator.bandits import logged


def bent(seed: int, n: int) -> tuple[Log, np.ndarray]:  # type: ignore[type-arg]
    """A log whose rewards depend on a product of contexts and the action, which no plain line can follow."""
    log, _ = logged(seed, n=n, k=2)
    q = np.column_stack([np.full(n, 0.3), 0.3 + 0.4 * ((log.X[:, 0] > 0) ^ (log.X[:, 1] > 0.3))])
    rng = np.random.Generator(np.random.PCG64(seed))
    return replace(log, reward=(rng.random(n) < q[np.arange(n), log.action]).astype(np.float64)), q


@pytest.mark.parametrize("model", ["linear", "boosted"])
@pytest.mark.parametrize("ordered", [False, True])
def test_no_model_sees_the_rows_of_a_fold_it_is_not_trained_on(model: str, ordered: bool) -> None:
    log, _ = logged(1, n=300)
    log = replace(log, at=np.arange(300))
    fold = time_folds(log, 4) if ordered else folds(log, 4)
    train = train_on(fold, ordered)
    held = fold == 2
    changed = replace(log, reward=np.where(held, 1 - log.reward, log.reward))
    one, other = (predictions(each, fold, train, model) for each in (log, changed))
    assert np.array_equal(one[held], other[held])
    if ordered:
        assert np.array_equal(one[fold == 1], other[fold == 1])  # nothing comes back from later
    assert not np.array_equal(one[fold == 3], other[fold == 3])


def test_trees_follow_what_lines_cannot() -> None:
    log, q = bent(1, 5000)
    fold = folds(log)
    train = train_on(fold, ordered=False)
    error = float(np.mean((predictions(log, fold, train, "boosted") - q) ** 2))
    assert error < 0.3 * float(np.var(q))


def test_a_tree_splits_where_a_column_changes_and_only_there() -> None:
    X = np.arange(100.0)[:, None]
    y = np.where(X[:, 0] < 37, 1.0, 5.0)
    found = grow(X, np.zeros(100, dtype=np.int64), y, 1, Growth(trees=1, rate=1.0, depth=1, leaf=1))
    assert predict(found, binned(found.edges, X), 1)[:, 0] == pytest.approx(y, abs=1e-12)
    assert found.edges[0][found.trees[0].cut[0]] == 36.5


def test_a_leaf_holds_as_many_rows_as_it_must() -> None:
    X = np.arange(100.0)[:, None]
    y = np.where(X[:, 0] < 3, 1.0, 5.0)
    found = grow(X, np.zeros(100, dtype=np.int64), y, 1, Growth(trees=1, rate=1.0, depth=1, leaf=10))
    assert found.edges[0][found.trees[0].cut[0]] == 9.5


def test_actions_are_told_apart_where_contexts_say_nothing() -> None:
    action = np.arange(3000) % 3
    y = np.array([0.0, 5.0, 10.0])[action]
    found = grow(np.zeros((3000, 0)), action, y, 3, Growth(trees=60, rate=0.5, depth=2, leaf=10))
    made = predict(found, binned(found.edges, np.zeros((1, 0))), 3)
    assert made[0] == pytest.approx([0.0, 5.0, 10.0], abs=1e-6)


def test_predictions_keep_inside_the_range_of_the_rewards() -> None:
    log, _ = bent(2, 600)
    fold = folds(log, 2)
    q = cross_fit_trees(log.X, log.action, log.reward, fold, 2, train_on(fold, ordered=False))
    assert q.min() >= 0.0 and q.max() <= 1.0


def test_a_line_mends_predictions_that_are_too_timid_and_leaves_right_ones_alone() -> None:
    rng = np.random.Generator(np.random.PCG64(3))
    q = rng.random(20_000)
    reward = (rng.random(20_000) < q).astype(np.float64)
    start, slope = line(0.5 + 0.2 * (q - 0.5), reward)
    assert start + slope * 0.5 == pytest.approx(0.5, abs=0.02) and slope == pytest.approx(5.0, abs=0.2)
    assert line(q, reward) == (pytest.approx(0.0, abs=0.02), pytest.approx(1.0, abs=0.03))


def test_timid_trees_are_mended() -> None:
    log, q = bent(3, 8000)
    fold = folds(log)
    train, timid = train_on(fold, ordered=False), Growth(trees=30, rate=0.02, depth=3)
    error = [
        float(
            np.mean((cross_fit_trees(log.X, log.action, log.reward, fold, 2, train, None, timid, m) - q) ** 2)
        )
        for m in (False, True)
    ]
    assert error[1] < 0.6 * error[0]


def test_an_ordered_evaluation_needs_times_and_more_than_one() -> None:
    log, _ = logged(4, n=500)
    with pytest.raises(InputError, match="has no times; name their column with --time"):
        evaluate(log, ["uniform"], method=Method(ordered=True))
    with pytest.raises(InputError, match="of one moment"):
        evaluate(replace(log, at=np.zeros(500, dtype=np.int64)), ["uniform"], method=Method(ordered=True))


@pytest.mark.parametrize("model", ["linear", "boosted"])
def test_an_ordered_evaluation_finds_the_value(model: str) -> None:
    log, q = logged(5, n=6000)
    log = replace(log, at=np.arange(6000))
    how = Method(ordered=True, model=model, level=0.999)
    found = evaluate(log, ["constant:a1", "learnt"], method=how)
    one, learnt = found.policies
    assert one.low is not None and one.high is not None and one.low < q[:, 1].mean() < one.high
    assert learnt.value == pytest.approx(q.max(axis=1).mean(), abs=0.05)


def test_an_unknown_model_is_told() -> None:
    log, _ = logged(6, n=300)
    with pytest.raises(InputError, match=r"no reward model 'boost'\. Did you mean 'boosted'"):
        evaluate(log, ["uniform"], method=Method(model="boost"))
