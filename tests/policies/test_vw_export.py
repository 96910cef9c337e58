"""Scores from exported weights are vowpalwabbit's own."""

from __future__ import annotations

import base64
import json
import platform
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.vw_export import CROSSED, PLAIN, rows, taught, twin
from policies.base import Actions, Feedback, Floats
from policies.cases import make_case, part
from policies.settings import PolicyError
from policies.snapshot import pack, unpack
from policies.vw import VW

BEFORE = json.loads((Path(__file__).parent.parent / "fixtures" / "vw_before.json").read_text())
EXACT = platform.machine() in ("x86_64", "AMD64")  # elsewhere vowpalwabbit may fuse its multiplications


def theirs(policy: VW, past: Feedback, X: Floats, actions: Actions, prior: Floats) -> Floats:
    """Scores by a vowpalwabbit that was taught the same text."""
    workspace = twin(policy, past)
    return -np.array([workspace.predict(asked) for asked in policy.questions(X, actions, prior)])


def assert_same(scores: Floats, others: Floats) -> None:
    if EXACT:
        assert np.array_equal(scores, others)
    np.testing.assert_allclose(scores, others, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("estimator", ["mtr", "ips", "dr"])
@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    interact=st.booleans(),
    crossed=st.booleans(),
    d=st.integers(1, 12),
    worth=st.sampled_from([1.0, 10.0, -3.0]),
    l1=st.sampled_from([0.0, 1e-4]),
)
def test_exported_scores_are_vowpalwabbits_to_the_last_bit(
    estimator: str, seed: int, interact: bool, crossed: bool, d: int, worth: float, l1: float
) -> None:
    actions = CROSSED if crossed else PLAIN
    past, X = rows(200, d, seed, worth, actions), rows(60, d, seed + 1).X
    policy = taught(estimator, interact, past, l1=l1)
    prior = np.random.default_rng(seed).normal(size=(60, len(actions)))
    prior[::2] = 0.0
    scores = policy.scores(X, actions, prior)
    assert_same(scores, theirs(policy, past, X, actions, prior))
    alone = [policy.scores(X[i : i + 1], actions, prior[i : i + 1])[0] for i in range(60)]
    assert np.array_equal(scores, alone), "a row is added up as it is among others"
    again = unpack(pack(policy))
    assert isinstance(again, VW)
    assert np.array_equal(again.scores(X, actions, prior), scores)


@pytest.mark.parametrize("estimator", ["mtr", "ips", "dr"])
def test_scores_with_a_quadratic_penalty_are_the_same_for_rounding(estimator: str) -> None:
    past, X, prior = rows(300, 8, 3), rows(50, 8, 4).X, np.zeros((50, 20))
    policy = taught(estimator, True, past, l1=1e-4, l2=1e-3)
    others = theirs(policy, past, X, PLAIN, prior)
    np.testing.assert_allclose(policy.scores(X, PLAIN, prior), others, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("explorer", "l1", "l2"), [*product(("squarecb", "regcb", "epsilon"), (0, 1e-3), (0, 1e-2))]
)
def test_penalties_survive_a_snapshot(explorer: str, l1: float, l2: float) -> None:
    case, policy = make_case(5, n=80), VW(explore=explorer, l1=l1, l2=l2)
    policy.learn(part(case.feedback, slice(0, 40)))
    again = unpack(pack(policy))
    for step in (slice(0, 0), slice(40, 80)):
        for one in (policy, again):
            one.learn(part(case.feedback, step))
        one, other = (which.pmf(case.X, case.actions, case.mask, case.prior) for which in (policy, again))
        assert np.array_equal(one, other)


@pytest.mark.parametrize("kept", BEFORE, ids=lambda kept: str(kept["seed"]))
def test_snapshots_from_before_decide_as_they_did(kept: dict[str, object]) -> None:
    case = make_case(int(str(kept["seed"])), n=30)
    policy = unpack(base64.b64decode(str(kept["snapshot"])))
    expected = np.array([float.fromhex(one) for one in kept["pmf"]])  # type: ignore[attr-defined]
    asked = [one[:8] for one in (case.X, case.mask, case.prior)]
    for _ in range(2):
        assert_same(policy.pmf(asked[0], case.actions, *asked[1:]).ravel(), expected)
        policy = unpack(pack(policy))
    policy.learn(case.feedback)
    assert policy.state().words["exact"], "what learns again is written exactly"


@pytest.mark.parametrize("explorer", ["epsilon", "softmax"])
def test_a_pmf_from_arrays_is_the_one_vowpalwabbit_gives(explorer: str) -> None:
    case, policy = make_case(5, n=80), VW(explore=explorer, floor=0.0)
    policy.learn(case.feedback)
    asked = policy.questions(case.X, case.actions, case.prior)
    others = np.array([policy._vw.predict(one) for one in asked])
    pmf = policy.pmf(case.X, case.actions, np.ones_like(case.mask), case.prior)
    np.testing.assert_allclose(pmf, others, atol=1e-4)


def test_several_models_have_no_one_score() -> None:
    case, policy = make_case(5), VW(explore="bag")
    policy.learn(case.feedback)
    with pytest.raises(PolicyError, match="several models"):
        policy.scores(case.X, case.actions, case.prior)
