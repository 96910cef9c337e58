"""Every law of `policies.laws` over every policy, on random problems."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from engine.assign import uniforms
from policies import laws
from policies.base import Actions, Feedback, Floats, Mask, Policy, check, draw
from policies.linear import EXPLORERS
from policies.make import make
from policies.state import State

QUICK: list[tuple[str, dict[str, Any]]] = [
    ("uniform", {}),
    ("priority", {"priorities": {"a": 1.0, "x/sms/now": 2.0}}),
    ("constant", {"action": "no_action"}),
    ("formula", {}),
    ("formula", {"epsilon": 0.1}),
    ("linear", {"waves": 0}),
    ("linear", {"waves": 16, "floor": 0.0}),
    ("linear", {"waves": 16, "explore": "softmax", "floor": 0.1}),
    ("linear", {"waves": 0, "explore": "greedy", "ridge": 0.1}),
    ("linear", {"waves": 0, "explore": "thompson", "samples": 50}),
    ("linear", {"waves": 0, "explore": "thompson", "budget": 0.02, "floor": 0.05}),
    ("linear", {"waves": 16, "budget": 0.02}),
    ("linear", {"waves": 0, "risk": 0.5}),
]
SLOW: list[tuple[str, dict[str, Any]]] = [
    ("linear", {}),
    *(("vw", {"explore": name}) for name in ("epsilon", "squarecb", "softmax", "regcb", "cover", "bag")),
    ("vw", {"explore": "epsilon", "estimator": "dr", "interact": False, "floor": 0.1}),
]


@pytest.mark.parametrize(("kind", "chosen"), QUICK)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_every_law_holds(kind: str, chosen: dict[str, Any], seed: int) -> None:
    laws.check_policy(lambda: make(kind, chosen), seed)


@pytest.mark.parametrize(("kind", "chosen"), SLOW)
@settings(max_examples=2, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_every_law_holds_for_heavy_policies(kind: str, chosen: dict[str, Any], seed: int) -> None:
    laws.check_policy(lambda: make(kind, chosen), seed)


@pytest.mark.parametrize(
    ("kind", "chosen"),
    [
        ("uniform", {}),
        ("formula", {"epsilon": 0.1}),
        *(("linear", {"explore": name}) for name in ("squarecb", "softmax", "thompson", "greedy")),
        ("linear", {"budget": 0.02}),
        *(("vw", {"explore": name}) for name in ("epsilon", "squarecb", "softmax", "regcb", "cover", "bag")),
    ],
)
def test_a_million_draws_follow_the_pmf(kind: str, chosen: dict[str, Any]) -> None:
    case = laws.make_case(7, n=10)
    laws.draws_follow_the_pmf(lambda: make(kind, chosen), case, draws=1_000_000, level=0.001)
    policy = make(kind, chosen)
    policy.learn(case.feedback)
    pmf = policy.pmf(case.X, case.actions, case.mask, case.prior)
    assert (pmf[case.mask] > 0.0).all() and (pmf[~case.mask] == 0.0).all()


def test_a_million_keys_draw_as_often_as_is_logged() -> None:
    case = laws.make_case(7, n=8)
    policy = make("linear", {"waves": 0, "gamma": 1.0})
    policy.learn(case.feedback)
    pmf = policy.pmf(case.X, case.actions, case.mask, case.prior)
    each = 125_000
    for row, own in enumerate(pmf):
        u = uniforms("spring", [f"send-{row}-{i}" for i in range(each)])
        action, propensity = draw(np.repeat(own[None], each, axis=0), u)
        assert np.array_equal(propensity, own[action])
        seen, there = np.bincount(action, minlength=len(own)), own > 0.0
        assert not seen[~there].any()
        if there.sum() > 1:
            assert stats.chisquare(seen[there], each * own[there] / own.sum()).pvalue > 0.001


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32), explore=st.sampled_from(EXPLORERS))
def test_additive_learning_leaves_the_same_bits_in_any_order(seed: int, explore: str) -> None:
    case = laws.make_case(seed)
    shuffled = np.random.Generator(np.random.PCG64(seed)).permutation(len(case.X))
    one, other = (make("linear", {"waves": 8, "explore": explore}) for _ in range(2))
    one.learn(case.feedback)
    for start in range(0, len(shuffled), 7):
        other.learn(_rows(case.feedback, shuffled[start : start + 7]))
    pmf = [policy.pmf(case.X, case.actions, case.mask, case.prior) for policy in (one, other)]
    assert np.array_equal(*pmf)


def _rows(feedback: Feedback, rows: Any) -> Feedback:
    return laws.part(feedback, rows)


class _Broken:
    """A policy with one fault."""

    def __init__(self, fault: str) -> None:
        self.fault = fault

    def pmf(self, X: Floats, actions: Actions, mask: Mask, prior: Floats) -> Floats:
        pmf = mask / mask.sum(axis=1, keepdims=True)
        if self.fault == "sum":
            return pmf * 0.9
        if self.fault == "mask":
            return np.full(mask.shape, 1.0 / len(actions))
        if self.fault == "batch":
            weight = mask * (1.0 + X.mean() ** 2 * np.arange(len(actions)))
            return weight / weight.sum(axis=1, keepdims=True)
        if self.fault == "arguments":
            X[0, 0] += 1.0
        return pmf

    def learn(self, feedback: Feedback) -> None:
        if self.fault != "feedback":
            make("uniform").learn(feedback)


@pytest.mark.parametrize(
    ("fault", "law"),
    [
        ("sum", "sums to 1"),
        ("mask", "not feasible"),
        ("batch", "one by one"),
        ("arguments", "arguments"),
        ("feedback", "is refused"),
    ],
)
def test_the_kit_names_the_law_a_policy_breaks(fault: str, law: str) -> None:
    def broken() -> Policy:
        return _Broken(fault)

    with pytest.raises(laws.LawBroken, match=law):
        laws.check_policy(broken)


class _Counting:
    """The mean reward of each action, and what can go wrong with that."""

    kind, floor = "counting", 0.1

    def __init__(self, fault: str = "", **wrong: float) -> None:
        self.settings: dict[str, Any] = {"fault": fault} | ({"unknown": 1.0} if fault == "settings" else {})
        if wrong:
            raise TypeError("unknown settings")
        self.fault, self.sums = fault, dict[str, tuple[float, float]]()

    def pmf(self, X: np.ndarray, actions: Any, mask: np.ndarray, prior: np.ndarray) -> np.ndarray:
        if self.fault == "prior":
            prior[~mask] = -np.inf
        if self.fault == "error":
            raise KeyError("spend")
        luck = np.random.default_rng().normal(size=mask.shape) if self.fault == "luck" else 0.0
        sums = [self.sums.get(name, (0.0, 0.0)) for name in actions.names]
        score = np.where(mask, np.array([total / max(n, 1.0) for total, n in sums]) + prior + luck, -np.inf)
        best = score == score.max(axis=1, keepdims=True)
        pmf = best / best.sum(axis=1, keepdims=True)
        if self.fault not in ("floor", "chance"):
            pmf = 0.9 * pmf + 0.1 * mask / mask.sum(axis=1, keepdims=True)
        return pmf * np.nan if self.fault == "nan" else pmf

    def learn(self, feedback: Feedback) -> None:
        check(feedback)
        for a, reward, weight in zip(feedback.action, feedback.reward, feedback.weight, strict=True):
            total, n = self.sums.get(feedback.actions.names[a], (0.0, 0.0))
            self.sums[feedback.actions.names[a]] = total + weight * reward, n + weight

    def state(self) -> State:
        return State({"sums": {name: list(one) for name, one in self.sums.items()}}, {})

    def restore(self, state: State) -> None:
        if self.fault != "restore":
            self.sums = {name: (total, n) for name, (total, n) in state.words["sums"].items()}


class _Certain(_Counting):
    floor = None  # type: ignore[assignment]


class _Merging(_Counting):
    def merge(self, other: _Counting) -> None:
        for name, (total, n) in other.sums.items():
            mine = self.sums.get(name, (0.0, 0.0))
            self.sums[name] = mine[0] + total, mine[1] + n


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda: _Counting("prior"), r"prior was changed\. Work on a copy"),
        (lambda: _Counting("floor"), r"floor / F \(row \d+, action '.*': 0\)\. Give \(1 - floor\)"),
        (lambda: _Certain("chance"), r"has a chance \(row .*says so with floor = 0\.0"),
        (lambda: _Counting("luck"), r"asking again .*Chance is drawn from the pmf alone"),
        (lambda: _Counting("nan"), r"sums to 1 \(row 0: nan\)\. Divide"),
        (lambda: _Counting("error"), r"KeyError: 'spend'.*arguments_are_left_alone"),
        (lambda: _Counting("restore"), r"brings back .*Let state\(\) give"),
        (lambda: _Counting("settings"), r"TypeError: unknown settings.*snapshot_brings_back"),
        (_Merging, r"TypeError: .*merge\(\).*merging_equals"),
        (lambda needed: _Counting(needed), r"called without arguments.*Give settings defaults"),
    ],
)
def test_the_kit_says_where_and_what_to_do(made: Any, told: str) -> None:
    with pytest.raises(laws.LawBroken, match=told):
        laws.check_policy(made)
    laws.check_policy(_Counting)


@pytest.mark.parametrize(
    ("given", "told"),
    [(_Broken("sum"), "give the class"), (int, "int lacks"), (lambda: None, "NoneType lacks")],
)
def test_the_kit_says_what_it_takes(given: Any, told: str) -> None:
    with pytest.raises(laws.LawBroken, match=told):
        laws.check_policy(given)
