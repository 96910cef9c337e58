"""The guardrail of a step: harm is found, chance is not taken for it, the last good snapshot serves again."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection

from engine import cli, guard
from engine.api.metrics import Metrics
from engine.api.teacher import Teacher
from engine.calendar import microseconds
from engine.errors import RefusedError
from engine.learn import learn
from engine.live import live
from engine.published import roll_back
from engine.relearn import relearn
from engine.store import Store, open_store, outcomes, snapshots
from engine.store.audit import audit
from engine.store.rows import OutcomeRow
from tests.engine.programs import AT, TEXT, applied, ask, people, settled
from tests.engine.test_learn import DAY

N = 400
ARMS = TEXT.replace("{policy: 0.5, random: 0.2, bau: 0.1, holdout: 0.2}", "{policy: 0.5, bau: 0.5}")
STEPPED, LATER = AT + 8 * DAY, AT + 11 * DAY


def stepped(connection: Connection, share: float) -> None:
    """A policy learnt, then learnt afresh; since then that share of its customers left, 2 % of others."""
    applied(connection, ARMS)
    names, chance = people(connection, N), np.random.default_rng(3)
    settled(ask(connection, names))
    learn(connection, "spring", STEPPED)
    relearn(connection, "spring", STEPPED)
    made = settled(ask(connection, names, STEPPED + DAY, "next"))
    left = [one.row for one in made if chance.random() < (share if one.row.arm == "policy" else 0.02)]
    at_us = microseconds(STEPPED + 2 * DAY)
    rows = [OutcomeRow(f"u:{row.id}", None, row.customer, "unsubscribe", 0.0, at_us, at_us) for row in left]
    outcomes.append_outcomes(connection, rows)


def test_harm_since_the_step_is_found_and_no_harm_is_not(store: Store) -> None:
    with store.write() as connection:
        stepped(connection, 0.2)
        found = guard.guard(connection, "spring", LATER)
        assert found.step is not None and (found.step.version, found.step.before) == (2, 1)
        assert [one.metric for one in found.looks if one.harm] == ["unsubscribe", guard.WORTH]
        assert "against bau" in found.harm
        connection.rollback()
    with store.write() as connection:
        stepped(connection, 0.02)
        found = guard.guard(connection, "spring", LATER)
    assert found.step is not None and found.harm == ""


def test_what_happened_before_the_step_is_no_harm_of_it(store: Store) -> None:
    with store.write() as connection:
        stepped(connection, 0.2)
        learn(connection, "spring", LATER + 10 * DAY)
        relearn(connection, "spring", LATER + 10 * DAY)
        settled(ask(connection, [f"c{i}" for i in range(N)], LATER + 11 * DAY, "third"))
        found = guard.guard(connection, "spring", LATER + 12 * DAY)
    assert found.step is not None and found.step.before == 3
    assert found.looks == ()


def test_looking_every_day_chance_is_seldom_taken_for_harm() -> None:
    rng, customers, alarms, runs = np.random.default_rng(20261122), {"policy": 400, "bau": 400}, 0, 300
    for _ in range(runs):
        brought = {arm: np.zeros(n) for arm, n in customers.items()}
        for day in range(1, 29):
            for one in brought.values():
                one += 20.0 * (rng.random(len(one)) < 0.02)
            totals = {guard.WORTH: {arm: list(one[one > 0]) for arm, one in brought.items()}}
            look = guard._look(guard.WORTH, ("bau",), customers, totals, (day * 86_400, 0.0, 0.95))
            if look is not None and look.harm:
                alarms += 1
                break
    assert alarms <= 300 * 0.025 + 3 * np.sqrt(300 * 0.025 * 0.975)
    assert alarms > 0, "a guard that never alarms would find no harm either"


def test_the_verb_goes_back_once_and_learning_waits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "store.db"
    made = open_store(path)
    with made.write() as connection:
        stepped(connection, 0.2)
        first = snapshots.snapshot(connection, "spring", 1)
    line = ["learn", "-p", "spring", "--store", str(path), "--at", LATER.isoformat(), "--guard"]
    assert cli.main([*line, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["snapshot"] == 3 and told["harm"]
    assert cli.main(line) == 0
    assert "Nothing to guard" in capsys.readouterr().out
    with made.read() as connection:
        newest, said = snapshots.snapshot(connection, "spring"), audit(connection, "spring", 1)[0]
        assert newest is not None and first is not None and newest.body == first.body
        assert (said.how, said.version_before, said.changes) == (
            "guardrail",
            1,
            "snapshot 2 -> 3, a copy of 1",
        )
        assert said.note == told["harm"]
    with made.write() as connection, pytest.raises(RefusedError, match="went back to snapshot 1"):
        learn(connection, "spring", LATER + 20 * DAY)
    made.close()


def test_where_there_is_nothing_to_go_back_to_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "store.db"
    made = open_store(path)
    with made.write() as connection:
        stepped(connection, 0.2)
        connection.exec_driver_sql("UPDATE snapshot SET body = x'' WHERE version = 1")
    made.close()
    line = ["learn", "-p", "spring", "--store", str(path), "--at", LATER.isoformat(), "--guard"]
    assert cli.main(line) == 1
    assert "There is no snapshot to go back to" in capsys.readouterr().out


def test_beside_serving_the_last_good_snapshot_is_taken_up_by_itself(tmp_path: Path) -> None:
    made = open_store(tmp_path / "store.db")
    with made.write() as connection:
        stepped(connection, 0.2)

    def clock() -> datetime:
        return LATER

    metrics = Metrics()
    teacher = Teacher(made, 0.01, clock, metrics)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with made.read() as connection:
            if snapshots.newest_version(connection, "spring") == 3:
                break
        time.sleep(0.02)
    teacher.close()
    with made.read() as connection:
        assert snapshots.served_and_learnt(connection, "spring") == (1, 2)
        assert live(connection, "spring").snapshot_version == 3
    made.close()
    told = dict(line.rsplit(" ", 1) for line in metrics.text().decode().splitlines() if line[0] != "#")
    assert told['nextbest_guard_rollbacks_total{program="spring"}'] == "1.0"
    assert told['nextbest_guard_harm{program="spring"}'] == "1.0"
    low = 'nextbest_guard_effect{control="bau",limit="low",metric="unsubscribe",program="spring"}'
    assert float(told[low]) > guard.MARGIN


def test_metrics_of_a_step_go_with_it(store: Store) -> None:
    metrics = Metrics()
    with store.write() as connection:
        stepped(connection, 0.2)
        metrics.guarded("spring", guard.guard(connection, "spring", LATER))
        assert "nextbest_guard_effect{" in metrics.text().decode()
        roll_back(connection, "spring", 1, LATER)
        metrics.guarded("spring", guard.guard(connection, "spring", LATER))
    text = metrics.text().decode()
    assert "nextbest_guard_effect{" not in text and 'nextbest_guard_harm{program="spring"} 0.0' in text


def test_after_going_back_there_is_no_step_to_guard(store: Store) -> None:
    with store.write() as connection:
        stepped(connection, 0.2)
        roll_back(connection, "spring", 1, LATER)
        assert guard.guard(connection, "spring", LATER).step is None
