from __future__ import annotations

from types import ModuleType

import pytest

from engine.errors import NotFoundError, StoreError
from engine.store import (
    Store,
    assignments,
    audit,
    customers,
    decisions,
    erasures,
    happened,
    late,
    learning,
    ledger,
    models,
    outcomes,
    predictions,
    programs,
    quarantine,
    sent,
    snapshots,
    watched,
)
from engine.store.rows import ContactRow
from engine.store.statement import Statement
from tests.store import made

MODULES = (
    assignments,
    audit,
    customers,
    decisions,
    erasures,
    happened,
    late,
    ledger,
    learning,
    models,
    outcomes,
    predictions,
    programs,
    quarantine,
    sent,
    snapshots,
    watched,
)
WHOLE = (  # statements meant to read a whole table, or all of what a query within them found
    *("_AGES", "_ANY", "_BEYOND", "_IDS", "_LINES", "_NAMES", "_OF_EACH"),
    "_SPANNING",
)
STATEMENTS = [
    pytest.param(module, name, id=f"{module.__name__.rpartition('.')[2]}{name}")
    for module in MODULES
    for name, value in vars(module).items()
    if isinstance(value, Statement) and name not in WHOLE
]


@pytest.mark.parametrize(("module", "name"), STATEMENTS)
def test_no_statement_reads_a_whole_table(store: Store, module: ModuleType, name: str) -> None:
    assert [step for step in plan(store, getattr(module, name)) if step.startswith("SCAN ")] in (
        [],
        ["SCAN wanted VIRTUAL TABLE INDEX 1:"],
        ["SCAN model", "SCAN wanted VIRTUAL TABLE INDEX 1:"],
        ["SCAN wanted VIRTUAL TABLE INDEX 1:", "SCAN kinds VIRTUAL TABLE INDEX 1:"],
    )


@pytest.mark.parametrize(
    ("statement", "step"),
    [
        (customers._SELECT, "USING INDEX sqlite_autoindex_customer_1 (id=?)"),
        (assignments._SELECT, "USING PRIMARY KEY (program=? AND customer=?)"),
        (predictions._SELECT, "SEARCH prediction USING PRIMARY KEY (customer=? AND model=? AND as_of_us=?)"),
        (predictions._SELECT, "SEARCH other USING PRIMARY KEY (customer=? AND model=?)"),
        (decisions._BY_KEY, "(program=? AND key=?)"),
        (decisions._CONTACTS, "SEARCH decision USING COVERING INDEX decision_customer (customer=?)"),
        (learning._OF_EACH, "SEARCH decision USING INDEX decision_customer (customer=?)"),
        (happened._NAMED, "SEARCH outcome USING INDEX outcome_customer (customer=? AND at_us>?)"),
        (happened._NAMED, "SEARCH decision USING INDEX sqlite_autoindex_decision_1 (id=?) LEFT-JOIN"),
        (happened._UNNAMED, "SEARCH outcome USING INDEX outcome_customer (customer=? AND at_us>?)"),
        (
            happened._UNNAMED,
            "COVERING INDEX decision_customer (customer=? AND at_us>? AND at_us<?) LEFT-JOIN",
        ),
        (happened._LATEST_NAMED, "outcome USING INDEX outcome_kind (customer=? AND kind=? AND at_us<?)"),
        (happened._LATEST_NAMED, "USE TEMP B-TREE FOR LAST 2 TERMS OF ORDER BY"),  # newest first by the index
        (happened._LATEST_NAMED, "SEARCH decision USING INDEX sqlite_autoindex_decision_1 (id=?)"),
        (happened._LATEST_UNNAMED, "outcome USING INDEX outcome_kind (customer=? AND kind=? AND at_us<?)"),
        (happened._LATEST_UNNAMED, "USE TEMP B-TREE FOR LAST 2 TERMS OF ORDER BY"),
        (happened._LATEST_UNNAMED, "COVERING INDEX decision_customer (customer=? AND at_us>? AND at_us<?)"),
        (outcomes._OF, "SEARCH decision USING INTEGER PRIMARY KEY (rowid=?)"),
        (outcomes._OF, "USING INDEX outcome_customer (customer=? AND at_us>? AND at_us<?)"),
        (learning._NOT_PENDING, "SEARCH pending USING PRIMARY KEY (program=? AND at_us=? AND decision=?)"),
        (learning._NOT_LATE, "SEARCH late USING PRIMARY KEY (program=? AND decision=?)"),
        (late._NAMED, "SEARCH decision USING INDEX sqlite_autoindex_decision_1 (id=?)"),
        (late._UNNAMED, "SEARCH decision USING INDEX decision_customer (customer=? AND at_us<?)"),
        (late._UNSEEN, "SEARCH decision USING INTEGER PRIMARY KEY (rowid=?)"),
    ],
)
def test_look_ups_go_straight_to_their_rows(store: Store, statement: Statement, step: str) -> None:
    assert any(step in one for one in plan(store, statement))


def plan(store: Store, statement: Statement) -> list[str]:
    parameters = statement.parameters({name: "[]" if name == "wanted" else 0 for name in statement.names})
    with store.read() as c:
        found = c.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement.text}", parameters).fetchall()
    return [str(one[3]) for one in found]


def test_the_same_program_bytes_keep_their_version_and_new_ones_get_the_next(store: Store) -> None:
    with store.write() as c:
        put = [
            programs.put_program(c, "spring", text, text * 4, "f", at) for at, text in enumerate("aababca")
        ]
        assert put == [1, 1, 2, 1, 2, 3, 1]
        assert programs.put_program(c, "autumn", "a", "aaaa", "g", 0) == 1
        assert programs.program_names(c) == ["autumn", "spring"]
        assert programs.program_text(c, "spring", 2) == (2, "b", "f")


def test_the_program_applied_last_is_current_even_if_it_is_an_old_version(store: Store) -> None:
    with store.write() as c:
        for text in "abca":
            programs.put_program(c, "spring", text, text, "f", 5)
        assert programs.program_text(c, "spring") == (1, "a", "f")


def test_an_unknown_program_is_named_with_its_nearest(store: Store) -> None:
    with store.write() as c:
        programs.put_program(c, "spring", "a", "a", "f", 1)
        with pytest.raises(NotFoundError, match=r"no program 'sprng'\. Did you mean 'spring'\?"):
            programs.program_text(c, "sprng")
        with pytest.raises(NotFoundError, match="'spring' has no version 7"):
            programs.program_text(c, "spring", 7)


def test_patching_a_customer_lays_new_over_old_and_none_takes_away(store: Store) -> None:
    with store.write() as c:
        old = made.customer(attributes={"a": 1, "b": 2}, consent={"mail": True}, zone="Europe/Oslo")
        new = made.customer(attributes={"b": None, "c": [3]}, consent={"sms": False}, updated_us=9)
        customers.put_customers(c, [old])
        customers.put_customers(c, [new])
        found = customers.customers(c, ["c1"])["c1"]
    assert found.attributes == {"a": 1, "c": [3]}
    assert found.consent == {"mail": True, "sms": False}
    assert (found.zone, found.updated_us) == ("Europe/Oslo", 9)


def test_replacing_a_customer_forgets_what_was_there(store: Store) -> None:
    with store.write() as c:
        customers.put_customers(c, [made.customer(attributes={"a": 1}, consent={"mail": True}, zone="UTC")])
        customers.put_customers(c, [made.customer(attributes={"b": 2})], replace=True)
        assert customers.customers(c, ["c1"])["c1"] == made.customer(attributes={"b": 2})


def test_a_decision_comes_back_as_it_was_logged(store: Store) -> None:
    plain = made.decision(1)
    bare = made.decision(
        2, send_at_us=None, contact=False, fallback="no_action", withheld="holdout", value=None
    )
    with store.write() as c:
        decisions.append_decisions(c, [plain, bare])
        found = decisions.decisions_by_key(c, "spring", ["key-2", "key-1", "key-3"])
    assert found["key-1"] == made.decision(1, seq=1) and found["key-1"].contact is True
    assert found["key-2"].contact is False and found["key-2"].explored is False
    assert {**found, "key-2": None} == {"key-1": made.decision(1, seq=1), "key-2": None}
    assert found["key-2"].withheld == "holdout" and found["key-2"].send_at_us is None


@pytest.mark.parametrize("again", [{"key": "key-1"}, {"id": f"{1:032x}"}])
def test_a_second_decision_under_one_key_or_id_is_refused_by_name(
    store: Store, again: dict[str, str]
) -> None:
    with store.write() as c:
        decisions.append_decisions(c, [made.decision(1)])
    with pytest.raises(StoreError, match=r"UNIQUE.*Decision '0{31}") as caught, store.write() as c:
        decisions.append_decisions(c, [made.decision(2), made.decision(3, **again)])
    assert f"key '{again.get('key', 'key-3')}'" in str(caught.value)
    with store.read() as c:
        assert len(decisions.decisions_iter(c, "spring", 0, 10)) == 1


@pytest.mark.parametrize("propensity", [0.0, -0.5, 1.5, float("nan")])
def test_a_propensity_that_is_no_probability_is_never_logged(store: Store, propensity: float) -> None:
    with pytest.raises(StoreError, match=r"propensity.*key 'key-1'"), store.write() as c:
        decisions.append_decisions(c, [made.decision(1, propensity=propensity)])


def test_the_same_key_in_another_program_is_another_decision(store: Store) -> None:
    with store.write() as c:
        decisions.append_decisions(c, [made.decision(1), made.decision(2, key="key-1", program="autumn")])
        assert decisions.decisions_by_key(c, "autumn", ["key-1"])["key-1"].id == f"{2:032x}"


def test_only_contacts_count_as_contacts(store: Store) -> None:
    rows = [
        made.decision(1),
        made.decision(2, contact=False, arm="holdout", withheld="holdout"),
        made.decision(3, program="autumn", channel="push"),
        made.decision(4, customer="c2"),
    ]
    with store.write() as c:
        decisions.append_decisions(c, rows)
        everything = decisions.contacts(c, ["c1", "c1"], 0)
        recent = decisions.contacts(c, ["c1", "c2"], 3_000_000)
    assert everything == [
        ContactRow("c1", 1_000_000, "spring", "sale", "email"),
        ContactRow("c1", 3_000_000, "autumn", "sale", "push"),
    ]
    assert [(one.customer, one.at_us) for one in recent] == [("c1", 3_000_000), ("c2", 4_000_000)]


def test_a_contact_counts_when_it_is_sent_however_long_before_it_was_decided(store: Store) -> None:
    with store.write() as c:
        append = [made.decision(1, at_us=1, send_at_us=500), made.decision(2, at_us=600, send_at_us=None)]
        decisions.append_decisions(c, append)
        assert [one.at_us for one in decisions.contacts(c, ["c1"], 500)] == [500, 600]
        assert [one.at_us for one in decisions.contacts(c, ["c1"], 501)] == [600]


def test_the_log_of_a_program_is_read_in_pieces(store: Store) -> None:
    rows = [made.decision(n, program="spring" if n % 2 else "autumn") for n in range(1, 10)]
    with store.write() as c:
        decisions.append_decisions(c, rows)
        first = decisions.decisions_iter(c, "spring", 0, 3)
        rest = decisions.decisions_iter(c, "spring", first[-1].seq, 3)
    assert [row.seq for row in (*first, *rest)] == [1, 3, 5, 7, 9]


def test_snapshots_are_numbered_and_the_newest_is_read(store: Store) -> None:
    with store.write() as c:
        assert snapshots.snapshot(c, "spring") is None
        assert [snapshots.put_snapshot(c, "spring", b"a", "x", at, "nightly") for at in (1, 2)] == [1, 2]
        assert snapshots.put_snapshot(c, "autumn", b"b", "y", 3, "first") == 1
        latest, first = snapshots.snapshot(c, "spring"), snapshots.snapshot(c, "spring", 1)
        assert latest is not None and (latest.version, latest.created_us) == (2, 2)
        assert first is not None and (first.version, first.body) == (1, b"a")
        assert snapshots.snapshot(c, "spring", 3) is None
        assert snapshots.snapshot_versions(c, "spring") == [1, 2]
