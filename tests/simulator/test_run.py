"""A season is the real engine in a known world: deterministic, within its constraints, true on average."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from engine.domain import ArmName, PolicySpec
from engine.errors import InputError
from engine.replay import replay
from engine.store import open_store
from engine.store.decisions import decisions_iter
from engine.store.entries import learnt
from simulator.run import program_text, run
from simulator.season import Season
from simulator.season_tables import document
from simulator.worlds import world

HALVES: Mapping[ArmName, float] = {"policy": 0.5, "holdout": 0.5}


@cache
def season(kind: str = "linear", seed: int = 1) -> Season:
    """Retail for 200 customers and ten days, so that two mornings serve what was learnt."""
    return run(world("retail"), 200, 10, seed, PolicySpec(kind))


def test_the_same_seed_is_the_same_season_whatever_the_chunk() -> None:
    again = run(world("retail"), 200, 10, 1, PolicySpec("linear"), chunk=37)
    assert document(again) == document(season())


@pytest.mark.parametrize(("name", "policy"), [("retail", None), ("telco", PolicySpec("clone:pega"))])
def test_a_season_decided_as_batches_is_the_one_decided_one_by_one(
    name: str, policy: PolicySpec | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Charges for contacts among it: they look at the same decisions in either."""
    by_columns = run(world(name), 200, 14, 4, policy)
    monkeypatch.setattr("simulator.ask._by_columns", lambda current, morning: False)
    assert document(run(world(name), 200, 14, 4, policy)) == document(by_columns)


def test_another_seed_is_another_season() -> None:
    assert document(season(seed=2))["ladder"] != document(season())["ladder"]


@pytest.mark.parametrize("kind", ["linear", "uniform", "formula"])
def test_no_constraint_is_violated_and_no_held_out_customer_contacted(kind: str) -> None:
    lived = season(kind)
    assert lived.audit.violations == 0
    assert sum(one.contacts for one in lived.daily) > 300
    assert sum(one.contacts for one in lived.daily if one.arm == "holdout") == 0


def test_nothing_is_learnt_before_a_decision_has_matured() -> None:
    week = run(world("retail"), 60, 8, 1, PolicySpec("linear"))
    assert week.snapshots == 0 and not week.off_policy and "days" in week.refusal
    assert season().snapshots == 2  # on the ninth and tenth morning


def test_policies_of_one_seed_meet_the_same_customers_with_the_same_luck() -> None:
    for arm in ("random", "bau", "holdout"):
        assert season("linear").rung(arm) == season("formula").rung(arm)
    assert season("linear").rung("policy") != season("formula").rung("policy")


def test_the_holdout_lives_through_the_season_in_which_nobody_is_contacted() -> None:
    held = season().rung("holdout")
    assert held is not None and held.true_lift == 0.0 and held.value > 0.0


def test_the_floor_of_the_propensities_is_what_the_policy_promises() -> None:
    floors = {one.arm: one.floor for one in season().daily if one.day == 0}
    assert floors["holdout"] is None and floors["bau"] == 0.0
    assert floors["random"] == pytest.approx(1 / 17)
    assert floors["policy"] is not None and floors["policy"] >= 0.002 / 17 * (1 - 1e-9)


def test_what_the_store_learnt_is_what_happened_in_the_world(tmp_path: Path) -> None:
    path = tmp_path / "season.db"
    lived = run(world("retail"), 120, 12, 3, PolicySpec("linear"), path=path)
    store = open_store(path)
    with store.read() as connection:
        listed, reward, _ = learnt(connection, "retail")
        rows = [float(reward[listed.at_us == at].sum()) for at in np.unique(listed.at_us)]
        logged = decisions_iter(connection, "retail", 0, 2000)
        again = [replay(connection, row.id) for row in logged[::97]]
    store.close()
    happened = [sum(t.reward * t.customers for t in lived.daily if t.day == day) for day in range(4)]
    assert rows == pytest.approx(happened, abs=1e-9)
    assert len(logged) == 120 * 12 and not any(one.differences for one in again)


def test_a_store_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kept.db").write_text("mine")
    with pytest.raises(InputError, match="there already"):
        run(world("null"), 10, 1, 1, path=tmp_path / "kept.db")
    assert (tmp_path / "kept.db").read_text() == "mine"


def test_realised_seasons_have_the_truth_for_their_mean() -> None:
    """Reward less value is noise around 0, over customers of all arms and of many worlds."""
    gaps, spread, customers = [], [], 0
    for seed in range(10, 22):
        lived = run(world("retail"), 200, 4, seed, PolicySpec("uniform"))
        for one in lived.ladder:
            assert one.estimate is None or one.estimate.low < one.estimate.value < one.estimate.high
        reward = sum(one.reward * one.customers for one in lived.daily)
        value = sum(one.value * one.customers for one in lived.daily)
        gaps.append(reward - value)
        spread.append(reward)
        customers += 200
    error = np.std(gaps, ddof=1) / np.sqrt(len(gaps))
    assert abs(np.mean(gaps)) < 4 * error
    assert error < 0.25 * np.mean(spread)  # a test that could have failed


def test_the_estimated_lift_has_the_true_one_for_its_mean() -> None:
    scores = []
    for seed in range(30, 38):
        rung = run(world("retail"), 200, 4, seed, PolicySpec("uniform"), HALVES).rung("policy")
        assert rung is not None and rung.lift is not None
        scores.append((rung.lift.value - rung.true_lift) / ((rung.lift.high - rung.lift.low) / 3.92))
    assert abs(np.mean(scores)) < 4 / np.sqrt(len(scores))
    assert np.max(np.abs(scores)) < 4


def test_where_nothing_works_no_lift_is_claimed() -> None:
    for seed in range(1, 6):
        rung = run(world("null"), 300, 5, seed, arms=HALVES).rung("policy")
        assert rung is not None and rung.lift is not None
        assert rung.lift.low < 0.0 and rung.true_lift < 0.0


def test_the_policy_learns_in_retail() -> None:
    arms: Mapping[ArmName, float] = {"policy": 0.5, "random": 0.4, "holdout": 0.1}
    lived = run(world("retail"), 400, 16, 2, PolicySpec("linear"), arms, every=3)
    truth = {one.found.name: one.value for one in lived.off_policy}
    assert truth["linear"] > truth["uniform"] + 0.01
    assert sum(one.last for one in lived.uses) == pytest.approx(1.0)
    assert set(lived.shares("slot")) == {"now", "tonight"}


def test_policy_and_arms_are_written_into_the_program_that_is_applied() -> None:
    text = program_text(world("null"), 5, PolicySpec("linear", {"waves": 0}), HALVES).decode()
    assert "waves: 0" in text and "holdout: 0.5" in text and "salt: null-5" in text


@pytest.mark.parametrize("name", ["customers", "days", "every", "chunk"])
def test_a_season_of_nothing_is_refused(name: str) -> None:
    given = {"customers": 10, "days": 2, "every": 1, "chunk": 5} | {name: 0}
    with pytest.raises(InputError, match=f"{name} == 0, must be 1 or more"):
        run(
            world("null"),
            given["customers"],
            given["days"],
            1,
            every=given["every"],
            chunk=given["chunk"],
        )
