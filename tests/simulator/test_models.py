"""Boosted trees, calibration, and folds in the order of time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.errors import InputError
from simulator import boosted
from simulator.boosted import CATEGORIES, Growth, cross_fit_trees, grow
from simulator.calibration import line
from simulator.evaluate import evaluate
from simulator.folds import folds, time_folds, train_on
from simulator.logs import Log
from simulator.method import Method
from simulator.models import predictions
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


def test_with_rows_to_spare_the_line_comes_from_rows_that_the_trees_grew_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log, q = bent(2, 6000)
    fold = folds(log)
    train, held = train_on(fold, ordered=False), fold == 2
    apart = predictions(log, fold, train, "boosted")
    monkeypatch.setattr(boosted, "AMPLE", 1)
    found = predictions(log, fold, train, "boosted")
    other = predictions(
        replace(log, reward=np.where(held, 1 - log.reward, log.reward)), fold, train, "boosted"
    )
    assert np.array_equal(found[held], other[held]) and not np.array_equal(found, apart)
    assert np.mean((found - q) ** 2) < 1.2 * np.mean((apart - q) ** 2)


def test_trees_follow_what_lines_cannot() -> None:
    log, q = bent(1, 5000)
    fold = folds(log)
    train = train_on(fold, ordered=False)
    error = float(np.mean((predictions(log, fold, train, "boosted") - q) ** 2))
    assert error < 0.3 * float(np.var(q))


def test_a_tree_splits_where_a_column_changes_and_only_there() -> None:
    X, action = np.arange(100.0)[:, None], np.zeros(100, dtype=np.int64)
    y = np.where(X[:, 0] < 37, 1.0, 5.0)
    found = grow(X, action, y, Growth(trees=1, rate=1.0, depth=1, leaf=1), np.ones(100))
    assert found(X, action) == pytest.approx(y, abs=1e-6)


def test_actions_are_told_apart_where_contexts_say_nothing() -> None:
    action = np.arange(3000) % 3
    y = np.array([0.0, 5.0, 10.0])[action]
    how = Growth(trees=60, rate=0.5, depth=2, leaf=10)
    found = grow(np.zeros((3000, 0)), action, y, how, np.ones(3000))
    assert found(np.zeros((3, 0)), np.arange(3)) == pytest.approx([0.0, 5.0, 10.0], abs=1e-6)


def test_a_row_that_counts_twice_is_a_row_that_is_there_twice() -> None:
    log, _ = bent(7, 2000)
    twice = np.tile(np.flatnonzero(log.X[:, 0] > 0), 2)
    rows = np.concatenate([twice, np.flatnonzero(log.X[:, 0] <= 0)])
    how, weight = Growth(trees=5, leaf=1), np.where(log.X[:, 0] > 0, 2.0, 1.0)
    one = grow(log.X, log.action, log.reward, how, weight)
    other = grow(log.X[rows], log.action[rows], log.reward[rows], how, np.ones(len(rows)))
    assert one(log.X, log.action) == pytest.approx(other(log.X, log.action), abs=1e-6)


def test_the_rarest_of_very_many_actions_are_predicted_together() -> None:
    often, many = 200, CATEGORIES + 100
    action = np.concatenate([np.repeat(np.arange(often), 12), np.arange(often, many)])
    y = np.where(action < often, action % 2, 7.0)
    how = Growth(trees=10, rate=0.5, leaf=1)
    found = grow(np.zeros((len(action), 0)), action, y, how, np.ones(len(action)))
    made = found(np.zeros((many, 0)), np.arange(many))
    assert made[:often] == pytest.approx(np.arange(often) % 2, abs=0.3)
    assert len(set(made[CATEGORIES:].tolist())) == 1


def test_an_action_that_was_never_tried_is_predicted_by_what_all_share() -> None:
    log, _ = bent(8, 2000)
    own = log.action == 0
    found = grow(log.X[own], log.action[own], log.reward[own], Growth(), np.ones(int(own.sum())))
    made = found(log.X, np.ones(2000, dtype=np.int64))
    assert np.isfinite(made).all() and made.min() >= 0.0 and made.max() <= 1.0


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
    log, q = bent(3, 4000)
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
