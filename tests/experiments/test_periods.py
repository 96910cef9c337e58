"""Versions switched by lot are compared period by period, from what the store holds."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from engine.applied import apply_text
from engine.calendar import microseconds
from engine.cli import main
from engine.errors import InputError, RefusedError
from engine.experiments.periods import periods
from engine.experiments.report import Report
from engine.experiments.stored import REWARD
from engine.experiments.switchback import switchback
from engine.program import loads
from engine.store import Store, open_store
from engine.store.decisions import append_decisions
from engine.store.outcomes import append_outcomes
from tests.experiments.programs import DAY, START, TEXT
from tests.experiments.test_campaigns import periods as hours
from tests.store.made import decision, outcome

MIDNIGHT = START - timedelta(hours=8)


def switched(path: Path, versions: list[int], seed: int = 1, also: dict[int, int] | None = None) -> Store:
    """A decision an hour for ten hours of each day, by that day's version; version 3 earns 2 more.

    Days have a demand that wanders; outcomes name their decision and come the next day. `also` are decisions
    made by another version in the evening of a day.
    """
    rng, store, rows, events = np.random.default_rng(seed), open_store(path), [], []
    wander = np.convolve(rng.normal(size=len(versions) + 8), np.ones(8) / 3, "valid")
    for day, version in enumerate(versions):
        evening = (also or {}).get(day)
        for hour in range(10):
            at_us = microseconds(MIDNIGHT + day * DAY + timedelta(hours=hour))
            made = evening if evening and hour > 7 else version
            rows.append(
                decision(
                    len(rows) + 1,
                    customer=f"c{hour}",
                    arm=("policy", "evaluation")[hour % 2],
                    at_us=at_us,
                    send_at_us=at_us,
                    program_version=made,
                )
            )
            value = 2 * (5 + 2.0 * (made == 3) + wander[day] + rng.normal())
            event = {"customer": f"c{hour}", "value": value, "decision": rows[-1].id}
            events.append(outcome(f"e{len(events)}", at_us=at_us + 86_400_000_000, **event))
    with store.write() as connection:
        for number in range(1, 4):
            text = f"{TEXT}# {number}\n"
            apply_text(connection, loads(text.encode(), "spring.yaml"), text.encode(), START)
        append_decisions(connection, rows)
        append_outcomes(connection, events)
    return store


def by_lot(n: int = 60, seed: int = 2) -> list[int]:
    return np.random.default_rng(seed).choice([2, 3], n).tolist()


def read(store: Store, **asked: object) -> Report:
    with store.read() as connection:
        return periods(connection, "spring", MIDNIGHT + 200 * DAY, DAY, **asked)  # type: ignore[arg-type]


def failed(found: Report) -> list[str]:
    return [one.name for one in found.trust if not one.passed]


def test_versions_that_were_switched_by_lot_are_compared(tmp_path: Path) -> None:
    """The first version, in force for a month before, is no part of it, nor are days before the third."""
    store = switched(tmp_path / "s.db", [*([1] * 30), *([2] * 20), *by_lot()])
    found = read(store)
    store.close()
    (comparison,) = found.metrics[0].comparisons
    assert (comparison.arm, comparison.control) == ("version 3", "version 2")
    assert found.trusted and found.verdict.status == "green", found.trust
    assert comparison.reading.absolute.low <= 2 <= comparison.reading.absolute.high
    assert 55 <= sum(found.units.values()) <= 60


def test_the_other_way_round_by_control(tmp_path: Path) -> None:
    store = switched(tmp_path / "s.db", by_lot())
    ahead, back = (read(store, control=one).metrics[0].comparisons[0].reading for one in (2, 3))
    with pytest.raises(InputError, match="--control is 1, must be a version that was switched: 2, 3"):
        read(store, control=1)
    store.close()
    assert ahead.absolute.value == pytest.approx(-back.absolute.value)


def test_a_day_with_two_versions_is_left_out_and_told(tmp_path: Path) -> None:
    lots = by_lot()
    store = switched(tmp_path / "few.db", lots, also={9: 5 - lots[9]})
    found = read(store)
    store.close()
    (check,) = [one for one in found.trust if one.name == "one_version"]
    assert check.passed and check.sentence.startswith("1 of ") and "left out" in check.sentence
    store = switched(tmp_path / "many.db", lots, also={day: 5 - lots[day] for day in range(0, 60, 4)})
    found = read(store)
    store.close()
    assert "one_version" in failed(found) and found.verdict.status == "gray"


def test_versions_that_took_turns_or_stayed_for_weeks_are_no_lots(tmp_path: Path) -> None:
    for name, versions in {"turns": [2, 3] * 20, "weeks": [2] * 10 + [3] * 14 + [2] * 14 + [3] * 14}.items():
        store = switched(tmp_path / f"{name}.db", versions)
        found = read(store)
        store.close()
        assert "by_lot" in failed(found), name


@pytest.mark.parametrize("versions", [[1] * 20, [1] * 20 + [2] * 20, []])
def test_without_a_switch_there_is_nothing_to_compare(versions: list[int], tmp_path: Path) -> None:
    store = switched(tmp_path / "s.db", versions)
    with pytest.raises(RefusedError, match="was not switched back and forth: periods by version are"):
        read(store)
    store.close()


def test_lots_are_seldom_taken_for_no_lots() -> None:
    rng, cries = np.random.default_rng(3), 0
    for _ in range(120):
        frame = hours(rng, 40)
        found = switchback(
            frame, arm="price", control="old", period="hour", metrics=["spent"], allow_negative=["spent"]
        )
        cries += "by_lot" in failed(found)
    assert cries <= 2  # one in a thousand


def test_a_decision_that_cost_more_than_it_brought_is_no_refund(tmp_path: Path) -> None:
    store = switched(tmp_path / "s.db", by_lot())
    with store.write() as connection:
        connection.exec_driver_sql("DELETE FROM outcome WHERE seq % 2 = 0")
    found = read(store)
    store.close()
    assert found.trusted and found.metrics[0].metric == REWARD


def test_the_command_line_reads_periods_from_the_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    switched(tmp_path / "s.db", by_lot()).close()
    asked = ["report", "spring", "--store", str(tmp_path / "s.db"), "--at", "2026-09-01"]
    assert main([*asked, "--period", "day", "--control", "2", "--wash-out", "1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["metrics"][0]["comparisons"][0]["arm"] == "version 3" and told["trust"]["by_lot"]["passed"]
    assert main([*asked, "--period", "1 day", "--expected-split", "2=0.1,3=0.9"]) == 1
    assert "FAILED  Split as promised?" in capsys.readouterr().out
    assert main([*asked, "--period", "1 day"]) == 0
    assert "version 3 raised net reward by" in capsys.readouterr().out
    for wrong, words in (
        (["--period", "1d"], "--period is '1d', must be a length of time such as"),
        (["--period", "day", "--expected-split", "a=1"], "--expected-split has 'a', must be the number"),
        (["--period", "day", "--control", "two"], "--control has 'two', must be the number of a version"),
        (["--period", "day", "--wash-out", "99"], "--wash-out 99 leaves no period of some arm"),
    ):
        assert main([*asked, *wrong]) == 2
        assert words in capsys.readouterr().err
