"""Clones of vendors' policies: probabilities that hold, what the documents say, a label on every output."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import cli
from engine.domain import PolicySpec, Program
from engine.errors import NotFoundError
from engine.program import loads
from policies.base import Floats, Ints
from simulator.clones import CLONES, clone, told
from simulator.clones.base import Clone, Heard, Sent, Setting
from simulator.run import run
from simulator.season import Season
from simulator.season_tables import document
from simulator.worlds import world

D = 6


def _program() -> Program:
    return loads(world("newsletter").program().encode(), "newsletter.yaml")


PROGRAM = _program()
ACTIONS = PROGRAM.action_set()
K = len(ACTIONS)


def _new(name: str, seed: int = 1) -> Clone:
    return clone(f"clone:{name}")(Setting(PROGRAM, "click", np.array([True] * (D - 1) + [False]), seed))


def _heard(day: Ints, customer: Ints, kind: str = "click", after: float = 0.2, worth: float = 1.0) -> Heard:
    m = len(day)
    return Heard(day, customer, np.full(m, kind), np.full(m, after), np.full(m, worth))


def _lived(
    name: str, rate: Floats, rounds: int = 6, n: int = 600, after: float = 0.2, seed: int = 1
) -> Clone:
    """A clone that has seen some mornings; action a is answered with chance rate[a]."""
    made, chance = _new(name), np.random.default_rng(seed)
    X = chance.standard_normal((n, D))
    for day in range(rounds):
        action = chance.integers(0, K, n)
        made.sent(Sent(day, np.arange(n), X, action, np.full(n, 1 / K)))
        row = np.flatnonzero(chance.random(n) < rate[action])
        made.hear(day + 1, _heard(np.full(len(row), day), row, after=after))
    return made


def _pmf(made: Clone, X: Floats, mask: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> Floats:
    return made.pmf(X, ACTIONS, mask, np.zeros(mask.shape))


@pytest.mark.parametrize("name", sorted(CLONES))
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), n=st.integers(1, 40))
def test_probabilities_are_a_distribution_over_what_is_feasible_and_a_row_stands_alone(
    name: str, seed: int, n: int
) -> None:
    chance = np.random.default_rng(seed)
    made = _lived(name, np.linspace(0, 0.4, K), rounds=2, n=60)
    X, mask = chance.standard_normal((n, D)), chance.random((n, K)) < 0.5
    mask[np.arange(n), chance.integers(0, K, n)] = True
    pmf = _pmf(made, X, mask)
    np.testing.assert_allclose(pmf.sum(axis=1), 1.0, atol=1e-9)
    assert (pmf >= 0).all() and not pmf[~mask].any()
    alone = np.concatenate([_pmf(made, X[i : i + 1], mask[i : i + 1]) for i in range(n)])
    np.testing.assert_allclose(pmf, alone, atol=1e-9)


@pytest.mark.parametrize("name", ["adobe", "aampe", "dynamic_yield", "pega"])
def test_what_is_answered_most_comes_to_be_sent_most(name: str) -> None:
    rate = np.full(K, 0.05)
    rate[5] = 0.6
    made = _lived(name, rate, rounds=25, n=400)
    pmf = _pmf(made, np.random.default_rng(2).standard_normal((200, D)), np.ones((200, K), dtype=np.bool_))
    assert pmf.mean(axis=0).argmax() == 5 or _shares_a_feature_with(5, int(pmf.mean(axis=0).argmax()))


def _shares_a_feature_with(one: int, other: int) -> bool:
    return bool((ACTIONS.features[one] * ACTIONS.features[other]).sum() >= 2)


def test_dynamic_yield_sends_by_the_probability_of_being_best() -> None:
    """Beta(3, 1) beats Beta(1, 3) with probability 19/20."""
    made = _new("dynamic_yield")
    X, two = np.zeros((4, D)), np.zeros((1, K), dtype=np.bool_)
    two[0, [1, 2]] = True
    made.sent(Sent(0, np.arange(4), X, np.array([1, 1, 2, 2]), np.full(4, 0.5)))
    made.hear(1, _heard(np.zeros(2, dtype=np.int64), np.array([0, 1]), worth=3.0))
    assert _pmf(made, X[:1], two)[0, 1] == pytest.approx(0.95, abs=0.02)


def test_adobe_counts_clicks_and_nothing_else() -> None:
    rate = np.zeros(K)
    rate[1] = 1.0
    clicks, bought = _lived("adobe", rate), _new("adobe")
    bought.hear(1, _heard(np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64), "purchase", worth=99.0))
    every = np.ones((1, K), dtype=np.bool_)
    assert _pmf(clicks, np.zeros((1, D)), every)[0, 1] > 0.95
    assert _pmf(bought, np.zeros((1, D)), every)[0, 1:].max() < 0.12


def test_personalizer_explores_a_fifth_and_discards_what_comes_after_a_day() -> None:
    rate = np.zeros(K)
    rate[7] = 1.0
    every = np.ones((3, K), dtype=np.bool_)
    X = np.random.default_rng(1).standard_normal((3, D))
    heard, deaf = _lived("personalizer", rate, 10, 150), _lived("personalizer", rate, 10, 150, after=1.5)
    pmf = _pmf(heard, X, every)
    assert pmf[:, 7] == pytest.approx(0.8 + 0.2 / K) and pmf[:, 0] == pytest.approx(0.2 / K)
    assert _pmf(deaf, X, every).max() < 0.8


def test_pega_reaches_two_percent_with_a_new_action_and_everyone_at_200_positives() -> None:
    X, every = np.zeros((1, D)), np.ones((1, K), dtype=np.bool_)
    fresh = np.mean([_pmf(_new("pega", seed), X, every)[0, 0] for seed in range(12)])
    assert fresh == pytest.approx(0.98 ** (K - 1), abs=0.08)
    mature = _lived("pega", np.full(K, 0.9), rounds=12)
    assert _pmf(mature, X, every)[0, 0] == 0.0


def test_aampe_believes_of_each_customer_what_that_customer_did() -> None:
    made, chance = _new("aampe"), np.random.default_rng(5)
    X, action = chance.standard_normal((40, D)), np.full(40, 1)
    other = next(a for a in range(1, K) if not (ACTIONS.features[1] * ACTIONS.features[a]).any())
    for day in range(30):
        made.sent(Sent(day, np.arange(40), X, action if day % 2 else np.full(40, other), np.full(40, 0.5)))
        rows = np.arange(20) if day % 2 else np.arange(20, 40)
        made.hear(day + 1, _heard(np.full(20, day), rows))
    two = np.zeros((40, K), dtype=np.bool_)
    two[:, [1, other]] = True
    X[:, -1] = 0.0  # what is not steady does not make another customer of one
    pmf = _pmf(made, X, two)
    assert (pmf[:20, 1] > 0.9).all() and (pmf[20:, other] > 0.9).all()


@cache
def _ours() -> Season:
    return run(world("newsletter"), 80, 3, 1)


@pytest.mark.parametrize("name", sorted(CLONES))
def test_a_season_is_the_engines_and_says_that_it_is_a_clones(name: str) -> None:
    lived = run(world("newsletter"), 80, 3, 1, PolicySpec(f"clone:{name}"), chunk=50)
    assert lived.audit.violations == 0 and lived.policy == f"clone:{name}"
    told_of = document(lived)
    assert told_of["clone"].startswith("documented-behaviour clone: ")
    again = run(world("newsletter"), 80, 3, 1, PolicySpec(f"clone:{name}"))
    assert document(again) == told_of
    ours = _ours()
    assert document(ours)["clone"] is None
    for arm in ("random", "bau", "holdout"):
        assert lived.rung(arm) == ours.rung(arm)  # type: ignore[arg-type]


def test_the_command_says_that_a_clone_is_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cli.VERBS, "simulate", "simulator.simulate_command:simulate")
    monkeypatch.setenv("COLUMNS", "80")
    line = ["simulate", "null", "--customers", "60", "--days", "3", "--policy", "clone:dynamic_yield"]
    assert cli.main(line) == 0
    out = capsys.readouterr().out
    assert "clone:dynamic_yield: documented-behaviour clone" in out
    assert max(len(one) for one in out.splitlines()) <= 80 and "…" not in out
    assert cli.main([*line, "--json"]) == 0
    assert "documented-behaviour clone" in json.loads(capsys.readouterr().out)[0]["clone"]
    assert cli.main([*line[:-1], "clone:pga"]) == 2
    assert "Did you mean 'clone:pega'?" in capsys.readouterr().err


def test_what_is_no_clone_has_nothing_told_of_it() -> None:
    assert told("linear") is None
    with pytest.raises(NotFoundError, match="clone:pegga"):
        told("clone:pegga")
