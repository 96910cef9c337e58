"""The whole line: log to table, on logs whose truth is known and on the Hillstrom campaign."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.errors import InputError
from policies.base import Actions
from simulator.evaluate import evaluate
from simulator.evaluation import Evaluation, PolicyValue
from simulator.logs import Log, read_log
from simulator.targets import Target
from tests.shared import shared
from tests.simulator.bandits import logged

MENS = "constant:Mens E-Mail"
CONTEXT = ["recency", "history", "mens", "womens", "zip_code", "newbie", "channel"]


def hillstrom(reward: str = "visit", propensity: float | str = 1 / 3, context: Sequence[str] = ()) -> Log:
    path = shared("data/hillstrom/hillstrom.csv.gz")
    return read_log(path, context=context, action="segment", propensity=propensity, reward=reward)


def values(one: PolicyValue) -> dict[str, float]:
    return {e.estimator: e.value for e in one.estimates if e.value is not None}


def numbers(tree: Any) -> list[float]:
    if isinstance(tree, dict):
        return [x for branch in tree.values() for x in numbers(branch)]
    if isinstance(tree, list):
        return [x for branch in tree for x in numbers(branch)]
    return [tree] if isinstance(tree, float) else []


def test_every_policy_is_estimated_near_its_true_value() -> None:
    log, q = logged(1, n=9_000)
    found = evaluate(log, ["uniform", "constant:a0", "constant:a1", "learnt"], ["all"], level=0.999)
    for one, truth in zip(found.policies, [q.mean(), q[:, 0].mean(), q[:, 1].mean()], strict=False):
        assert one.verdict == "supported" and one.chosen == "calibrated"
        assert one.low is not None and one.high is not None
        assert one.low < truth < one.high
        assert {n: v for n, v in values(one).items() if abs(v - truth) > 0.03} == {}
    assert found.policies[3].value == pytest.approx(q.max(axis=1).mean(), abs=0.03)


def test_the_value_of_logging_is_what_was_logged_and_its_lift_is_nothing() -> None:
    log, _ = logged(2)
    one = evaluate(log, ["logging"], ["ips", "snips", "dr", "sndr", "calibrated"]).policies[0]
    assert values(one) == pytest.approx(dict.fromkeys(values(one), log.reward.mean()), rel=1e-12)
    assert one.lift.value == pytest.approx(0, abs=1e-12)


def test_a_lift_is_paired_and_tighter_than_two_intervals() -> None:
    log, _ = logged(3, n=5000)
    found = evaluate(log, ["uniform", "constant:a0"], against="constant:a1")
    assert [one.name for one in found.policies] == ["uniform", "constant:a0", "constant:a1"]
    assert [one.lift.against for one in found.policies] == ["constant:a1", "constant:a1", "logged"]
    uniform, _, reference = found.policies
    assert uniform.value is not None and reference.value is not None and uniform.lift.value is not None
    assert uniform.lift.value == pytest.approx(uniform.value - reference.value, abs=1e-12)


def test_the_order_of_the_rows_does_not_matter() -> None:
    log, _ = logged(4, n=1500)
    order = np.random.Generator(np.random.PCG64(5)).permutation(len(log))
    columns = {name: getattr(log, name)[order] for name in ("X", "action", "propensity", "reward", "mask")}
    mixed = replace(log, frame=log.frame[order], **columns)
    targets = ["uniform", "constant:a0", "learnt"]
    one, other = (evaluate(each, targets, ["all"]).as_dict() for each in (log, mixed))
    for shown in (one, other):
        for policy in shown["policies"]:
            del policy["support"]["heaviest"]  # names rows by their place
    assert numbers(other) == pytest.approx(numbers(one), rel=1e-7, abs=1e-9)


def test_a_refused_policy_has_no_number_anywhere() -> None:
    log, _ = logged(6, n=100)
    found = evaluate(log, ["constant:a0", "uniform"], ["all"], against="constant:a0")
    refused, uniform = found.as_dict()["policies"]
    assert refused["verdict"] == "refused" and refused["reason"]
    assert (refused["value"], refused["low"], refused["high"]) == (None, None, None)
    assert all(e[k] is None for e in refused["estimates"] for k in ("value", "low", "high", "se"))
    assert uniform["lift"] == {"value": None, "low": None, "high": None, "against": "constant:a0"}
    assert found.refused


def test_a_target_that_never_meets_the_log_is_refused() -> None:
    log, _ = logged(12, n=300)
    other = np.eye(3)[(log.action + 1) % 3]
    one = evaluate(log, [Target("other", other)], ["all"]).policies[0]
    assert (one.verdict, one.value, one.ess, one.coverage) == ("refused", None, 0.0, 0.0)


@pytest.mark.parametrize("n", [2, 3, 7, 30])
def test_tiny_logs_are_refused_without_a_warning(n: int) -> None:
    log, _ = logged(13, n=n)
    found = evaluate(log, ["uniform", "constant:a0", "learnt", "logging"], ["all"])
    assert {one.verdict for one in found.policies} == {"refused"}
    assert all(math.isfinite(x) for x in numbers(found.as_dict()))


def test_rewards_that_never_vary_have_no_interval_either() -> None:
    log, _ = logged(7)
    found = evaluate(replace(log, reward=np.zeros(len(log))), ["uniform"])
    assert (found.logged.value, found.logged.low, found.logged.high) == (0.0, None, None)
    assert str(found).startswith("2,000 logged decisions earned 0.000 each.\n") and found.refused
    assert "nan" not in found._repr_html_().lower()


def test_the_dict_has_the_fields_of_the_contract_and_is_strict_json() -> None:
    log, _ = logged(7)
    shown = evaluate(log, ["uniform"], ["all"]).as_dict()
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown
    assert list(shown) == ["n", "logged", "policies"]
    assert list(shown["logged"]) == ["value", "low", "high"]
    (one,) = shown["policies"]
    fields = "name verdict reason ess max_weight coverage estimates chosen value low high lift why support"
    fields += " bearing"
    assert list(one) == fields.split()
    assert list(one["estimates"][0]) == ["estimator", "value", "low", "high", "se"]
    assert list(one["lift"]) == ["value", "low", "high", "against"]
    assert all(math.isfinite(x) for x in numbers(shown))


def test_marginal_weights_are_used_where_the_embedding_is_known() -> None:
    log, _ = logged(8, k=4)
    pairs = np.repeat(np.eye(2), 2, axis=0)
    known = replace(log, logging=np.full(log.mask.shape, 0.25), embedding=pairs)
    pmf = np.tile([0.5, 0.0, 0.25, 0.25], (len(log), 1))
    one = evaluate(known, [Target("it", pmf)], ["mips", "ips"]).policies[0]
    assert values(one)["mips"] == pytest.approx(float(log.reward.mean()), abs=1e-12)  # as likely as logged
    assert values(one)["ips"] != pytest.approx(values(one)["mips"], abs=1e-3)
    with pytest.raises(InputError, match="mips needs"):
        evaluate(log, ["uniform"], ["mips"])


def test_clusters_widen_the_interval_of_rewards_that_move_together() -> None:
    log, _ = logged(9, n=3000)
    cluster = np.arange(3000) // 10
    together = replace(log, reward=log.reward[cluster * 10])
    (alone,) = evaluate(together, ["uniform"]).policies
    (grouped,) = evaluate(replace(together, cluster=cluster), ["uniform"]).policies
    assert alone.low is not None and alone.high is not None
    assert grouped.low is not None and grouped.high is not None
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"level": 1.0}, "level is 1.0"),
        ({"estimators": ["drr"]}, "There is no estimator 'drr'. Did you mean 'dr'?"),
        ({"estimators": []}, "No estimator"),
        ({"against": "nobody"}, "There is no policy 'nobody'"),
    ],
)
def test_bad_arguments_are_told(given: dict[str, Any], said: str) -> None:
    log, _ = logged(10, n=200)
    with pytest.raises(InputError) as told:
        evaluate(log, ["uniform"], **given)
    assert said in str(told.value)


def test_snips_of_always_mens_is_the_arms_mean_to_the_last_bit() -> None:
    for reward, propensity in (
        ("visit", 1 / 3),
        ("visit", 0.333333),
        ("conversion", 1 / 3),
        ("spend", 1 / 3),
    ):
        log = hillstrom(reward, propensity)
        arm = log.reward[log.frame["segment"].to_numpy() == "Mens E-Mail"]
        one = evaluate(log, [MENS], ["snips"]).policies[0]
        assert one.value == math.fsum(arm) / len(arm)
        assert one.verdict == "supported" and one.ess == pytest.approx(21307) and one.coverage == 1.0


def test_ips_of_always_mens_is_the_arms_mean_by_its_share_of_rows() -> None:
    log = hillstrom()
    ips = evaluate(log, [MENS], ["ips"]).policies[0].value
    assert ips == pytest.approx(0.182757 * 21307 / 64000 * 3, abs=5e-7)  # .18253: the arm has 21,307 rows
    share = evaluate(hillstrom(propensity="estimate"), [MENS], ["ips"]).policies[0]
    assert share.value == pytest.approx(0.18275684047496127, rel=1e-12) and share.verdict == "weak"


def test_on_hillstrom_nothing_beats_always_mens_and_the_interval_is_the_usual_one() -> None:
    found = evaluate(
        hillstrom(context=CONTEXT), ["uniform", MENS, "constant:No E-Mail", "learnt"], against=MENS
    )
    _, mens, nothing, learnt = found.policies
    assert all(one.verdict == "supported" for one in found.policies)
    assert learnt.lift.low is not None and learnt.lift.high is not None and learnt.lift.value is not None
    assert learnt.lift.low < 0 < learnt.lift.high
    assert abs(learnt.lift.value) < 0.003
    assert nothing.lift.value == pytest.approx(-0.0766, abs=0.002)
    assert nothing.lift.high is not None and nothing.lift.low is not None
    assert nothing.lift.high - nothing.lift.low == pytest.approx(2 * 0.0066, rel=0.02)
    assert mens.value == pytest.approx(0.18276, abs=0.0015)


def test_open_bandit_is_evaluated_or_refused_never_nonsense() -> None:
    for campaign in ("men", "all"):
        path = shared(f"data/open_bandit/random/{campaign}/{campaign}.csv.gz")
        log = read_log(
            path, action="item_id", propensity="propensity_score", reward="click", context=["position"]
        )
        assert log.actions.names[:3] == ("0", "1", "2")
        found = evaluate(log, ["uniform", "constant:0", "learnt"])
        uniform, one_item, learnt = found.policies
        assert uniform.verdict == "supported"
        assert uniform.value == pytest.approx(log.reward.mean(), rel=0.02)
        assert uniform.low is not None and 0 < uniform.low < log.reward.mean()
        assert one_item.bearing < 2 and "rests on about 1 reward;" in str(found).replace("\n", " ")
    assert learnt.verdict in ("weak", "refused")


def test_a_policy_named_by_numbers_is_shown_as_such() -> None:
    log, _ = logged(11)
    log = replace(log, actions=Actions.plain(("1", "2", "3")))
    found: Evaluation = evaluate(log, ["constant:2"])
    assert found.policies[0].name == "constant:2"
