"""The law of batches: a file decides as its customers would one by one, bit for bit, whatever is known of
them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import Connection

from engine.api.app import create_app
from engine.batch import Batch, as_table, run
from engine.calendar import microseconds
from engine.decide import decide
from engine.domain import Program
from engine.learn import learn
from engine.live import Lives, live
from engine.merge import merge
from engine.profiles import customer_table, profiles
from engine.replay import replay
from engine.request import Request
from engine.roster import Table
from engine.settings import Settings
from engine.situation import decode
from engine.store import Store, customers, decisions, open_store, outcomes, predictions
from engine.store.rows import DecisionRow, OutcomeRow, PredictionRow
from simulator import ask as season
from tests.api.client import calling
from tests.engine.programs import AT, applied, ask, people, settled

LATER = AT + timedelta(days=3)
RULES = [
    "age >= 18",
    "spend > 5 OR spend IS NULL",
    "country IN ('NO', 'SE') AND NOT country LIKE 'S%'",
    "NOT (age < 30 AND spend < 3)",
    "vip OR since < '2026-06-01'",
    "age(p_buy.o0) < 1 OR p_buy.o0 IS NULL",
    "days_since('o0', 'purchase') > 2 OR days_since('o0', 'purchase') IS NULL",
    "COALESCE(days_since('o0', 'sent'), 9) > 1 OR COALESCE(days_since('o0', 'ignored'), 9) < 2",
    "CASE WHEN vip THEN spend ELSE age END * 2 > 20",
]
PAUSES = ["ignored 2 times in 30 days: pause 60 days", "ignored: pause 40 hours", "purchase: pause 2 days"]
PAUSES += ["visit 2 times in 4 days: pause 1 day", "sent: pause 30 hours"]
CREATIVES = ["{}", "{default: {t: 'since {{ since }}', html: '<b>{{ country | & }}</b>'}}"]
CREATIVES += [
    "{email: {a: '{{ age }} 100 % {{ customer }}', b: [{c: '{{ spend }}'}, 1]}, default: {b: '{{ churn }}'}}"
]
KINDS = ["{kind: linear, waves: 8}", "{kind: linear, waves: 0}", "{kind: formula, epsilon: 0.1}"]
ATTRIBUTES = (
    'age: integer, spend: number, country: {type: text, levels: ["NO", SE, DK]}, vip: boolean, '
    "since: timestamp"
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Program files that differ in rules, caps, pauses, texts, ageing, arms, who gets these, and policy."""
    offers, pauses = [], st.lists(st.sampled_from(PAUSES), max_size=2)
    for i in range(draw(st.integers(1, 4))):
        rule, value = draw(st.sampled_from(RULES)), draw(st.integers(0, 50))
        more = (
            f"group: {'ab'[i % 2]}, cooldowns: {draw(pauses)}, creative: {draw(st.sampled_from(CREATIVES))}"
        )
        offers.append(f'  o{i}: {{value: {value}, priority: {i}, {more}, eligible: "{rule}"}}')
    return "\n".join(
        [
            "program: spring",
            f"attributes: {{{ATTRIBUTES}}}",
            *draw(st.sampled_from([[], [], ["unit: country"]])),
            "predictions: {p_buy.o0: o0, churn: ''}",
            "offers:",
            *offers,
            f"groups: {{a: {{cooldowns: {draw(pauses)}}}, b: {{}}}}",
            "channels:",
            f"  email: {{cost: 0.01, consent: marketing, caps: [2 per 7 days], cooldowns: {draw(pauses)}}}",
            '  sms: {cost: 0.1, consent: sms, quiet: "21:00-08:00"}',
            'slots: {now: {}, tonight: {at: "18:30"}}',
            f"caps: [{draw(st.integers(1, 4))} per 7 days]",
            f"cooldowns: {draw(pauses)}",
            "goal: {outcomes: {purchase: 1, visit: 0.1}, window: 2 days}",
            "arms: {policy: 0.4, random: 0.2, bau: 0.2, holdout: 0.2}",
            f"policy: {draw(st.sampled_from(KINDS))}",
            "bau: {kind: priority}",
        ]
    )


MERGES = st.lists(
    st.tuples(st.integers(20, 36), st.sampled_from(["c3", "c21", "c24", "new", "newer"])), max_size=4
)
some = st.fixed_dictionaries(
    {
        "age": st.none() | st.integers(10, 80),
        "spend": st.none() | st.floats(0, 100),
        "country": st.sampled_from([None, "NO", "SE", "DK", "XX"]),
        "vip": st.none() | st.booleans(),
        "since": st.sampled_from([None, AT - timedelta(days=400), AT - timedelta(days=2)]),
        "p_buy.o0": st.none() | st.floats(0, 1),
        "consent.marketing": st.none() | st.booleans(),
        "consent.sms": st.none() | st.booleans(),
        "zone": st.sampled_from([None, "Europe/Oslo", "Asia/Tokyo"]),
    }
)
TYPES = {
    "age": pl.Int64,
    "spend": pl.Float64,
    "country": pl.String,
    "vip": pl.Boolean,
    "p_buy.o0": pl.Float64,
}


def file(rows: list[dict[str, Any]], program: Program) -> pl.DataFrame:
    """The rows as a file of customers c20, c21, ...: some of them known to the store."""
    frame = pl.DataFrame(
        [{"customer": f"c{20 + i}", **row} for i, row in enumerate(rows)],
        schema_overrides={**TYPES, "since": pl.Datetime("us", "UTC")},
    )
    return customer_table(program, frame, "law")


def with_a_past(path: Path, text: str) -> tuple[Store, Program]:
    """A store whose customers c0, c1, ... were decided for, some of whom bought, and something was learnt."""
    store = open_store(path)
    with store.write() as connection:
        program = applied(connection, text)
        first = settled(ask(connection, people(connection, 30)))
        bought = [
            OutcomeRow(f"e{i}", one.row.id, one.row.customer, "purchase", 9.0, one.row.at_us + 10 + i, 0)
            for i, one in enumerate(first[::3])
        ]
        outcomes.append_outcomes(connection, bought)
        learn(connection, "spring", LATER - timedelta(hours=1))
    return store, program


def joined(store: Store, merges: list[tuple[int, str]]) -> None:
    """Some of the customers in the file turn out to be others: of the file, of the past, or new ones."""
    with store.write() as connection:
        for number, into in merges:
            merge(connection, f"c{number}", into, LATER - timedelta(hours=2), "a test")


def told(
    connection: Connection, program: Program, table: pl.DataFrame, name: str = "monday", at: datetime = LATER
) -> None:
    """Each customer's profile and score sent in."""
    at_us = microseconds(at)
    customers.put_customers(connection, profiles(program, table, at_us))
    said = table.select("customer", "p_buy.o0").iter_rows() if "p_buy.o0" in table.columns else ()
    scores = [
        PredictionRow(one, "p_buy.o0", name, score, at_us, at_us) for one, score in said if score is not None
    ]
    predictions.put_predictions(connection, scores)


def one_by_one(
    connection: Connection, program: Program, table: pl.DataFrame, name: str = "monday", at: datetime = LATER
) -> list[DecisionRow]:
    """Each customer's profile and score sent in, then each asked for alone."""
    told(connection, program, table, name, at)
    rows = []
    for one in table["customer"]:
        request = Request(one, program.name, f"{name}:{one}", at)
        rows += [
            it.row for it in settled(decide(connection, [request], {"spring": live(connection, "spring")}))
        ]
    return rows


def logged(store: Store, ids: list[str]) -> list[DecisionRow]:
    with store.read() as connection:
        found = [decisions.decision(connection, id) for id in ids]
    return [row for row in found if row is not None]


@settings(max_examples=12, deadline=None)
@given(texts(), st.lists(some, min_size=20, max_size=40), st.booleans(), MERGES)
def test_a_file_decides_as_its_customers_would_one_by_one(
    text: str, rows: list[dict[str, Any]], keep: bool, merges: list[tuple[int, str]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store, program = with_a_past(Path(folder) / "batch.db", text)
        joined(store, merges)
        taken, again = list[pl.DataFrame](), list[pl.DataFrame]()
        roster = Table(file(rows, program))
        run(store, Batch(program, "monday", LATER, keep), roster, taken.append)
        run(store, Batch(program, "monday", LATER, keep), roster, again.append, resume=True)
        made = logged(store, pl.concat(taken)["id"].to_list())
        for one in (taken, again):
            assert as_table(made, program).equals(pl.concat(one))
        other, _ = with_a_past(Path(folder) / "single.db", text)
        joined(other, merges)
        with other.write() as connection:
            alone = one_by_one(connection, program, roster.table)
        assert [row.key for row in made] == [f"monday:{one}" for one in roster.table["customer"]]
        for row, expected in zip(made, alone, strict=True):
            assert decode(row.situation) == decode(expected.situation)
            assert replace(row, seq=0, situation=b"") == replace(expected, seq=0, situation=b"")
        with store.read() as connection:
            for row in made:
                assert replay(connection, row.id).differences == ()
        store.close()
        other.close()


@settings(max_examples=4, deadline=None)
@given(texts(), st.lists(some, min_size=12, max_size=24), st.integers(3, 20), MERGES)
def test_http_a_file_and_a_simulation_decide_alike(
    text: str, rows: list[dict[str, Any]], chunk: int, merges: list[tuple[int, str]]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store, program = with_a_past(folder / "file.db", text)
        joined(store, merges)
        roster, taken = Table(file(rows, program)), list[pl.DataFrame]()
        run(store, Batch(program, "monday", LATER), roster, taken.append)
        by_file = logged(store, pl.concat(taken)["id"].to_list())
        store.close()
        table = roster.table
        asked = [Request(one, "spring", f"monday:{one}", LATER) for one in table["customer"]]
        by_season = _told_and(folder / "season.db", text, merges, table, lambda s: _season(s, asked, chunk))
        by_http = _told_and(folder / "http.db", text, merges, table, lambda s: _http(s, asked))
        for one, *others in zip(by_file, by_season, by_http, strict=True):
            for other in others:
                assert decode(other.situation) == decode(one.situation)
                assert replace(other, seq=0, situation=b"") == replace(one, seq=0, situation=b"")


def _told_and(
    path: Path,
    text: str,
    merges: list[tuple[int, str]],
    table: pl.DataFrame,
    ask: Callable[[Store], list[str]],
) -> list[DecisionRow]:
    """The decisions that `ask` asks for, in a store that was told of the customers."""
    store, program = with_a_past(path, text)
    joined(store, merges)
    with store.write() as connection:
        told(connection, program, table)
    ids = ask(store)
    found = logged(store, ids)
    store.close()
    return found


def _season(store: Store, requests: list[Request], chunk: int) -> list[str]:
    morning = season.Morning("spring", "monday", 0, LATER, {}, set())
    return season.ask(store, Lives(), morning, [one.customer for one in requests], chunk)[1].ids


def _http(store: Store, requests: list[Request]) -> list[str]:
    bodies = [
        {"customer": one.customer, "program": one.program, "key": one.key, "at": one.at.isoformat()}
        for one in requests
    ]
    with calling(create_app(Settings(store=store.path, deadline_ms=30_000))) as client:
        return [answer.json()["id"] for answer in client.decide_all(bodies)]
