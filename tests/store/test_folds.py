from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import learn as lessons
from engine import store as package
from engine.batch import Batch, run
from engine.calendar import microseconds
from engine.domain import Program
from engine.erase import erase
from engine.errors import StoreError
from engine.export import decision_tables
from engine.learn import learn, learn_all
from engine.profiles import customer_table
from engine.roster import Table
from engine.situation import decode
from engine.store import (
    Store,
    chosen,
    customers,
    decisions,
    entries,
    flows,
    folded,
    folds,
    open_store,
    outcomes,
    parts,
)
from engine.store.directory import Directory, hashes, id_hashes
from engine.store.rows import OutcomeRow
from engine.store.sent import sent
from tests.engine.programs import AT, TEXT, applied, ask, settled

NEED_NONE = {  # modules that name these tables and never have to look in folds, and why
    "unfolding": "it makes the rows",
    "tables": "it declares them",
    "late": "of learnt decisions, which are rows",
    "ledger": "of decisions that drew on a budget, which batches never fold",
    "outcomes": "of decisions given by their number",
    "quarantine": "of decisions looked at in learning",
    "watched": "of a customer who is erased, whose rows were made before",
    "withdrawn": "of decisions just logged as rows, or read before",
}


def batch(store: Store, n: int, name: str = "monday", first: int = 0, at: datetime = AT) -> Program:
    """n customers, from number `first` on, are decided for."""
    with store.write() as c:
        program = applied(c)
    rows = {"customer": [f"n{i}" for i in range(first, first + n)], "age": [20 + i % 9 for i in range(n)]}
    columns = {**rows, "consent.marketing": [True] * n, "zone": ["Europe/Oslo"] * n}
    table = customer_table(program, pl.DataFrame(columns), "file")
    run(store, Batch(program, name, at), Table(table))
    return program


def counted(store: Store, table: str) -> int:
    with store.read() as c:
        return int(c.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())


def test_whoever_reads_what_may_be_folded_has_it_unfolded() -> None:
    folder = Path(package.__file__).parent
    reads = re.compile(r'table\("(decision|assignment|customer|pending)"\)')
    found = {path.stem: path.read_text() for path in folder.glob("*.py") if reads.search(path.read_text())}
    forgot = {name for name, text in found.items() if "folds." not in text} - set(NEED_NONE)
    assert forgot == set(), f"{forgot}: call engine.store.folds first, or say in NEED_NONE why not"


def test_a_row_is_made_when_it_is_asked_for_and_not_before(store: Store) -> None:
    batch(store, 30)
    assert (counted(store, "decision"), counted(store, "customer"), counted(store, "fold")) == (0, 0, 1)
    with store.read() as c:
        row = decisions.decisions_by_key(c, "spring", ["monday:n7", "monday:nobody", "n7"])["monday:n7"]
        assert decisions.decision(c, row.id) == row
        assert customers.customers(c, ["n7"])["n7"].attributes == {"age": 27}
    assert [counted(store, name) for name in ("decision", "assignment", "customer", "pending")] == [1] * 4
    with store.read() as c:
        log = decisions.decisions_iter(c, "spring", 0, 100)
    assert [one.seq for one in log] == list(range(1, 31)) and row in log
    assert (counted(store, "decision"), counted(store, "fold")) == (30, 0)


def test_a_second_batch_and_the_sums_of_a_report_make_no_rows(store: Store) -> None:
    batch(store, 5)
    batch(store, 7, "tuesday", 0, AT + timedelta(days=1))
    at_us = microseconds(AT + timedelta(days=2))
    with store.read() as c:
        more = folded.decisions(c, "spring")
        units = flows.units(c, "spring", at_us, more)
        assert [(who, decided) for who, _, _, decided, *_ in units] == [
            (f"n{i}", 2 if i < 5 else 1) for i in range(7)
        ]
        sent = sum(count for *_, count in flows.spent(c, "spring", at_us, more))
        assert sent == sum(contacts for *_, contacts, _, _, _ in units) > 0
        assert flows.earned(c, "spring", at_us, more) == []
        assert sum(one.n for one in chosen.stretches(c, "spring", at_us)) <= 12
    assert (counted(store, "decision"), counted(store, "customer")) == (0, 0)
    with store.read() as c:
        folds.everyone(c)
        assert flows.units(c, "spring", at_us, folded.decisions(c, "spring")) == units


def test_what_is_due_is_told_without_making_rows_and_a_fold_whole(store: Store) -> None:
    batch(store, 5)
    batch(store, 6, "tuesday", 3, AT + timedelta(days=1))
    half = microseconds(AT + timedelta(hours=12))
    with store.write() as c:
        decisions.decisions_by_key(c, "spring", ["tuesday:n4"])
        assert entries.due(c, "spring", half, 100).seq.tolist() == [1, 2, 3, 4, 5]
        every = entries.due(c, "spring", half + 10**12, 100)
        assert every.seq.tolist() == list(range(1, 12))
        assert every.fold.tolist() == [1, 1, 1, 1, 0, 2, 0, 3, 3, 3, 3]
        for limit, last in ((1, 4), (5, 5), (6, 6), (7, 7), (8, 11)):
            found = entries.due(c, "spring", half + 10**12, limit)
            assert found.seq.tolist() == list(range(1, last + 1)), limit
        assert entries.newest(c, "spring", half + 10**12, 3).seq.tolist() == [11, 10, 9]
    assert counted(store, "decision") == 2


def test_learning_and_an_export_make_no_rows_but_of_those_whose_outcome_came_late(store: Store) -> None:
    program, ripe = batch(store, 40), AT + timedelta(days=9)
    at_us = microseconds(AT + timedelta(hours=2))
    rows = [OutcomeRow(f"e{i}", None, f"n{i}", "purchase", 30.0, at_us, at_us) for i in range(12)]
    with store.write() as c:
        outcomes.append_outcomes(c, rows[:10])
        lesson = learn(c, "spring", ripe)
        assert (lesson.decisions, lesson.snapshot) == (40, 1)
        assert learn(c, "spring", ripe).snapshot is None
    with store.read() as c:
        going = pl.concat(decision_tables(c, program, AT, ripe))
        assert going["customer"].to_list() == [f"n{i}" for i in range(40)]
        assert going["reward"].mean() == pytest.approx(lesson.mean_reward)
    assert [counted(store, name) for name in ("decision", "learnt", "pending")] == [0, 0, 0]
    with store.write() as c:
        outcomes.append_outcomes(c, rows[10:])
        assert c.exec_driver_sql("SELECT decision FROM late").fetchall() == [(11,), (12,)]
        assert learn(c, "spring", ripe).corrected == 2
    assert [counted(store, name) for name in ("decision", "learnt", "pending", "late")] == [2, 2, 0, 0]


def test_lesson_after_lesson_learns_all_that_is_due(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for day in range(3):
        batch(store, 20, f"day{day}", 0, AT + timedelta(days=day))
    monkeypatch.setattr(lessons, "LIMIT", 25)
    told = learn_all(store, "spring", AT + timedelta(days=20))
    assert (told.decisions, told.snapshot) == (60, 2)
    assert counted(store, "taught") == 3 and counted(store, "decision") == 0


def test_decisions_after_a_fold_come_after_it_in_the_log(store: Store) -> None:
    batch(store, 30)
    with store.write() as c:
        assert settled(ask(c, ["later"]))[0].row.customer == "later"
    batch(store, 5, "tuesday", 30)
    with store.read() as c:
        log = decisions.decisions_iter(c, "spring", 0, 100)
    assert [one.customer for one in log][30:32] == ["later", "n30"]
    assert [one.seq for one in log] == list(range(1, 37))


def test_a_batch_that_is_undone_leaves_no_fold_behind(store: Store) -> None:
    batch(store, 4)
    with pytest.raises(ZeroDivisionError), store.write() as c:
        folds.put(c, 2, "spring", "lost", b"", hashes(["x"]), id_hashes(["0" * 32]))
        assert parts.held(c, ["x", "n1"]) == {"x", "n1"}
        raise ZeroDivisionError
    batch(store, 4, "tuesday", 4)
    with store.read() as c:
        assert parts.held(c, ["x", "n1", "n5"]) == {"n1", "n5"}
        assert [one.seq for one in decisions.decisions_iter(c, "spring", 0, 100)] == list(range(1, 9))


def test_what_one_process_folds_another_finds(tmp_path: Path) -> None:
    one, other = open_store(tmp_path / "both.db"), open_store(tmp_path / "both.db")
    with other.read() as c:
        assert not customers.seen(c, ["n3"])
    batch(one, 6)
    with other.write() as c:
        assert customers.seen(c, ["n3", "n9"]) == {"n3"}
        ask(c, ["n3"], AT + timedelta(days=1))
    assert counted(one, "decision") == 2
    with one.read() as c:
        assert [row.customer for row in decisions.decisions_iter(c, "spring", 0, 9)][-1] == "n3"
    one.close()
    other.close()


def test_a_reader_who_began_before_rows_were_made_sees_them_all_the_same(store: Store) -> None:
    batch(store, 6)
    with store.read() as early:
        assert early.exec_driver_sql("SELECT count(*) FROM decision").scalar_one() == 0
        for _ in range(2):  # makes the row, then meets it
            with store.write() as c:
                assert decisions.decisions_by_key(c, "spring", ["monday:n3"]).keys() == {"monday:n3"}
        row = decisions.decisions_by_key(early, "spring", ["monday:n3"])["monday:n3"]
        assert decisions.decision(early, row.id) == row
        assert customers.customers(early, ["n3"])["n3"].attributes == {"age": 23}


def test_a_person_who_is_erased_is_in_no_fold(store: Store) -> None:
    batch(store, 6)
    with store.write() as c:
        erase(c, "n3", "erased:0", AT)
    with store.read() as c:
        held: Any = c.exec_driver_sql("SELECT customers, ids FROM fold").one()
        assert hashes(["n3"])[0] not in np.frombuffer(held[0], dtype=np.uint64)
        assert [(np.frombuffer(one, dtype=np.uint64) == 0).sum() for one in held] == [1, 1]
        assert not customers.seen(c, ["n3"])
        assert {row.customer for row in decisions.decisions_iter(c, "spring", 0, 100)} == {
            f"n{i}" for i in (0, 1, 2, 4, 5)
        }


def test_a_damaged_fold_is_named(store: Store) -> None:
    batch(store, 3)
    with store.write() as c:
        c.exec_driver_sql("UPDATE block SET body = substr(body, 1, 99)")
    with store.read() as c, pytest.raises(StoreError, match="fold 1 of the log is damaged"):
        decisions.decisions_iter(c, "spring", 0, 10)


@given(st.lists(st.lists(st.text(max_size=4), max_size=30), max_size=12), st.lists(st.text(max_size=4)))
def test_a_directory_finds_every_fold_that_holds_a_name(held: list[list[str]], wanted: list[str]) -> None:
    directory = Directory()
    for number, names in enumerate(held, 1):
        directory.add(number, hashes(names))
    found = set(zip(*(one.tolist() for one in directory.find(hashes(wanted))), strict=True))
    assert found == {
        (i, number) for i, name in enumerate(wanted) for number, names in enumerate(held, 1) if name in names
    }


def test_what_was_sent_is_told_with_its_situation(store: Store) -> None:
    program = batch(store, 30)
    with store.write() as c:
        found = [row for offer in program.offers for row in sent(c, "spring", offer.name, 2**62, 0, 99)]
    assert found and all(decode(row.situation).customer == row.customer for row in found)


def test_the_newest_fold_of_each_customer_is_found(store: Store) -> None:
    batch(store, 4)
    batch(store, 4, "tuesday", first=2, at=AT + timedelta(days=1))
    with store.read() as c:
        first, *later = folds.numbers(c, "spring")
        old, new, again, nobody = parts.newest(c, ["n0", "n5", "n2", "n9"]).tolist()
    assert (old, nobody) == (first, 0)
    assert {new, again} == set(later)


@pytest.mark.parametrize("kind", ["text", "number", "boolean", "timestamp"])
def test_an_attribute_that_changed_its_type_goes_out_the_same_from_columns_and_rows(
    store: Store, kind: str
) -> None:
    batch(store, 6)
    with store.write() as c:
        text = TEXT.replace("age: integer", f"age: {kind}").replace(
            "eligible: age >= 18", "eligible: spend > 0"
        )
        program, ripe = applied(c, text), AT + timedelta(days=9)
        columns = pl.concat(decision_tables(c, program, AT, ripe))
        folds.everyone(c)
        rows = pl.concat(decision_tables(c, program, AT, ripe))
    assert columns.equals(rows) and columns.height == 6
