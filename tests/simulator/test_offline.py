"""Policies trained from a log, and propensities that were not logged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from policies.base import draw
from simulator.evaluate import evaluate
from simulator.folds import folds, train_on
from simulator.logs import Log
from simulator.offline import FLOOR, trained
from simulator.propensity import followed
from tests.simulator.bandits import logged


@pytest.mark.parametrize("weighing", ["ips", "dr"])
def test_no_row_is_decided_by_a_policy_that_saw_it(weighing: str) -> None:
    log, _ = logged(1, n=600)
    fold = folds(log)
    train, held = train_on(fold, ordered=False), fold == 1
    changed = replace(log, reward=np.where(held, 1 - log.reward, log.reward))
    one, other = (trained(each, fold, train, weighing) for each in (log, changed))  # type: ignore[arg-type]
    assert np.array_equal(one[held], other[held])
    assert not np.array_equal(one[~held], other[~held])
    assert one.sum(axis=1) == pytest.approx(1.0) and one.min() >= FLOOR / 3 * 0.99


def biased(seed: int, n: int) -> tuple[Log, np.ndarray]:  # type: ignore[type-arg]
    """A log whose logging policy prefers what is bad where it is bad."""
    log, q = logged(seed, n=n)
    rng = np.random.Generator(np.random.PCG64(seed))
    logging = np.where(q == q.min(axis=1, keepdims=True), 0.8, 0.1)
    action, propensity = draw(logging, rng.random(n))
    reward = (rng.random(n) < q[np.arange(n), action]).astype(np.float64)
    return replace(log, action=action, propensity=propensity, reward=reward), q


def test_what_is_trained_from_a_biased_log_is_nearly_the_best_and_its_value_is_honest() -> None:
    log, q = biased(2, 12_000)
    found = evaluate(log, ["learnt:dr", "learnt:ips"], level=0.999).policies
    fold = folds(log)
    for one in found:
        pmf = trained(log, fold, train_on(fold, ordered=False), one.name.removeprefix("learnt:"))  # type: ignore[arg-type]
        truth = float((pmf * q).sum(axis=1).mean())
        assert one.low is not None and one.high is not None and one.low < truth < one.high
        assert truth > float(log.reward.mean()) + 0.5 * float(q.max(axis=1).mean() - log.reward.mean())
    assert found[0].lift.low is not None and found[0].lift.low > 0


def test_shares_of_actions_that_follow_the_context_are_refused_and_said_which() -> None:
    log, _ = biased(3, 6000)
    guessed = replace(log, estimated=True, propensity=(np.bincount(log.action) / len(log))[log.action])
    assert followed(guessed) in log.names
    (one,) = evaluate(guessed, ["constant:a1"]).policies
    assert one.verdict == "refused" and f"follow {followed(guessed)}" in one.reason


def test_shares_of_actions_drawn_alike_are_marked_and_rarely_refused() -> None:
    wrong = 0
    for seed in range(100):
        log, _ = logged(seed, n=500)
        wrong += followed(log) is not None
    assert wrong <= 2
    log, _ = logged(4)
    (one,) = evaluate(replace(log, estimated=True), ["constant:a1"]).policies
    assert one.verdict == "weak" and "shares of the actions" in one.reason
