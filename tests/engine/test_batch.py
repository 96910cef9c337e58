from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from engine.applied import apply
from engine.batch import Batch, run
from engine.calendar import microseconds
from engine.domain import Program
from engine.errors import InputError
from engine.footer import group_rows
from engine.merge import merge
from engine.outbox import check_out, outbox
from engine.profiles import customer_table, profiles, unknown_columns
from engine.roster import Table, open_file, open_rows
from engine.store import Store, blocks, customers, decisions, outcomes, predictions
from engine.store.rows import OutcomeRow
from engine.tables import read_table, write_whole
from engine.tally import BatchSummary
from tests.engine.programs import AT, TEXT, applied, spring

PROGRAM = spring()
FRAME = pl.DataFrame(
    {
        "customer": [f"c{i}" for i in range(40)],
        "age": list(range(15, 55)),
        "spend": [None, *[float(i) for i in range(39)]],
        "country": ["NO", "SE"] * 20,
        "consent.marketing": [True] * 40,
        "zone": ["Europe/Oslo"] * 40,
        "p_buy.sale": [0.1] * 40,
        "shoe_size": [42] * 40,
    }
)


def table(frame: pl.DataFrame = FRAME) -> pl.DataFrame:
    return customer_table(PROGRAM, frame, "customers.csv")


def stored(store: Store) -> Program:
    with store.write() as connection:
        return applied(connection)


def decided(
    store: Store, program: Program, rows: pl.DataFrame, keep: bool = True, resume: bool = False
) -> tuple[pl.DataFrame, BatchSummary]:
    taken: list[pl.DataFrame] = []
    batch = Batch(program, "monday", AT, keep)
    summary = run(store, batch, Table(rows), taken.append, resume)
    return pl.concat(taken), summary


def test_a_batch_stores_profiles_and_predictions_and_decides_for_all(store: Store) -> None:
    rows, summary = decided(store, stored(store), table())
    assert rows["customer"].to_list() == FRAME["customer"].to_list()
    assert summary.customers == 40
    assert sum(summary.arms.values()) == sum(summary.actions.values()) == 40
    places = [action.name for action in PROGRAM.actions]
    counted = [(-count, places.index(name)) for name, count in summary.actions.items()]
    assert counted == sorted(counted), "the most frequent first, then as they stand in the program"
    assert summary.funnel.customers == 40
    assert summary.funnel.dropped["eligible"] > 0
    with store.read() as connection:
        one = customers.customers(connection, ["c3"])["c3"]
        assert one.attributes == {"age": 18, "spend": 2.0, "country": "SE"}
        assert predictions.predictions(connection, ["c3"])["c3"]["p_buy.sale"].score == 0.1


def test_who_answered_is_decided_for_by_columns_too(store: Store) -> None:
    with store.write() as c:
        text = TEXT + 'cooldowns: ["ignored 2 times in 30 days: pause 60 days", "visit: pause 9 days"]\n'
        program = applied(c, text)
    people = table(FRAME.with_columns(age=pl.lit(40)))
    first, _ = decided(store, program, people)
    sent = first.filter(pl.col("channel").is_not_null())
    answered = sent["customer"].to_list()[::2]
    at_us = microseconds(AT + timedelta(days=1))
    with store.write() as c:
        visits = [OutcomeRow(f"e{one}", None, one, "visit", 1.0, at_us, at_us) for one in answered]
        outcomes.append_outcomes(c, visits)
        rows = c.exec_driver_sql("SELECT count(*) FROM decision").scalar_one()
    batch = Batch(program, "later", AT + timedelta(days=2))
    taken: list[pl.DataFrame] = []
    summary = run(store, batch, Table(people), taken.append)
    later = pl.concat(taken).filter(pl.col("customer").is_in(answered))
    assert later["channel"].drop_nulls().len() == 0
    why = "contact policy: all channels: visit: pause 9 days"
    assert why in summary.funnel.by_reason
    with store.read() as c:
        assert c.exec_driver_sql("SELECT count(*) FROM decision").scalar_one() == rows == 0


def test_a_file_without_consents_is_decided_and_nobody_is_contacted(store: Store) -> None:
    rows, _ = decided(store, stored(store), table(FRAME.drop("consent.marketing")))
    assert rows.height == 40 and rows["channel"].drop_nulls().to_list() == []


def test_a_score_of_nothing_is_a_score(store: Store) -> None:
    scored = FRAME.head(2).with_columns(pl.Series("p_buy.sale", [0.0, None]))
    decided(store, stored(store), table(scored))
    with store.read() as connection:
        found = predictions.predictions(connection, ["c0", "c1"])
    assert found["c0"]["p_buy.sale"].score == 0.0
    assert "c1" not in found


def test_a_batch_is_never_decided_twice_and_goes_on_where_it_stopped(store: Store) -> None:
    program = stored(store)
    half, _ = decided(store, program, table().head(15))
    with pytest.raises(InputError, match="--resume"):
        decided(store, program, table())
    rows, summary = decided(store, program, table(), resume=True)
    assert summary.replayed == 15
    assert rows.head(15).equals(half)
    with store.read() as connection:
        assert len(decisions.decisions_iter(connection, "spring", 0, 1000)) == 40


@pytest.mark.parametrize("name", ["out.parquet", "out.csv"])
def test_decisions_are_written_and_read_again(store: Store, tmp_path: Path, name: str) -> None:
    rows, _ = decided(store, stored(store), table())
    with outbox(tmp_path / name) as take:
        take(rows.head(7))
        take(rows.slice(7))
    back = read_table(tmp_path / name)
    assert back["id"].to_list() == rows["id"].to_list()
    assert back["propensity"].to_list() == rows["propensity"].to_list()
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith((".", "out"))) == [name]


def test_nothing_is_written_where_a_batch_ends_in_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), outbox(tmp_path / "out.parquet") as take:
        take(FRAME)
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_batch_left_beside_its_file_is_cleared_away_by_the_next(tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    code = (
        "import os, signal, sys, polars; from engine.outbox import outbox\n"
        "with outbox(sys.argv[1]) as take:\n"
        "    take(polars.DataFrame({'a': [1]}))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(out)]).returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    with outbox(tmp_path / "another.parquet") as take:
        take(FRAME)
        assert left.is_dir(), "it is another file's"
    with outbox(out) as take:
        assert not left.exists()
        own = set(tmp_path.iterdir())
        with outbox(out) as beside:
            beside(FRAME)
            assert own < set(tmp_path.iterdir()), "somebody is still at work there"
        take(FRAME)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["another.parquet", "out.parquet"]


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="parquet or"):
        check_out(tmp_path / "out.xlsx")


def test_a_file_is_read_in_pieces_and_every_row_looked_at_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.roster.PIECE", 15)
    path = tmp_path / "customers.parquet"
    FRAME.write_parquet(path)
    roster = open_file(PROGRAM, path, open_rows(path))
    assert (roster.height, roster.ignored) == (40, ["shoe_size"])
    assert [one.height for one in roster.tables()] == [15, 15, 10]
    assert pl.concat(roster.tables()).equals(table())
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(InputError, match="was changed while it was read"):
        next(roster.tables())
    FRAME.with_columns(age=pl.Series([20] * 31 + [None] + [2**60] * 8)).write_parquet(path)
    with pytest.raises(InputError, match="row 33: age == 1152921504606846976"):
        open_file(PROGRAM, path, open_rows(path))
    FRAME.with_columns(customer=pl.Series([*FRAME["customer"][:38], "c3", "c39"])).write_parquet(path)
    with pytest.raises(InputError, match="row 39: customer == 'c3', must occur once, stands in row 4"):
        open_file(PROGRAM, path, open_rows(path))


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("age", ["x"] * 40, "row 1: age == 'x', must be of type integer"),
        ("age", [20] * 39 + [20.5], "row 40: age == 20.5"),
        ("age", [20] * 39 + [2**53 + 1], "row 40: age == 9007199254740993"),
        ("spend", [1.0] * 39 + [float("inf")], "row 40: spend == inf"),
        ("country", [1] * 40, "must be text"),
        ("customer", ["c1"] * 40, "row 2: customer == 'c1', must occur once"),
        ("customer", [None] + [f"c{i}" for i in range(39)], "row 1: customer == None, must be given"),
        ("consent.marketing", ["perhaps"] * 40, "must be of type boolean"),
    ],
)
def test_a_bad_value_is_named_before_anything_is_stored(column: str, values: list[object], said: str) -> None:
    with pytest.raises(InputError) as error:
        table(FRAME.with_columns(pl.Series(column, values, strict=False)))
    assert said in str(error.value)


def test_columns_no_one_asked_for_are_told() -> None:
    assert unknown_columns(PROGRAM, FRAME.columns) == ["shoe_size"]


def test_what_is_not_known_is_not_stored_as_something() -> None:
    assert "spend" not in profiles(PROGRAM, table(), 0)[0].attributes


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("no.csv", None, "no such file"),
        ("a.xlsx", b"x", "no form that is read"),
        ("a.parquet", b"PAR1 but not really", "cannot be read as parquet"),
        ("a.csv", b"a,b\n", "no rows"),
        ("a.csv.gz", b"\x1f\x8b\x08 broken", "cannot be read as csv"),
    ],
)
def test_unreadable_files_are_refused_in_words(
    tmp_path: Path, name: str, body: bytes | None, said: str
) -> None:
    if body is not None:
        (tmp_path / name).write_bytes(body)
    with pytest.raises(InputError) as error:
        read_table(tmp_path / name)
    assert said in str(error.value)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_whole(tmp_path / "deep" / "page.html", b"whole")
    assert (tmp_path / "deep" / "page.html").read_bytes() == b"whole"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["page.html"]


def test_two_ids_of_one_person_in_a_file_share_its_cap(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "capped.yaml"
    file.write_text(
        "program: capped\n"
        "caps: [1 per 30 days]\n"
        "channels: {email: {consent: marketing}}\n"
        "offers: {sale: {value: 9}}\n"
        "slots: {now: {}}\n"
        "goal: {outcomes: {visit: 1.0}, window: 14 days}\n"
        "arms: {policy: 1.0}\n"
        "policy: {kind: priority}\n"
    )
    with store.write() as connection:
        program = apply(connection, file, AT)
    rows = customer_table(
        program,
        pl.DataFrame({"customer": [f"c{i}" for i in range(60)], "consent.marketing": [True] * 60}),
        "customers.csv",
    )
    with store.write() as connection:
        for i in range(0, 60, 2):
            merge(connection, f"c{i + 1}", f"c{i}", AT, "a test")
    persons = sorted(f"c{i}" for i in range(0, 60, 2))
    for number, day in enumerate((0, 1, 40)):
        at = AT + timedelta(days=day)
        run(store, Batch(program, f"batch {number}", at), Table(rows))
        with store.read() as connection:
            sent = decisions.contacts(connection, rows["customer"].to_list(), microseconds(at))
        assert sorted(one.customer for one in sent) == (persons if day != 1 else [])


def test_whoever_stands_in_the_same_folds_is_decided_for_together(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the file is sorted the next day, no fold is read for two chunks."""
    monkeypatch.setattr("engine.batch.CHUNK", 4)
    monkeypatch.setattr("engine.lane.FOLD", 4)
    program = stored(store)
    people = table()
    run(store, Batch(program, "monday", AT), Table(people))
    read = list[int]()
    body = blocks.body
    monkeypatch.setattr(blocks, "body", lambda c, number: read.append(number) or body(c, number))
    shuffled = people.sample(fraction=1.0, shuffle=True, seed=1)
    answers = list[pl.DataFrame]()
    run(store, Batch(program, "tuesday", AT + timedelta(days=1)), Table(shuffled), answers.append)
    assert answers[0]["customer"].to_list() == shuffled["customer"].to_list()
    assert sorted(read) == sorted(set(read)) and len(read) == -(-people.height // 4)


def test_rows_that_hold_much_are_written_a_few_together(tmp_path: Path) -> None:
    with outbox(tmp_path / "out.parquet") as take:
        take(pl.DataFrame({"feasible": ["sale/email/now " * 20_000] * 300}))
    rows = group_rows(tmp_path / "out.parquet")
    assert sum(rows) == 300 and len(rows) > 1


def test_a_file_without_the_column_of_ids_is_told_how_to_name_it() -> None:
    with pytest.raises(
        InputError, match=r"no column 'customer'.*Name the column of the customers' ids with --customer"
    ):
        customer_table(PROGRAM, FRAME.rename({"customer": "account"}), "leads.csv")
