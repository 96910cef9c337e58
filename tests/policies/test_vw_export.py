"""Scores from exported weights are vowpalwabbit's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.vw_export import ACTIONS, exactly, rows, taught, twin
from policies.cases import make_case
from policies.settings import PolicyError
from policies.snapshot import pack, unpack
from policies.vw import VW


@pytest.mark.parametrize("estimator", ["mtr", "ips", "dr"])
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**32), interact=st.booleans(), plain=st.booleans())
def test_exported_scores_are_vowpalwabbits(estimator: str, seed: int, interact: bool, plain: bool) -> None:
    case = make_case(seed, n=100, plain=plain)
    X = case.X / np.maximum(1.0, np.abs(case.X))
    policy = VW(explore="epsilon", estimator=estimator, interact=interact)
    past = replace(case.feedback, X=X)
    policy.learn(past)
    workspace = twin(policy, past)
    costs = [workspace.predict(asked) for asked in policy.questions(X, case.actions, case.prior)]
    scores = policy.scores(X, case.actions, case.prior)
    np.testing.assert_allclose(scores, -np.array(costs), rtol=1e-6, atol=1e-6)
    again = unpack(pack(policy))
    assert isinstance(again, VW)
    assert np.array_equal(again.scores(X, case.actions, case.prior), scores)


def test_scores_of_any_size_are_nearer_to_the_exact_sum_than_vowpalwabbits_own() -> None:
    past, few = rows(500, 30, 1, 20.0), rows(100, 30, 2).X
    policy = taught("mtr", True, past)
    prior = np.zeros((100, len(ACTIONS)))
    scores, workspace = policy.scores(few, ACTIONS, prior), twin(policy, past)
    costs = np.array([workspace.predict(asked) for asked in policy.questions(few, ACTIONS, prior)])
    exact = exactly(policy, few)
    assert np.abs(scores).max() > 4.0
    assert np.abs(scores - exact).max() < 2e-7 < np.abs(costs + exact).max() < 1e-6 * np.abs(scores).max()


@pytest.mark.parametrize("explorer", ["epsilon", "softmax"])
def test_a_pmf_from_arrays_is_the_one_vowpalwabbit_gives(explorer: str) -> None:
    case, policy = make_case(5, n=80), VW(explore=explorer, floor=0.0)
    policy.learn(case.feedback)
    asked = policy.questions(case.X, case.actions, case.prior)
    theirs = np.array([policy._vw.predict(one) for one in asked])
    pmf = policy.pmf(case.X, case.actions, np.ones_like(case.mask), case.prior)
    np.testing.assert_allclose(pmf, theirs, atol=1e-4)


def test_several_models_have_no_one_score() -> None:
    case, policy = make_case(5), VW(explore="bag")
    policy.learn(case.feedback)
    with pytest.raises(PolicyError, match="several models"):
        policy.scores(case.X, case.actions, case.prior)
