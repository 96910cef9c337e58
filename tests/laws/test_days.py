"""The law of days: batch after batch over the same customers decides as one by one, whatever happens between.

One store is given files and keeps columns; the other is told of each customer and asked for each alone. Both
are then asked for the same things in between. In the end both hold the same decisions, profiles and arms.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batch import Batch, run
from engine.calendar import microseconds
from engine.decide import decide
from engine.domain import Program
from engine.erase import erase
from engine.errors import NotFoundError
from engine.learn import learn
from engine.live import live
from engine.merge import merge
from engine.replay import replay
from engine.request import Request, decision_id
from engine.roster import Table
from engine.situation import Situation, decode
from engine.store import (
    Store,
    chosen,
    customers,
    decisions,
    flows,
    folded,
    folds,
    open_store,
    outcomes,
    predictions,
)
from engine.store.rows import CustomerRow, DecisionRow, OutcomeRow, PredictionRow
from tests.laws.test_batch import LATER, TYPES, file, one_by_one, some, texts, with_a_past

Work = Callable[[Any, str, datetime], Any]


def told_again(c: Any, who: str, at: datetime) -> None:
    row = CustomerRow(
        who, {"age": 44, "country": None, "odd": 1}, {"sms": True}, "Asia/Tokyo", microseconds(at)
    )
    customers.put_customers(c, [row])


def scored(c: Any, who: str, at: datetime) -> None:
    at_us = microseconds(at) - 10**9
    predictions.put_predictions(c, [PredictionRow(who, "churn", "x", 0.25, at_us, at_us)])


def asked(c: Any, who: str, at: datetime) -> None:
    request = Request(who, "spring", f"api:{who}:{at}", at, {"spend": 4.0})
    decide(c, [request], {"spring": live(c, "spring")})


def bought(c: Any, who: str, at: datetime) -> None:
    at_us = microseconds(at)
    outcomes.append_outcomes(c, [OutcomeRow(f"{who}:{at}", None, who, "purchase", 5.0, at_us, at_us)])


def answered(c: Any, who: str, at: datetime) -> None:
    """An outcome that names the decision of the day, and another of the same moment that names none."""
    at_us, day = microseconds(at), at - timedelta(hours=1)
    id = decision_id("spring", f"day-{(day - LATER).days}:{who}", day)
    named = OutcomeRow(f"{who}:{at}:named", id, who, "visit", 0.0, at_us, at_us)
    other = OutcomeRow(f"{who}:{at}:other", None, who, "visit", 0.0, at_us, at_us)
    outcomes.append_outcomes(c, [named, other])


def erased(c: Any, who: str, at: datetime) -> None:
    try:
        erase(c, who, f"erased:{who}:{at}", at)
    except NotFoundError:
        assert not customers.seen(c, [who])


def reported(c: Any, who: str, at: datetime) -> Any:
    """What a report sums up, without numbers of the log."""
    at_us, more = microseconds(at), folded.decisions(c, "spring")
    sums = [of(c, "spring", at_us, more) for of in (flows.units, flows.spent, flows.earned)]
    stretches = chosen.stretches(c, "spring", at_us)
    draws = [repr(one) for of in stretches for one in chosen.sample(c, "spring", at_us, of, 1)]
    drawn = sorted(re.sub(r"situation=.*", "", one) for one in draws)
    return (
        [sorted(map(repr, rows)) for rows in sums],
        [(s.version, s.snapshot, s.n) for s in stretches],
        drawn,
    )


BETWEEN: Mapping[str, Work] = {
    "a profile": told_again,
    "a score": scored,
    "a decision": asked,
    "a purchase": bought,
    "a visit": answered,
    "erased": erased,
    "merged": lambda c, who, at: merge(c, who, f"{who}-new", at, "a test"),
    "learnt": lambda c, who, at: learn(c, "spring", at),
    "reported": reported,
    "restart": lambda c, who, at: None,
}
_Between = st.tuples(st.sampled_from(sorted(BETWEEN)), st.integers(0, 24))
_Day = st.tuples(
    st.lists(some, min_size=8, max_size=16),
    st.integers(0, 8),
    st.sets(st.sampled_from([*TYPES, "zone", "consent.sms", "since"]), max_size=4),
    st.lists(_Between, max_size=3),
)
DAYS = st.lists(_Day, min_size=2, max_size=4)


def day_of(rows: list[dict[str, Any]], first: int, lacks: set[str], program: Program) -> pl.DataFrame:
    """A file of customers from number `first` on that lacks some columns."""
    table = file(rows, program).drop(lacks, strict=False)
    return table.with_columns(pl.Series("customer", [f"c{18 + first + i}" for i in range(len(rows))]))


def all_of(store: Store) -> dict[str, Any]:
    """What is in a store, without numbers of the log."""
    with store.write() as c:
        folds.everyone(c)
        rows = decisions.decisions_iter(c, "spring", 0, 10_000)
        found = {
            name: sorted(map(repr, c.exec_driver_sql(f"SELECT {what} FROM {name}").fetchall()))
            for name, what in {
                "customer": "id, attributes, consent, zone, updated_us",
                "assignment": "*",
                "prediction": "customer, model, score, as_of_us, received_us",
                "outcome": "*",
            }.items()
        }
        waiting = c.exec_driver_sql(
            "SELECT id FROM pending JOIN decision ON seq = pending.decision"
        ).fetchall()
    return {**found, "waiting": sorted(waiting), "log": {r.id: plain(r) for r in rows}}


def plain(row: DecisionRow) -> tuple[DecisionRow, Situation]:
    situation = decode(row.situation)
    contacts = sorted(situation.contacts, key=msgspec.structs.astuple)
    return (
        msgspec.structs.replace(row, seq=0, situation=b""),
        msgspec.structs.replace(situation, contacts=contacts),
    )


@settings(max_examples=6, deadline=None)
@given(texts(), DAYS)
def test_day_after_day_a_file_decides_as_its_customers_would_one_by_one(
    text: str, days: list[tuple[Any, ...]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "files.db"
        store, program = with_a_past(path, text)
        other, _ = with_a_past(Path(folder) / "single.db", text)
        for number, (rows, first, lacks, between) in enumerate(days):
            at, name = LATER + timedelta(days=number), f"day-{number}"
            table = day_of(rows, first, lacks, program)
            run(store, Batch(program, name, at), Table(table))
            with other.write() as c:
                one_by_one(c, program, table, name, at)
            for work, who in between:
                answers = []
                for each in (store, other):
                    with each.write() as c:
                        answers.append(BETWEEN[work](c, f"c{18 + who}", at + timedelta(hours=1)))
                assert work != "reported" or answers[0] == answers[1]
                if work == "restart":
                    store.close()
                    store = open_store(path)
        with store.read() as c, other.read() as d:
            assert reported(c, "", at) == reported(d, "", at)
        found, expected = all_of(store), all_of(other)
        for name, value in expected.items():
            assert found[name] == value, name
        gone = any(work == "erased" for *_, between in days for work, _ in between)
        with store.read() as c:
            for id in () if gone else found["log"]:  # snapshots that had learnt of the erased are empty
                assert replay(c, id).differences == ()
        store.close()
        other.close()
