"""vowpalwabbit behind the protocol: its numbers are vowpalwabbit's own, its text is only ours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from vowpalwabbit import pyvw

from policies.base import Actions, FeedbackError, draw, feedback
from policies.laws import make_case
from policies.settings import PolicyError
from policies.vw import VW, arguments

CASE = make_case(11, n=50, plain=True)
NONE = np.zeros_like(CASE.prior)


def raw_pmf(explorer: str) -> np.ndarray:
    """vowpalwabbit fed by hand with the same numbers."""
    line = "--quiet --cb_explore_adf --cb_type mtr -q ca --cb_min_cost -1 --cb_max_cost 0 --random_seed 1 "
    vw, k, f = pyvw.Workspace(line + explorer), len(CASE.actions), CASE.feedback

    def example(x: np.ndarray, label: dict[int, str]) -> list[str]:
        shared = "shared |c " + " ".join(f"{j}:{v!r}" for j, v in enumerate(x.tolist()))
        return [shared, *(f"{label.get(a, '')}|a f{a}:1.0" for a in range(k))]

    for x, a, p, r in zip(f.X, f.action, f.propensity, f.reward - 0.0, strict=True):
        vw.learn(example(x, {int(a): f"0:{-float(r)!r}:{float(p)!r} "}))
    predicted = np.array([vw.predict(example(x, {})) for x in CASE.X])
    return predicted / predicted.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("explore", "line"),
    [
        ("squarecb", "--squarecb --gamma_scale 10"),
        ("epsilon", "--epsilon 0.05"),
        ("softmax", "--softmax --lambda 10"),
        ("regcb", "--regcb --mellowness 0.001"),
        ("cover", "--cover 4"),
    ],
)
def test_the_pmf_is_that_of_raw_vowpalwabbit(explore: str, line: str) -> None:
    policy = VW(explore=explore, floor=0.0)
    policy.learn(replace(CASE.feedback, prior=np.zeros(50)))
    pmf = policy.pmf(CASE.X, CASE.actions, np.ones_like(CASE.mask), NONE)
    np.testing.assert_allclose(pmf, raw_pmf(line), atol=1e-6)


def test_names_of_offers_cannot_reach_the_text() -> None:
    vile = Actions.plain(("no_action", "a|b:9\n1:1:1 |c x", "shared |c 0:5", " "))
    policy, harmless = VW(), VW()
    policy.learn(replace(CASE.feedback, actions=vile))
    harmless.learn(CASE.feedback)
    one = policy.pmf(CASE.X, vile, CASE.mask, CASE.prior)
    assert np.array_equal(one, harmless.pmf(CASE.X, CASE.actions, CASE.mask, CASE.prior))


def test_no_setting_can_name_a_file() -> None:
    line = arguments(VW().settings)
    assert not {"-f", "-i", "-d", "-p", "--cache_file", "--final_regressor"} & set(line.split())
    with pytest.raises(PolicyError, match="explore"):
        VW(explore="squarecb -f /etc/passwd")
    with pytest.raises(PolicyError, match="learning_rate"):
        VW(learning_rate="1 -f x")  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "value"), [("weight", -1.0), ("weight", 2.0), ("reward", 1e38)])
def test_what_vowpalwabbit_would_learn_wrongly_is_refused(name: str, value: float) -> None:
    policy = VW()
    policy.learn(CASE.feedback)
    before = policy.pmf(CASE.X, CASE.actions, CASE.mask, CASE.prior)
    column = getattr(CASE.feedback, name).copy()
    column[4] = value
    with pytest.raises(FeedbackError, match=f"row 4: {name}"):
        policy.learn(replace(CASE.feedback, **{name: column}))
    assert np.array_equal(policy.pmf(CASE.X, CASE.actions, CASE.mask, CASE.prior), before)


def test_it_learns() -> None:
    rng = np.random.Generator(np.random.PCG64(2))
    actions, policy = Actions.plain(("a", "b", "c")), VW()
    X = rng.standard_normal((1500, 3))
    mask, prior, hits = np.ones((100, 3), dtype=np.bool_), np.zeros((100, 3)), []
    for start in range(0, 1500, 100):
        x = X[start : start + 100]
        action, propensity = draw(policy.pmf(x, actions, mask, prior), rng.random(100))
        reward = (action == x.argmax(axis=1)).astype(np.float64)
        policy.learn(feedback(x, actions, action, reward, propensity))
        hits.append(reward.mean())
    assert np.mean(hits[-3:]) > 0.8
