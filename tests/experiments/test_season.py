"""A season whose truth is known, reported from its store: the two ways agree, and the truth is inside."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.calendar import instant
from engine.experiments.program import ProgramReport, report_program
from engine.store import open_store
from engine.store.decisions import decisions_iter
from simulator.run import run
from simulator.season import Season
from simulator.worlds import world


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Season, ProgramReport]:
    path = tmp_path_factory.mktemp("season") / "season.db"
    season = run(world("retail"), 300, 5, 4, arms={"policy": 0.5, "bau": 0.2, "holdout": 0.3}, path=path)
    store = open_store(path)
    with store.read() as connection:
        first = instant(decisions_iter(connection, "retail", 0, 1)[0].at_us)
        found = report_program(connection, "retail", first + timedelta(days=12))
    store.close()
    return season, found


def test_the_store_tells_what_the_season_counted(lived: tuple[Season, ProgramReport]) -> None:
    season, found = lived
    rung = season.rung("policy")
    assert rung is not None and rung.lift is not None
    profit = next(one for one in found.money.amounts if one.name == "net reward")
    assert profit.customer.value == pytest.approx(rung.lift.value, abs=1e-9)
    assert found.money.customers == rung.customers


def test_the_truth_lies_in_the_interval(lived: tuple[Season, ProgramReport]) -> None:
    season, found = lived
    rung = season.rung("policy")
    assert rung is not None and found.reading is not None
    assert found.reading.sequential.low < rung.true_lift < found.reading.sequential.high


def test_a_sound_season_passes_every_check(lived: tuple[Season, ProgramReport]) -> None:
    _, found = lived
    assert [one.name for one in found.trust if not one.passed] == []
    assert found.arms == ("holdout", "bau", "policy")
