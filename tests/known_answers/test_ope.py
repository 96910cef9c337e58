"""Estimators against obp 0.4.1's values on the Open Bandit samples, given the same q and weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.ope_classification import judged
from simulator.estimators.base import Rows, Terms, evidence, value
from simulator.estimators.dm import dm
from simulator.estimators.dr import dr
from simulator.estimators.dros import dros
from simulator.estimators.ips import ips
from simulator.estimators.sndr import sndr
from simulator.estimators.snips import snips
from simulator.estimators.switch_dr import switch_dr
from tests.shared import shared

TOLERANCE = 1e-12
FIXTURE = Path(__file__).parents[1] / "fixtures" / "ope_men.npz"
CAMPAIGNS = ("men:random->bts", "men:bts->random", "all:random->bts", "all:bts->random")

# obp 0.4.1, men, random -> bts, reward model in two folds (from obp_values.json, kept for every checkout)
MEN = {
    "ipw": 0.004542678800000009,
    "snipw": 0.004613508072993415,
    "dm": 0.004264677481992772,
    "dr": 0.004610560305521029,
    "sndr": 0.004615953297191805,
    "switch-dr(tau=5)": 0.004362033342211343,
    "dr-os(lambda=100)": 0.004676008501955991,
}


def rows(path: Path, folds: int) -> Rows:
    with np.load(path) as stored:
        reward, weight = stored["reward"].astype(np.float64), stored["weight"]
        q, baseline = stored[f"q_factual_f{folds}"], stored[f"q_baseline_f{folds}"]
    return Rows(reward, weight, weight, q, baseline)


def ours(name: str, on: Rows) -> Terms:
    """The estimator that obp calls `name`, for example ``switch-dr(tau=5)``."""
    plain = {"ipw": ips, "snipw": snips, "dm": dm, "dr": dr, "sndr": sndr}
    if name in plain:
        return plain[name](on)
    kind, _, tuning = name.rstrip(")").partition("(")
    tuned = {"switch-dr": switch_dr, "dr-os": dros}
    return tuned[kind](on, float(tuning.partition("=")[2]))


@pytest.mark.parametrize("name", MEN)
def test_the_kept_values_of_the_mens_campaign_agree(name: str) -> None:
    assert value(ours(name, rows(FIXTURE, 2))) == pytest.approx(MEN[name], rel=0, abs=TOLERANCE)


@pytest.mark.parametrize("folds", [1, 2])
@pytest.mark.parametrize("campaign", CAMPAIGNS)
def test_every_value_of_every_campaign_agrees(campaign: str, folds: int) -> None:
    known = json.loads(shared("oracles/ope/obp_values.json").read_text())["campaigns"][campaign]
    expected = known["estimates"][f"n_folds={folds}"]
    stem = campaign.replace(":", "_").replace("->", "_to_")
    on = rows(shared(f"oracles/ope/obd_{stem}.npz"), folds)
    found = {name: value(ours(name, on)) for name in expected if name != "rm"}
    assert found == pytest.approx({n: v for n, v in expected.items() if n != "rm"}, rel=0, abs=TOLERANCE)


@pytest.mark.parametrize("name", MEN)
def test_the_mean_of_the_terms_is_the_estimate(name: str) -> None:
    on = rows(FIXTURE, 2)
    terms = ours(name, on)
    found = evidence(terms, on.reward - on.q, None)
    assert found.term.mean() == pytest.approx(value(terms), rel=1e-12)


def test_effective_sample_sizes_agree() -> None:
    known = json.loads(shared("oracles/ope/obp_values.json").read_text())["campaigns"]["men:random->bts"]
    weight = rows(FIXTURE, 2).weight
    assert weight.sum() ** 2 / (weight @ weight) == pytest.approx(known["weights"]["ess"], rel=1e-12)


def test_on_classification_logs_the_default_is_as_good_as_the_best_of_four() -> None:
    for name in ("penbased", "mushroom"):
        found = judged(shared(f"data/multiclass/{name}.csv.gz"), seeds=4)
        assert found["worse"] <= 0.05 or found["sure"] < 2
