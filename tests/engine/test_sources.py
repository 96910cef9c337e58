"""What one source of outcomes can move."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from engine.calendar import microseconds
from engine.cli import main
from engine.domain import Cap
from engine.erase import buried, erase
from engine.learn import learn
from engine.relearn import relearn
from engine.store import Store, open_store, outcomes, quarantine
from engine.store.rows import OutcomeRow
from engine.track import IdentifyEvent, track
from tests.engine.programs import AT, applied, ask, people, settled, spring
from tests.engine.test_learn import DAY, MATURE
from tests.engine.test_relearn import LEVELS_ONLY, body

HOUR = timedelta(hours=1)
LIMITED = LEVELS_ONLY.replace(
    "window: 7 days", "window: 7 days\n  per_source: {shop: 1000 per day, others: 3 per day}"
)


def sent(c: Connection, number: int, who: str, source: str, hours: int = 1, kind: str = "purchase") -> None:
    """A purchase of 10 + number, arrived so many hours after the decisions, in the order of calls."""
    at_us = microseconds(AT + HOUR)
    row = OutcomeRow(
        f"e{number}", None, who, kind, 10.0 + number, at_us, at_us + hours * 3_600_000_000, source
    )
    outcomes.append_outcomes(c, [row])


def decided(c: Connection, text: str = LIMITED, n: int = 12, but: str = "") -> None:
    applied(c, text)
    people(c, n)
    settled(ask(c, [f"c{i}" for i in range(n) if f"c{i}" != but]))


def test_a_source_teaches_no_more_than_its_limit_and_what_it_sent_first_counts(store: Store) -> None:
    with store.write() as c:
        decided(c)
        for i in range(6):
            sent(c, i, f"c{i}", "web")
            sent(c, 100 + i, f"c{i + 6}", "shop")
        lesson = learn(c, "spring", MATURE)
        assert lesson.held == {"web": 3}
        odd = quarantine.listed(c, "spring", 9)
        assert {one.customer for one in odd} == {"c3", "c4", "c5"}
        assert odd[0].reason == (
            "1 outcome of source web not learnt: it sent more than 3 in the time of per_source"
        )
        limited = body(c)
        assert relearn(c, "spring", MATURE).held == {"web": 3}
        assert body(c) == limited
        c.rollback()
    with store.write() as c:
        decided(c)
        for i in range(6):
            if i < 3:
                sent(c, i, f"c{i}", "web")
            sent(c, 100 + i, f"c{i + 6}", "shop")
        assert learn(c, "spring", MATURE).held == {}
        assert body(c) == limited


def test_a_new_time_counts_anew_and_what_is_worth_nothing_is_not_counted(store: Store) -> None:
    with store.write() as c:
        decided(c)
        for i in range(3):
            sent(c, i, f"c{i}", "web", 1)
            sent(c, 10 + i, f"c{i}", "web", 1, "delivered")
            sent(c, 20 + i, f"c{i + 3}", "web", 25)
        assert learn(c, "spring", MATURE).held == {}


def test_what_nobody_sent_has_no_limit(store: Store) -> None:
    with store.write() as c:
        decided(c)
        for i in range(12):
            sent(c, i, f"c{i}", "")
        assert learn(c, "spring", MATURE).held == {}


EVENTS = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["web", "app"])), max_size=14)


@settings(max_examples=12, deadline=None)
@given(EVENTS, st.integers(0, 14))
def test_late_and_early_outcomes_are_learnt_as_if_all_had_been_there(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[int, str]], cut: int
) -> None:
    kept = []
    for early in (cut, len(events)):
        store = open_store(tmp_path_factory.mktemp("late") / "store.db")
        with store.write() as c:
            decided(c, n=6)
            for i, (who, source) in enumerate(events[:early]):
                sent(c, i, f"c{who}", source)
            learn(c, "spring", MATURE)
            for i, (who, source) in enumerate(events[early:], start=early):
                sent(c, i, f"c{who}", source)
            learn(c, "spring", MATURE + DAY)
            kept.append(body(c))
        store.close()
    assert kept[0] == kept[1]


@settings(max_examples=12, deadline=None)
@given(EVENTS)
def test_who_is_erased_took_no_place_of_anybody(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[int, str]]
) -> None:
    kept = []
    for there in (True, False):
        store = open_store(tmp_path_factory.mktemp("erased") / "store.db")
        with store.write() as c:
            decided(c, n=6, but="" if there else "c0")
            for i, (who, source) in enumerate(events):
                if there or who:
                    sent(c, i, f"c{who}", source)
            learn(c, "spring", MATURE)
            if there:
                erase(c, "c0", buried(), MATURE)
                learn(c, "spring", MATURE + DAY)
            kept.append((body(c), [one.customer for one in quarantine.listed(c, "spring", 99)]))
        store.close()
    assert kept[0] == kept[1]


def test_somebody_no_program_decided_for_gives_their_place_back_too(store: Store) -> None:
    with store.write() as c:
        decided(c, n=6)
        track(c, [IdentifyEvent("stranger")], 0)
        for i in range(3):
            sent(c, i, "stranger", "web")
        sent(c, 9, "c1", "web")
        assert learn(c, "spring", MATURE).held == {"web": 1}
        erase(c, "stranger", buried(), MATURE)
        assert learn(c, "spring", MATURE + DAY).corrected == 1
        assert quarantine.listed(c, "spring", 9) == []


def test_one_limit_holds_for_every_source() -> None:
    goal = spring(LEVELS_ONLY.replace("window: 7 days", "window: 7 days\n  per_source: 20000 per day")).goal
    assert goal.per_source == {"others": Cap(20_000, timedelta(days=1))}


def test_a_file_is_a_source_and_the_lesson_tells_what_was_held(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = open_store(tmp_path / "nextbest.db")
    with store.write() as c:
        decided(c)
    store.close()
    lines = [
        f'{{"type":"outcome","event":"e{i}","customer":"c{i}","kind":"purchase",'
        f'"at":"{(AT + HOUR).isoformat()}","value":5}}'
        for i in range(5)
    ]
    (tmp_path / "events.jsonl").write_text("\n".join(lines))
    named = ["--store", str(tmp_path / "nextbest.db"), "--at", MATURE.isoformat()]
    assert main(["track", str(tmp_path / "events.jsonl"), "--source", "website", *named]) == 0
    assert main(["learn", "-p", "spring", *named]) == 0
    assert "2 outcomes of source website not learnt: it sent more than the goal's per_source." in (
        capsys.readouterr().out
    )
