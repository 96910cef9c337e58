"""A reward in two parts: what early signs foretell, and the rest, each learnt for itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.base import Feedback, Floats, feedback
from policies.cases import make_case, part
from policies.linear import Linear
from policies.snapshot import pack, unpack

_SEED = st.integers(0, 2**32 - 1)


def taught(*lessons: Feedback) -> Linear:
    learner = Linear(waves=8)
    for one in lessons:
        learner.learn(one)
    return learner


@given(_SEED)
@settings(max_examples=10, deadline=None)
def test_both_parts_are_learnt_as_by_two_learners_and_added_up(seed: int) -> None:
    case = make_case(seed, signs=True)
    told = case.feedback
    nothing = np.zeros(len(told))
    first = taught(replace(told, reward=told.reward - told.rest, rest=nothing))
    rest = taught(replace(told, reward=told.rest, prior=nothing, rest=nothing))
    both = taught(told)
    apart = first.weights(case.actions) + rest.weights(case.actions)
    np.testing.assert_allclose(both.weights(case.actions), apart, rtol=1e-9, atol=1e-9)


@given(_SEED)
@settings(max_examples=10, deadline=None)
def test_a_row_may_be_taken_back_and_learnt_again_with_another_split(seed: int) -> None:
    case = make_case(seed, signs=True)
    told, nothing = case.feedback, np.zeros(len(case.feedback))
    whole = replace(told, rest=nothing)
    mended = taught(whole, replace(whole, weight=-whole.weight), told)
    np.testing.assert_allclose(mended.weights(case.actions), taught(told).weights(case.actions), atol=1e-9)


def test_a_rest_that_is_gone_again_leaves_the_weights_of_one_that_never_was() -> None:
    case = make_case(3, signs=True)
    told = replace(case.feedback, rest=np.zeros(len(case.feedback)))
    gone = taught(case.feedback, replace(case.feedback, weight=-case.feedback.weight), told)
    np.testing.assert_allclose(gone.weights(case.actions), taught(told).weights(case.actions), atol=1e-9)


def test_a_snapshot_in_the_midst_of_learning_keeps_both_parts() -> None:
    case = make_case(5, signs=True)
    one, other = part(case.feedback, slice(20)), part(case.feedback, slice(20, None))
    learner = unpack(pack(taught(one)))
    learner.learn(other)
    assert pack(learner) == pack(taught(one, other))


def errors(seed: int) -> tuple[float, float]:
    """Mean squared error of the foretold effect of an action, with signs and without."""
    rng = np.random.Generator(np.random.PCG64(seed))
    case, n = make_case(seed), 4000
    X, action = rng.standard_normal((n, 4)), rng.integers(0, len(case.actions), n)
    clicks = np.where(action > 0, 0.1 + 0.08 * np.tanh(X[:, 0] * np.where(action > 2, 1, -1)), 0.0)
    sign = rng.random(n) < clicks
    bought = 60.0 * (sign & (rng.random(n) < 0.05))
    expected = 3.0 * (0.1 + 0.08 * np.tanh(X[:, 0]))
    blind = feedback(X, case.actions, action, bought)
    found = [taught(one) for one in (replace(blind, rest=bought - 3.0 * sign), blind)]
    asked: list[Floats] = [one.scores(X, case.actions, np.zeros((n, len(case.actions)))) for one in found]
    told, untold = (float(np.mean((score[:, 3] - expected) ** 2)) for score in asked)
    return told, untold


def test_clicks_tell_sooner_than_rare_purchases_who_is_worth_writing_to() -> None:
    told, untold = np.mean([errors(seed) for seed in range(12)], axis=0)
    assert told < 0.6 * untold
