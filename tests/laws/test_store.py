"""Laws of the store: what must hold for any rows, in any order, in any batches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from engine.store import Store, open_store
from engine.store.assignments import assignments, put_assignments
from engine.store.customers import customer_ids, customers, put_customers
from engine.store.decisions import append_decisions, contacts, decision, decisions_by_key, decisions_iter
from engine.store.learning import changed, mark_learnt
from engine.store.outcomes import append_outcomes, outcomes_iter, outcomes_of
from engine.store.predictions import predictions, put_predictions
from engine.store.rows import ContactRow, CustomerRow, DecisionRow, DueRow, LearntRow, OutcomeRow
from tests.store import made
from tests.store.made import due

quick = settings(deadline=None, max_examples=60)
ids = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=128)
few = st.sampled_from(["a", "b", "c"])
times = st.integers(0, 40)
json_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8")),
    st.lists(st.integers(0, 9), max_size=3),
)
objects = st.dictionaries(st.sampled_from("pqrs"), json_values, max_size=4)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = open_store(tmp_path_factory.mktemp("laws") / "store.db")
    yield opened
    opened.close()


class Undo(Exception):
    pass


@contextmanager
def undone(store: Store) -> Iterator[Connection]:
    """A write transaction that leaves the store empty for the next example."""
    try:
        with store.write() as c:
            yield c
            raise Undo
    except Undo:
        pass


def batches(rows: list[Any], sizes: list[int]) -> Iterator[list[Any]]:
    """The rows in pieces of the given sizes, the rest in one."""
    for size in sizes:
        yield rows[:size]
        rows = rows[size:]
    yield rows


sizes = st.lists(st.integers(0, 4), max_size=4)


@quick
@given(stored=st.sets(ids, max_size=8), others=st.sets(ids, max_size=8))
def test_any_id_finds_its_own_customer_and_no_other(store: Store, stored: set[str], others: set[str]) -> None:
    with undone(store) as c:
        put_customers(c, [made.customer(one, attributes={"me": one}) for one in stored])
        found = customers(c, [*others, *stored, *stored])
        assert {one: row.attributes["me"] for one, row in found.items()} == {one: one for one in stored}
        assert list(customer_ids(c)) == sorted(stored, key=lambda one: one.encode())


patches = st.lists(
    st.builds(CustomerRow, few, objects, objects, st.sampled_from([None, "UTC", "Europe/Oslo"]), times),
    max_size=10,
)


@quick
@given(rows=patches, sizes=sizes)
def test_patches_add_up_to_the_same_customer_in_any_batches(
    store: Store, rows: list[CustomerRow], sizes: list[int]
) -> None:
    expected: dict[str, dict[str, Any]] = {}
    for row in rows:
        known = expected.setdefault(row.id, {})
        known.update(row.attributes)
        expected[row.id] = {name: value for name, value in known.items() if value is not None}
    with undone(store) as c:
        for piece in batches(rows, sizes):
            put_customers(c, piece)
        found = customers(c, ["a", "b", "c"])
    assert {one: row.attributes for one, row in found.items()} == expected
    for one, row in found.items():
        zones = [patch.zone for patch in rows if patch.id == one and patch.zone is not None]
        assert row.zone == (zones[-1] if zones else None)


@quick
@given(
    pairs=st.lists(st.tuples(few, st.sampled_from(["policy", "holdout", "bau"])), max_size=12), sizes=sizes
)
def test_the_first_arm_stands_for_ever(store: Store, pairs: list[tuple[str, str]], sizes: list[int]) -> None:
    with undone(store) as c:
        for piece in batches(pairs, sizes):
            put_assignments(c, [made.assignment(customer, arm=arm) for customer, arm in piece])
        put_assignments(c, [made.assignment("a", arm="random", program="autumn")])
        assert assignments(c, "spring", ["a", "b", "c", "d"]) == dict(reversed(pairs))


scores = st.lists(st.tuples(few, st.sampled_from(["churn", "clv"]), times), max_size=15)


@quick
@given(dated=scores, sizes=sizes)
def test_the_newest_score_is_read_whatever_the_order_of_arrival(
    store: Store, dated: list[tuple[str, str, int]], sizes: list[int]
) -> None:
    rows = [
        made.prediction(customer, model=model, as_of_us=at, score=float(number))
        for number, (customer, model, at) in enumerate(dated)
    ]
    expected: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda one: one.as_of_us):
        expected.setdefault(row.customer, {})[row.model] = row
    with undone(store) as c:
        for piece in batches(rows, sizes):
            put_predictions(c, piece)
        assert predictions(c, ["a", "b", "c"]) == expected


free = st.one_of(st.none(), ids)
decided = st.builds(
    made.decision,
    number=st.integers(1, 2**40),
    id=st.uuids().map(lambda one: one.hex),
    key=ids,
    program=ids,
    customer=ids,
    snapshot_version=st.one_of(st.none(), st.integers(1, 2**62)),
    send_at_us=st.one_of(st.none(), st.integers(-(2**62), 2**62)),
    at_us=st.integers(-(2**62), 2**62),
    contact=st.booleans(),
    explored=st.booleans(),
    propensity=st.floats(0, 1, exclude_min=True),
    value=st.one_of(st.none(), st.floats(allow_nan=False)),
    fallback=free,
    withheld=free,
    situation=st.binary(max_size=50),
    feasible=st.binary(max_size=50),
)
logs = st.lists(decided, max_size=6, unique_by=(lambda row: row.id, lambda row: (row.program, row.key)))


def logged(row: DecisionRow) -> list[Any]:
    return [getattr(row, name) for name in DecisionRow.__slots__ if name != "seq"]


@quick
@given(rows=logs, sizes=sizes)
def test_every_decision_comes_back_bit_for_bit_by_key_by_id_and_in_order(
    store: Store, rows: list[DecisionRow], sizes: list[int]
) -> None:
    with undone(store) as c:
        for piece in batches(rows, sizes):
            append_decisions(c, piece)
        for row in rows:
            by_id = decision(c, row.id)
            assert by_id is not None and logged(by_id) == logged(row)
            assert decisions_by_key(c, row.program, [row.key]) == {row.key: by_id}
            of_program = [one for one in rows if one.program == row.program]
            assert [logged(one) for one in decisions_iter(c, row.program, 0, 99)] == [
                logged(one) for one in of_program
            ]


@quick
@given(
    rows=st.lists(st.tuples(few, times, times, st.booleans()), max_size=12),
    asked=st.lists(few, max_size=4),
    since=times,
)
def test_contacts_are_the_log_filtered(
    store: Store, rows: list[tuple[str, int, int, bool]], asked: list[str], since: int
) -> None:
    with undone(store) as c:
        append_decisions(
            c,
            [
                made.decision(number, customer=customer, at_us=at, send_at_us=sent, contact=contact)
                for number, (customer, at, sent, contact) in enumerate(rows)
            ],
        )
        found = contacts(c, asked, since)
    expected = [
        ContactRow(customer, sent, "spring", "sale", "email")
        for customer, _, sent, contact in rows
        if contact and customer in asked and sent >= since
    ]
    assert sorted(found, key=str) == sorted(expected, key=str)


@quick
@given(events=st.lists(st.sampled_from("uvwxyz"), max_size=20), sizes=sizes)
def test_events_count_once_in_any_batches(store: Store, events: list[str], sizes: list[int]) -> None:
    with undone(store) as c:
        counts = [
            append_outcomes(c, [made.outcome(event) for event in piece]) for piece in batches(events, sizes)
        ]
        arrived = [row.event for _, row in outcomes_iter(c, 0, 99)]
    assert arrived == list(dict.fromkeys(events))
    assert sum(counts) == len(arrived)


WINDOW = 10
near = st.sampled_from("ab")
soon = st.integers(0, 16)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("decide"), near, soon, st.sampled_from([None, None, "priority"])),
        st.tuples(st.just("outcome"), near, soon, st.sampled_from([None, 1, 1, 2, 3])),
        st.tuples(st.just("read"), st.integers(1, 5)),
        st.tuples(st.just("mark")),
    ),
    min_size=4,
    max_size=25,
)


class Learner:
    """What should be due and changed, by definition. Nothing is decided before what happened already."""

    def __init__(self, c: Connection) -> None:
        self.c = c
        self.clock = 0
        self.decisions: list[DecisionRow] = []
        self.outcomes: list[OutcomeRow] = []
        self.learnt: dict[int, set[str]] = {}
        self.reading: list[tuple[DueRow, set[str]]] = []

    def belonging(self, seq: int) -> set[str]:
        row = self.decisions[seq - 1]
        return {
            one.event
            for one in self.outcomes
            if one.customer == row.customer
            and row.at_us <= one.at_us <= row.at_us + WINDOW
            and one.decision in (None, row.id)
        }

    def decide(self, customer: str, after: int, fallback: str | None) -> None:
        number = len(self.decisions) + 1
        self.clock += 1 + after // 4
        row = made.decision(number, customer=customer, at_us=self.clock, fallback=fallback)
        append_decisions(self.c, [row])
        self.decisions.append(row)

    def outcome(self, customer: str, at: int, named: int | None) -> None:
        cause, at = None if named is None else f"{named:032x}", min(at, self.clock)
        row = made.outcome(f"e{len(self.outcomes)}", customer=customer, at_us=at, decision=cause)
        append_outcomes(self.c, [row])
        self.outcomes.append(row)

    def read(self, limit: int) -> None:
        rows = [*due(self.c, "spring", 10**9, limit), *changed(self.c, "spring", limit)]
        self.reading = [(row, self.belonging(row.seq)) for row in rows]

    def mark(self) -> None:
        rows = [LearntRow(row.seq, 0.0, 1, row.at_us + WINDOW, row.seen) for row, _ in self.reading]
        mark_learnt(self.c, rows)
        self.learnt.update({row.seq: events for row, events in self.reading})

    def check(self) -> None:
        able = [seq for seq, row in enumerate(self.decisions, 1) if row.fallback is None]
        expected_due = {seq for seq in able if seq not in self.learnt}
        expected_changed = {seq for seq, events in self.learnt.items() if events != self.belonging(seq)}
        assert {row.seq for row in due(self.c, "spring", 10**9, 99)} == expected_due
        assert {row.seq for row in changed(self.c, "spring")} == expected_changed
        everything = outcomes_of(self.c, range(1, len(self.decisions) + 1), WINDOW)
        assert {seq: {one.event for one in rows} for seq, rows in everything.items()} == {
            seq: self.belonging(seq) for seq in range(1, len(self.decisions) + 1) if self.belonging(seq)
        }


@settings(deadline=None, max_examples=300)
@given(steps=steps)
def test_a_decision_is_to_be_learnt_exactly_while_its_outcomes_differ_from_those_it_was_learnt_with(
    store: Store, steps: list[tuple[Any, ...]]
) -> None:
    with undone(store) as c:
        learner = Learner(c)
        for verb, *arguments in steps:
            getattr(learner, verb)(*arguments)
            learner.check()
