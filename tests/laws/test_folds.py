"""The law of folds: a store that keeps a batch as columns answers all that a store of rows answers, the same.

Two stores decide for the same file. In one all rows are made at once; the other makes them when somebody
asks. Whatever is done to both then, in any order, gives the same, and leaves the same rows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batch import Batch, run
from engine.calendar import microseconds
from engine.decide import Decided, decide
from engine.domain import Program
from engine.erase import erase
from engine.errors import NextbestError
from engine.export import EXPORTS
from engine.learn import learn
from engine.live import live
from engine.merge import merge
from engine.relearn import relearn
from engine.replay import replay
from engine.request import Request, decision_id
from engine.roster import Table
from engine.store import (
    Store,
    assignments,
    blocks,
    customers,
    decisions,
    entries,
    flows,
    folded,
    folds,
    happened,
    open_store,
    outcomes,
    sent,
    withdrawn,
)
from engine.store.rows import OutcomeRow
from tests.laws.test_batch import LATER, file, some, texts, with_a_past

FIRST, PEOPLE = 20, 24  # customers c20 to c43; those below c30 have a past
THEN = LATER + timedelta(hours=1)
MUCH_LATER = LATER + timedelta(days=9)
TABLES = (
    *("decision", "pending", "assignment", "customer", "outcome", "learnt", "late", "withdrawn"),
    *("quarantine", "erasure", "prediction", "merge", "contaminated", "snapshot", "watched"),
)


def key(customer: str) -> str:
    return f"monday:{customer}"


def its_id(customer: str) -> str:
    return decision_id("spring", key(customer), LATER)


def asked(store: Store, request: Request) -> Any:
    with store.write() as c:
        (answer,) = decide(c, [request], {"spring": live(c, "spring")}).answers
    return (answer.row, answer.replayed) if isinstance(answer, Decided) else (type(answer), str(answer))


def came(store: Store, customer: str, named: bool) -> Any:
    at_us = microseconds(THEN)
    event = OutcomeRow(
        f"{customer}-{named}", its_id(customer) if named else None, customer, "purchase", 5.0, at_us, at_us
    )
    with store.write() as c:
        return outcomes.append_outcomes(c, [event])


def read(store: Store, work: Callable[[Any], Any]) -> Any:
    with store.read() as c:
        return work(c)


def learnt(store: Store, how: Callable[..., Any]) -> Any:
    with store.write() as c:
        return how(c, "spring", MUCH_LATER)


def erased(store: Store, customer: str) -> Any:
    with store.write() as c:
        return erase(c, customer, f"erased:{customer}", MUCH_LATER)


def merged(store: Store, gone: str, into: str) -> Any:
    with store.write() as c:
        return merge(c, gone, into, THEN, "a test")


def went_on(store: Store, program: Program, table: pl.DataFrame) -> Any:
    taken: list[pl.DataFrame] = []
    summary = run(store, Batch(program, "monday", LATER), Table(table), taken.append, resume=True)
    return summary, pl.concat(taken).rows()


def took_back(store: Store, customer: str) -> None:
    with store.write() as c:
        decisions.decision(c, its_id(customer))
        withdrawn.withdraw(c, [its_id(customer)])


def exported(c: Any) -> Any:
    program = live(c, "spring").program
    return {
        name: [part.rows() for part in tables(c, program, LATER, MUCH_LATER)]
        for name, tables in EXPORTS.items()
    }


def followed(c: Any) -> Any:
    at_us, more = microseconds(MUCH_LATER), folded.decisions(c, "spring")
    sums = [of(c, "spring", at_us, more) for of in (flows.units, flows.spent, flows.earned)]
    return [sorted(map(repr, rows)) for rows in (*sums, flows.profiles(c, "spring", at_us))]


def looked_up(c: Any, who: list[str]) -> Any:
    since_us = microseconds(LATER) - 1
    return (
        customers.seen(c, [*who, "nobody"]),
        sorted(customers.customer_ids(c)),
        customers.customers(c, who),
        assignments.assignments(c, "spring", who),
        sorted(map(repr, decisions.contacts(c, who, since_us))),
        decisions.made_for(c, [its_id(one) for one in who]),
        sorted(map(repr, happened.happened(c, who, since_us, 10**12))),
    )


def listed(found: entries.Entries) -> list[Any]:
    return list(zip(found.seq.tolist(), found.at_us.tolist(), strict=True))


def due(c: Any) -> Any:
    before_us = microseconds(MUCH_LATER)
    return (
        listed(entries.due(c, "spring", before_us, 100)),
        listed(entries.matured(c, "spring", before_us)),
        listed(entries.newest(c, "spring", before_us, 100)),
        entries.situations(c, entries.newest(c, "spring", before_us, 9)),
        sent.sent(c, "spring", "o0", before_us, 0, 100),
    )


ASKS: Mapping[str, Callable[[Store, Program, pl.DataFrame, list[str]], Any]] = {
    "another decision": lambda s, _, __, who: asked(s, Request(who[0], "spring", "again", THEN)),
    "the same key": lambda s, _, __, who: asked(s, Request(who[0], "spring", key(who[0]), THEN)),
    "its key, another body": lambda s, _, __, who: asked(
        s, Request(who[0], "spring", key(who[0]), THEN, {"spend": 3.0})
    ),
    "its key, somebody else": lambda s, _, __, who: asked(s, Request(who[1], "spring", key(who[0]), THEN)),
    "an outcome": lambda s, _, __, who: came(s, who[0], False),
    "an outcome of it": lambda s, _, __, who: came(s, who[0], True),
    "by key": lambda s, _, __, who: read(
        s, lambda c: decisions.decisions_by_key(c, "spring", [key(one) for one in who])
    ),
    "by id": lambda s, _, __, who: read(s, lambda c: decisions.decision(c, its_id(who[0]))),
    "replay": lambda s, _, __, who: read(s, lambda c: replay(c, its_id(who[0]))),
    "look-ups": lambda s, _, __, who: read(s, lambda c: looked_up(c, who)),
    "the log": lambda s, _, __, who: read(s, lambda c: decisions.decisions_iter(c, "spring", 0, 1000)),
    "export": lambda s, _, __, who: read(s, exported),
    "report": lambda s, _, __, who: read(s, followed),
    "what is due": lambda s, _, __, who: read(s, due),
    "learn": lambda s, _, __, who: learnt(s, learn),
    "learn afresh": lambda s, _, __, who: learnt(s, relearn),
    "merge": lambda s, _, __, who: merged(s, who[0], who[1]),
    "erase": lambda s, _, __, who: erased(s, who[0]),
    "withdraw": lambda s, _, __, who: took_back(s, who[0]),
    "go on": lambda s, program, table, who: went_on(s, program, table),
    "restart": lambda s, _, __, who: None,
}


def told(ask: str, store: Store, program: Program, table: pl.DataFrame, who: list[str]) -> Any:
    try:
        return ASKS[ask](store, program, table, who)
    except NextbestError as error:
        return type(error), str(error)


def rows_of(store: Store) -> dict[str, list[Any]]:
    """All that is in the tables, every row made."""
    with store.write() as c:
        folds.everyone(c)
        assert c.exec_driver_sql("SELECT count(*) FROM fold").scalar_one() == 0
        found = {
            name: sorted(map(repr, c.exec_driver_sql(f"SELECT * FROM {name}").fetchall())) for name in TABLES
        }
        situations = [one for (one,) in c.exec_driver_sql("SELECT situation FROM decision ORDER BY seq")]
        return {**found, "situations": blocks.resolved(c, situations)}


@settings(max_examples=15, deadline=None)
@given(
    texts(),
    st.lists(some, min_size=PEOPLE, max_size=PEOPLE),
    st.booleans(),
    st.lists(
        st.tuples(
            st.sampled_from(sorted(ASKS)),
            st.lists(st.integers(FIRST, FIRST + PEOPLE), min_size=3, max_size=3, unique=True),
        ),
        min_size=3,
        max_size=8,
    ),
)
def test_a_store_that_keeps_columns_answers_as_one_that_keeps_rows(
    text: str, people: list[dict[str, Any]], keep: bool, asks: list[tuple[str, list[int]]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        stores: list[Store] = []
        for name in ("rows.db", "folds.db"):
            store, program = with_a_past(Path(folder) / name, text)
            table = file(people, program)
            run(store, Batch(program, "monday", LATER, keep), Table(table))
            stores.append(store)
        with stores[0].write() as c:
            folds.everyone(c)
        for ask, numbers in asks:
            who = [f"c{number}" for number in numbers]
            if ask == "restart":
                stores[1].close()
                stores[1] = open_store(Path(folder) / "folds.db")
            rows, columns = (told(ask, store, program, table, who) for store in stores)
            assert rows == columns, ask
        assert rows_of(stores[0]) == rows_of(stores[1])
        for store in stores:
            store.close()
