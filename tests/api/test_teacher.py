from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import engine.api.teacher
from engine.api.app import create_app
from engine.api.metrics import Metrics
from engine.api.teacher import Teacher
from engine.calendar import microseconds
from engine.learn import learn
from engine.published import roll_back
from engine.settings import Settings
from engine.store import Store, open_store, snapshots
from engine.track import OutcomeEvent, track
from tests.api.client import calling
from tests.engine.programs import TEXT, applied, ask, people

LONG_AGO = datetime(2020, 1, 6, 9, tzinfo=UTC)
LATER = LONG_AGO + timedelta(days=30)
PATIENCE_S = 30


def taught(path: Path) -> Store:
    """A store with decisions whose time to be learnt has come."""
    store = open_store(path)
    with store.write() as c:
        applied(c)
        ask(c, people(c, 40), LONG_AGO)
    return store


def newest(store: Store) -> int:
    with store.read() as c:
        return snapshots.newest_version(c, "spring")


def await_snapshot(store: Store) -> None:
    end = time.monotonic() + PATIENCE_S
    while not newest(store) and time.monotonic() < end:
        time.sleep(0.01)
    assert newest(store)


def test_what_has_matured_is_learnt_beside_serving_and_serves(tmp_path: Path) -> None:
    store = taught(tmp_path / "store.db")
    settings = Settings(store=tmp_path / "store.db", deadline_ms=30_000)
    with calling(create_app(settings, learn_every_s=0.01)) as client:
        await_snapshot(store)
        asked = {"customer": "c30", "program": "spring", "key": "k", "at": datetime.now(UTC).isoformat()}
        assert client.decide(asked).json()["fallback"] is False
    store.close()


def test_a_round_that_fails_does_not_end_learning(tmp_path: Path) -> None:
    store = taught(tmp_path / "store.db")
    calls = 0

    def clock() -> datetime:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RuntimeError("a bug")
        return LATER

    teacher = Teacher(store, 0.01, clock)
    await_snapshot(store)
    teacher.close()
    store.close()
    assert calls > 1


class Said:
    """A log that keeps what it is told, by level."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def warning(self, event: str, **what: str) -> None:
        self.lines.append(("warning", what["reason"]))

    def error(self, event: str, **what: object) -> None:
        self.lines.append(("error", event))


def test_what_waits_for_somebody_to_decide_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, said, rounds = taught(tmp_path / "store.db"), Said(), 0
    with store.write() as c:
        learn(c, "spring", LATER, 20)
        learn(c, "spring", LATER, 20)
        roll_back(c, "spring", 1, LATER)

    def clock() -> datetime:
        nonlocal rounds
        rounds += 1
        return LATER

    monkeypatch.setattr(engine.api.teacher, "log", said)
    teacher = Teacher(store, 0.001, clock)
    end = time.monotonic() + PATIENCE_S
    while rounds < 4 and time.monotonic() < end:
        time.sleep(0.01)
    teacher.close()
    store.close()
    ((level, reason),) = said.lines
    assert level == "warning" and "went back to snapshot 1" in reason


def test_what_a_source_sent_beyond_its_limit_is_counted(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store.db")
    limited = TEXT.replace("window: 7 days", "window: 7 days\n  per_source: 3 per day")
    with store.write() as c:
        applied(c, limited)
        ask(c, people(c, 8), LONG_AGO)
        happened = [
            OutcomeEvent(f"e{i}", f"c{i}", "purchase", LONG_AGO + timedelta(hours=1)) for i in range(8)
        ]
        track(c, happened, microseconds(LONG_AGO), "web")
    metrics = Metrics()
    teacher = Teacher(store, 0.01, lambda: LATER, metrics)
    await_snapshot(store)
    teacher.close()
    store.close()
    assert 'nextbest_outcomes_held_total{program="spring",source="web"} 5.0' in metrics.text().decode()
