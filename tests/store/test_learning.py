from __future__ import annotations

from typing import Any

import pytest

from engine.store import Store
from engine.store.decisions import append_decisions
from engine.store.learning import changed, mark_learnt
from engine.store.outcomes import append_outcomes, outcomes_iter, outcomes_of
from engine.store.rows import DueRow, LearntRow
from tests.store.made import decision, due, outcome

SECOND = 1_000_000
WINDOW = 10 * SECOND
ALL = 10**15


def learnt(row: DueRow, reward: float = 0.0) -> LearntRow:
    return LearntRow(row.seq, reward, 99, row.at_us + WINDOW, row.seen)


def test_decisions_are_due_once_they_matured_oldest_first(store: Store) -> None:
    rows = [decision(1, at_us=30), decision(2, at_us=10), decision(3, at_us=20, program="autumn")]
    with store.write() as c:
        append_decisions(c, rows)
        assert [row.seq for row in due(c, "spring", 10, 9)] == []
        assert [row.seq for row in due(c, "spring", 30, 9)] == [2]
        assert [row.seq for row in due(c, "spring", 31, 9)] == [2, 1]
        assert [row.seq for row in due(c, "spring", 31, 1)] == [2]


def test_a_fallback_is_never_due_and_the_holdout_is(store: Store) -> None:
    with store.write() as c:
        held = decision(2, arm="holdout", contact=False, withheld="holdout")
        append_decisions(c, [decision(1, fallback="priority"), held])
        (row,) = due(c, "spring", ALL, 9)
    assert (row.seq, row.arm, row.contact, row.withheld, row.reward) == (2, "holdout", False, "holdout", None)


def test_what_is_learnt_is_neither_due_nor_changed(store: Store) -> None:
    with store.write() as c:
        append_decisions(c, [decision(1), decision(2)])
        append_outcomes(c, [outcome(at_us=2 * SECOND)])
        mark_learnt(c, [learnt(row) for row in due(c, "spring", ALL, 1)])
        assert [row.seq for row in due(c, "spring", ALL, 9)] == [2]
        assert changed(c, "spring") == []


@pytest.mark.parametrize(
    ("given", "reached"),
    [
        ({"at_us": SECOND}, [1]),
        ({"at_us": SECOND + WINDOW}, [1, 2]),
        ({"at_us": SECOND + WINDOW + 1}, [2]),
        ({"at_us": 0}, []),
        ({"at_us": 3 * SECOND, "decision": f"{2:032x}"}, [2]),
        ({"at_us": 3 * SECOND, "decision": f"{7:032x}"}, []),
        ({"at_us": 3 * SECOND, "customer": "c2"}, []),
        ({"at_us": 3 * SECOND, "customer": "c2", "decision": f"{2:032x}"}, []),
        ({"at_us": 30 * SECOND, "decision": f"{2:032x}"}, []),
    ],
)
def test_a_late_outcome_brings_back_just_the_decisions_it_belongs_to(
    store: Store, given: dict[str, Any], reached: list[int]
) -> None:
    with store.write() as c:
        append_decisions(c, [decision(1), decision(2)])
        mark_learnt(c, [learnt(row, reward=-0.5) for row in due(c, "spring", ALL, 9)])
    with store.write() as c:
        append_outcomes(c, [outcome(**given)])
        assert [(row.seq, row.reward) for row in changed(c, "spring")] == [(seq, -0.5) for seq in reached]
        assert sorted(outcomes_of(c, [1, 2], WINDOW)) == reached
        mark_learnt(c, [learnt(row) for row in changed(c, "spring")])
        assert changed(c, "spring") == []


def test_an_outcome_that_comes_between_reading_and_marking_is_not_missed(store: Store) -> None:
    with store.write() as c:
        append_decisions(c, [decision(1)])
    with store.read() as c:
        rows = due(c, "spring", ALL, 9)
    with store.write() as c:
        append_outcomes(c, [outcome(at_us=2 * SECOND, received_us=0)])
    with store.write() as c:
        mark_learnt(c, [learnt(row) for row in rows])
        assert [row.seq for row in changed(c, "spring")] == [1]


def test_an_event_counts_once_whoever_repeats_it(store: Store) -> None:
    with store.write() as c:
        assert append_outcomes(c, [outcome("e1"), outcome("e2"), outcome("e1", value=99.0)]) == 2
    with store.write() as c:
        assert append_outcomes(c, [outcome("e2", value=77.0), outcome("e3")]) == 1
        found = [(row.event, row.value) for _, row in outcomes_iter(c, 0, 9)]
    assert found == [("e1", 10.0), ("e2", 10.0), ("e3", 10.0)]


def test_a_repeated_event_changes_nothing_that_was_learnt(store: Store) -> None:
    with store.write() as c:
        append_decisions(c, [decision(1)])
        append_outcomes(c, [outcome(at_us=2 * SECOND)])
        mark_learnt(c, [learnt(row) for row in due(c, "spring", ALL, 9)])
        append_outcomes(c, [outcome(at_us=2 * SECOND)])
        assert changed(c, "spring") == []


def test_an_outcome_without_a_decision_belongs_to_all_in_whose_window_it_falls(store: Store) -> None:
    with store.write() as c:
        append_decisions(c, [decision(1), decision(2), decision(3, customer="c2")])
        named = outcome("named", at_us=5 * SECOND, decision=f"{1:032x}")
        append_outcomes(c, [named, outcome("open", at_us=4 * SECOND)])
        found = outcomes_of(c, [1, 2, 3], WINDOW)
    events = {seq: [row.event for row in rows] for seq, rows in found.items()}
    assert events == {1: ["open", "named"], 2: ["open"]}


def test_each_program_credits_an_outcome_for_itself(store: Store) -> None:
    with store.write() as c:
        append_decisions(c, [decision(1), decision(2, program="autumn")])
        append_outcomes(c, [outcome(at_us=3 * SECOND)])
        assert sorted(outcomes_of(c, [1, 2], WINDOW)) == [1, 2]
