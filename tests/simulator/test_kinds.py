"""Intervals and estimators chosen by name, and what each of them must be told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.errors import InputError
from simulator.choice import choice
from simulator.evaluate import evaluate
from simulator.evaluation import PolicyValue
from simulator.interval.kinds import KINDS
from simulator.logs import Log
from simulator.method import Method
from tests.simulator.bandits import logged


def shown(log: Log, **how: Any) -> PolicyValue:
    return evaluate(log, ["constant:a1", "uniform"], against="uniform", method=Method(**how)).policies[0]


@pytest.mark.parametrize("kind", KINDS)
def test_every_interval_holds_the_truth_and_the_lift(kind: str) -> None:
    log, q = logged(1, n=5000)
    one = shown(log, interval=kind, level=0.99)
    assert one.low is not None and one.high is not None
    assert one.low < q[:, 1].mean() < one.high
    assert one.lift.low is not None and one.lift.high is not None and one.lift.value is not None
    assert one.lift.low < (q[:, 1] - q.mean(axis=1)).mean() < one.lift.high
    assert one.lift.low < one.lift.value < one.lift.high


def test_what_holds_for_certain_is_wider_and_in_this_order() -> None:
    log, _ = logged(2, n=5000)
    width = {
        kind: (one.high or 0.0) - (one.low or 0.0)
        for kind in KINDS
        for one in [shown(log, interval=kind, estimators=("ips",))]
    }
    assert width["student"] == pytest.approx(width["gamma"], rel=0.03)
    assert width["student"] == pytest.approx(width["bootstrap"], rel=0.1)
    assert width["student"] < 1.2 * width["likelihood"] < 2.0 * width["anytime"]
    assert width["anytime"] < width["bernstein"] * 2


def test_anytime_reads_the_rows_in_the_order_of_time() -> None:
    log, _ = logged(3, n=2000)
    order = np.random.Generator(np.random.PCG64(4)).permutation(2000)
    columns = {name: getattr(log, name)[order] for name in ("X", "action", "propensity", "reward", "mask")}
    mixed = replace(log, frame=log.frame[order], at=np.arange(2000)[order], **columns)
    one, other = (shown(each, interval="anytime") for each in (replace(log, at=np.arange(2000)), mixed))
    assert (one.low, one.high) == pytest.approx((other.low, other.high), rel=1e-12)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"interval": "gama"}, "There is no interval 'gama'. Did you mean 'gamma'?"),
        (
            {"interval": "likelihood", "estimators": ("dr",)},
            "interval likelihood is not made for the estimator dr",
        ),
        ({"interval": "bernstein", "estimators": ("snips",)}, "take --estimator dr or ips or dm"),
        (
            {"interval": "anytime", "limits": (0.2, 1.0)},
            "reward limits are 0.2,1, but the log has rewards from 0",
        ),
    ],
)
def test_what_does_not_go_together_is_told(how: dict[str, Any], said: str) -> None:
    log, _ = logged(5, n=500)
    with pytest.raises(InputError) as told:
        shown(log, **how)
    assert said in str(told.value)


@pytest.mark.parametrize("kind", ["bernstein", "likelihood", "anytime"])
def test_rewards_without_known_limits_are_refused_where_limits_count(kind: str) -> None:
    log, _ = logged(6, n=3000)
    money = replace(log, reward=log.reward * 7.5)
    with pytest.raises(InputError, match="must know between which limits every reward lies"):
        shown(money, interval=kind)
    assert shown(money, interval=kind, limits=(0.0, 10.0)).value is not None


@pytest.mark.parametrize("kind", ["likelihood", "anytime"])
def test_clusters_are_refused_where_every_row_counts(kind: str) -> None:
    log, _ = logged(7, n=900)
    with pytest.raises(InputError, match="counts every row as independent"):
        shown(replace(log, cluster=np.arange(900) // 3), interval=kind)


def test_the_automatic_choice_has_the_smallest_error_and_says_so() -> None:
    log, _ = logged(8, n=3000, logging=np.array([0.05, 0.15, 0.8]))
    one = shown(log, estimators=("auto", "dm"))
    se = {each.estimator: each.se for each in one.estimates if each.se is not None}
    assert list(se) == ["calibrated", "dr", "sndr", "snips", "ips", "dm"]
    assert one.chosen == min(("calibrated", "dr", "sndr", "snips", "ips"), key=lambda name: se[name])
    assert one.why.startswith("smallest standard error") and "dm" not in one.why


def test_a_tie_goes_to_the_doubly_robust_and_the_model_alone_is_never_chosen() -> None:
    assert choice("auto", {"dr": 1.0, "ips": 1.0, "dm": 0.1})[0] == "dr"
    assert choice("calibrated", {}) == ("calibrated", "the default")
    assert choice("ips", {}) == ("ips", "as asked for")


def test_offcem_and_mips_are_of_one_value_where_the_model_says_nothing() -> None:
    log, q = logged(9, n=6000, k=4)
    pairs = np.repeat(np.eye(2), 2, axis=0)
    known = replace(log, logging=np.full(log.mask.shape, 0.25), embedding=pairs)
    found = evaluate(known, ["constant:a1"], ["offcem", "mips", "dr"]).policies[0]
    by = {each.estimator: each for each in found.estimates}
    assert by["offcem"].value == pytest.approx(q[:, 1].mean(), abs=0.06)
    assert (by["offcem"].se or 1.0) < (by["dr"].se or 0.0)
