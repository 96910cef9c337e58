"""Worlds fitted to logs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine import cli
from engine.errors import InputError
from engine.program import loads
from policies.base import Actions, Floats
from simulator.estimators.base import value
from simulator.estimators.dr import dr
from simulator.evaluate import fit, rows_of
from simulator.like import likeness
from simulator.like_told import assumed, fitted
from simulator.logs import Log
from simulator.method import Method
from simulator.targets import Target
from simulator.truth import response
from simulator.world import World
from simulator.worlds.like import world_like
from tests.simulator.bandits import logged

_DAY_US = 86_400_000_000


def raw(log: Log) -> Log:
    """The log with its contexts among its raw columns, as a file would have them."""
    return replace(log, frame=log.frame.with_columns(x0=log.X[:, 0], x1=log.X[:, 1]))


def truth(world: World, n: int, day: int = 0) -> Floats:
    """(n, k) expected net reward of every action in the world."""
    program = loads(world.program().encode(), "like.yaml")
    return response(world, program, world.customers(n, 1), world.fresh(n), day)


def test_each_actions_mean_is_what_doubly_robust_evaluation_says_of_it() -> None:
    log, _ = logged(1, n=3000, k=4)
    found = likeness(log, nothing="a0")
    judged = fit(log, Method())
    for a in range(4):
        pmf = np.tile(np.eye(4)[a], (len(log), 1))
        wanted = value(dr(rows_of(log, Target("one", pmf), judged.q)))
        assert found.chance[:, a].mean() == pytest.approx(wanted, abs=1e-6)


def test_the_truth_of_the_world_is_near_that_of_the_log_for_each_customer_and_action() -> None:
    log, q = logged(2, n=12_000)
    found = likeness(raw(log), nothing="a0")
    assert float(np.sqrt(np.mean((found.chance - q) ** 2))) < 0.4 * float(q.std())
    made = truth(world_like(found), 4000)
    assert made.mean(axis=0) == pytest.approx(q.mean(axis=0), abs=0.04)


def test_people_are_rows_of_the_log_with_what_is_known_of_them_together() -> None:
    log = raw(logged(3, n=900)[0])
    world = world_like(likeness(log, nothing="a0"))
    people = world.customers(300, seed=4)
    pairs = set(zip(log.X[:, 0].tolist(), log.X[:, 1].tolist(), strict=True))
    assert set(zip(*(people.attributes[name].tolist() for name in ("x0", "x1")), strict=True)) <= pairs
    later = world.customers(100, seed=4, first=200)
    assert later.attributes["x0"].tolist() == people.attributes["x0"][200:].tolist()


def test_names_and_gaps_of_a_log_fit_into_a_program_file() -> None:
    log = logged(5, n=900)[0]
    frame = pl.DataFrame(
        {
            "zip code": ["Rural", None, "Urban"] * 300,
            "Age?": [None, 30, 40] * 300,
            "paid": [1.5, float("nan"), 2.0] * 300,
        }
    )
    titles = ("No E-Mail", "Men's E-Mail", "mens e mail")
    names = ("zip code=Rural", "zip code=Urban", "Age?", "paid")
    log = replace(log, frame=frame, names=names, X=np.random.default_rng(1).random((900, 4)))
    log = replace(log, actions=replace(log.actions, names=titles))
    world = world_like(likeness(log, nothing="No E-Mail"))
    program = loads(world.program().encode(), "like.yaml")
    assert [offer.title for offer in program.offers] == ["Men's E-Mail", "mens e mail"]
    assert len({offer.name for offer in program.offers}) == 2
    known = world.customers(50, 1).attributes
    assert None in known["zip_code"].tolist() and None in known["paid"].tolist()


def test_days_of_the_week_are_fitted_where_the_log_shows_them() -> None:
    log, q = logged(6, n=8000)
    at = np.arange(8000) * (28 * _DAY_US // 8000) + 4 * _DAY_US  # four weeks from a Monday on
    rng = np.random.Generator(np.random.PCG64(1))
    busy = np.where((at // _DAY_US - 4) % 7 >= 5, 1.6, 0.6) * q[np.arange(8000), log.action]
    weekly = replace(log, at=at, reward=(rng.random(8000) < busy).astype(np.float64))
    found = likeness(weekly, nothing="a0")
    assert found.weekday[5:].min() > 1.8 * found.weekday[:5].max()
    assert "Sa 1." in found.days
    assert (likeness(replace(log, at=at), nothing="a0").weekday == 1.0).all()
    assert "less than two weeks" in likeness(replace(log, at=at // 3), nothing="a0").days


def test_money_keeps_the_mean_and_the_spread_of_each_action() -> None:
    log, _ = logged(7, n=6000)
    rng = np.random.Generator(np.random.PCG64(2))
    size = np.array([10.0, 20.0, 40.0])[log.action] * rng.lognormal(-0.5, 1.0, 6000)
    log = replace(log, reward=log.reward * size)
    found = likeness(log, nothing="a0")
    made = truth(world_like(found), 4000).mean(axis=0)
    weight = 1 / log.propensity
    wanted = [float((weight * log.reward)[log.action == a].sum()) / 6000 for a in range(3)]
    assert made == pytest.approx(wanted, rel=0.12)
    assert found.shape is not None and found.shape.mean == pytest.approx(1.0, abs=0.15)


def test_what_was_open_to_few_is_fitted_on_those_and_what_was_never_chosen_is_left_out() -> None:
    log, _ = logged(8, n=3000)
    mask = log.mask.copy()
    mask[log.X[:, 0] > 0.5, 2] = False
    own = mask[np.arange(3000), log.action]
    share = np.where(mask[:, 2], 1 / 3, 1 / 2)
    log = replace(log, mask=mask, propensity=share).rows(own)
    wide = replace(
        log,
        mask=np.column_stack([log.mask, np.ones(len(log), dtype=np.bool_)]),
        actions=Actions.plain((*log.actions.names, "a3")),
    )
    found = likeness(wide, nothing="a0")
    open_to = log.mask[:, 2]
    assert found.actions == ("a1", "a2") and found.left == (("a3", "was never chosen."),)
    assert 0.0 < found.chance[open_to, 2].mean() < 1.0


@pytest.mark.parametrize(
    ("broken", "nothing", "organic", "told"),
    [
        ({}, "", None, "does not show what happens when nothing is sent; name that action with --nothing"),
        ({}, "a9", None, "has no action 'a9'"),
        ({}, "a0", 0.1, "leave --organic out"),
        ({}, "", 1.5, r"organic is 1.5, must be in \[0, 1\)"),
        ({"reward": "minus"}, "a0", None, r"row 1: the reward is -1, must be 0 or more for a world"),
        ({"reward": "same"}, "a0", None, "every reward is 1; a world needs a log in which some differ"),
        ({"propensity": "wrong"}, "a0", None, "sending nothing .'a0'. cannot be fitted"),
        ({"rows": 60}, "", 0.01, "no action of it can be fitted.*effective sample"),
    ],
)
def test_logs_that_cannot_carry_a_world_are_refused_in_words(
    broken: dict[str, object], nothing: str, organic: float | None, told: str
) -> None:
    log, _ = logged(9, n=1500)
    changed = {
        "minus": {"reward": np.where(np.arange(1500) == 0, -1.0, log.reward)},
        "same": {"reward": np.ones(1500)},
        "wrong": {"propensity": np.full(1500, 0.9)},
    }
    for one in broken.values():
        log = log.rows(np.arange(1500) < one) if isinstance(one, int) else replace(log, **changed[str(one)])
    with pytest.raises(InputError, match=told):
        likeness(log, nothing, organic)


def test_without_such_decisions_the_chance_without_contact_is_as_given_and_told() -> None:
    found = likeness(logged(10, n=1500)[0], organic=0.03)
    assert (found.chance[:, 0] == 0.03).all() and len(found.actions) == 3
    assert "chance of 0.03, as given" in " ".join(assumed(found))
    assert "decisions that sent nothing" not in " ".join(fitted(found))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    log = raw(logged(11, n=1200)[0])
    path = tmp_path / "log.csv"
    log.frame.with_columns(p=pl.lit(1 / 3)).write_csv(path)
    return path


def test_a_season_like_a_log_is_lived_and_told_the_same_each_time(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cli.VERBS, "simulate", "simulator.simulate_command:simulate")
    line = ["simulate", "--like", str(file), "--action", "action", "--propensity", "p", "--reward", "reward"]
    line += ["--context", "x0,x1", "--nothing", "a0", "--customers", "120", "--days", "6"]
    told = []
    for _ in range(2):
        assert cli.main([*line, "--json"]) == 0
        told.append(json.loads(capsys.readouterr().out))
    assert told[0] == told[1]
    assert told[0][0]["like"]["fitted"][0].startswith("People: 1,200 of the log's 1,200 rows")
    assert cli.main(line) == 0
    assert "Assumed" in capsys.readouterr().out


def test_a_world_is_named_or_fitted_and_not_both(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["simulate", "retail", "--like", str(file)]) == 2
    assert "Give either the name of a world, or --like" in capsys.readouterr().err
