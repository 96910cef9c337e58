"""Decisions go out as a table that says what a replay and an evaluation need, and past campaigns come in."""

from __future__ import annotations

import json
import tracemalloc
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from engine import cli, export
from engine.applied import stored_program
from engine.learn import learn
from engine.store import Store, decisions, open_store, outcomes, sent
from engine.store.rows import OutcomeRow
from engine.unsent import withdraw
from tests.engine.programs import AT, TEXT, applied, ask, people

RIPE, DAY = AT + timedelta(days=9), timedelta(days=1)


@pytest.fixture
def log(store: Store) -> Store:
    """60 decisions under two versions of a program, with outcomes of some."""
    with store.write() as c:
        applied(c)
        names = people(c, 40)
        ask(c, names[:30])
        applied(c, TEXT.replace("sale: {value: 40, ", "sale: {value: 40, cost: 2, "))
        ask(c, names[:30], AT + timedelta(days=1), "again")
        rows = decisions.decisions_iter(c, "spring", 0, 100)
        us = rows[0].at_us + 3_600_000_000
        happened = [
            OutcomeRow(f"e{i}", row.id, row.customer, "purchase", 10.0 + i, us, us)
            for i, row in enumerate(rows[:30:3])
        ]
        outcomes.append_outcomes(c, [*happened, OutcomeRow("other", None, "c39", "visit", 1.0, us, us)])
    return store


def exported(
    store: Store, part: str, since: datetime = AT - timedelta(days=1), at: datetime = RIPE
) -> pl.DataFrame:
    with store.read() as c:
        program = stored_program(c, "spring")
        return pl.concat(list(export.EXPORTS[part](c, program, since, at)))


def test_a_decision_goes_out_with_its_context_its_choices_and_its_reward(log: Store) -> None:
    table = exported(log, "decisions")
    with log.write() as c:
        rows = decisions.decisions_iter(c, "spring", 0, 100)
        learn(c, "spring", RIPE)
        learnt = dict(c.exec_driver_sql("SELECT decision, reward FROM learnt").fetchall())
    assert table["id"].to_list() == [row.id for row in rows]
    assert table["propensity"].to_list() == [row.propensity for row in rows]
    assert table["program_version"].to_list() == [1] * 30 + [2] * 30
    assert {row.seq: reward for row, reward in zip(rows, table["reward"], strict=True)} == learnt
    for row in table.iter_rows(named=True):
        assert "no_action" in row["feasible"].split()
        assert row["action"] in row["feasible"].split()
        assert row["context.age"] == 15 + int(row["customer"][1:])


def test_a_reward_is_unknown_while_outcomes_may_still_come(log: Store) -> None:
    early = exported(log, "decisions", at=AT + timedelta(days=7, hours=12))
    assert early["reward"].is_null().to_list() == [False] * 30 + [True] * 30


def test_a_withdrawn_decision_goes_out_as_no_contact(log: Store) -> None:
    with log.write() as c:
        gone = next(row for row in decisions.decisions_iter(c, "spring", 0, 100) if row.contact)
        withdraw(c, [gone])
    table = exported(log, "decisions")
    (found,) = table.filter(pl.col("id") == gone.id).iter_rows(named=True)
    assert (found["contact"], found["withheld"], found["fallback"]) == (False, "withdrawn", "no_action")
    assert found["action"] == gone.action_name
    with log.read() as c:
        offered = sent.sent(c, "spring", gone.offer, 1 << 62, 0, 1000)
    assert gone.seq not in {row.seq for row in offered}


def test_since_leaves_out_what_is_dated_before(log: Store) -> None:
    later = AT + timedelta(hours=1)
    assert exported(log, "decisions", later)["program_version"].to_list() == [2] * 30
    assert exported(log, "outcomes", later).height == 10
    assert exported(log, "outcomes", later + timedelta(hours=1)).height == 0
    assert exported(log, "assignments", later).height == 0


def test_outcomes_are_those_of_customers_with_an_arm(log: Store) -> None:
    found = exported(log, "outcomes")
    assert found.height == 10 and "c39" not in found["customer"]
    arms = exported(log, "assignments")
    assert arms["customer"].to_list() == sorted(f"c{i}" for i in range(30))


def test_parts_make_the_same_table_as_one(log: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = {part: exported(log, part) for part in export.EXPORTS}
    monkeypatch.setattr(export, "PART", 7)
    for part, table in whole.items():
        assert exported(log, part).equals(table)


def test_an_attribute_of_another_type_in_an_older_version_goes_out_as_unknown(log: Store) -> None:
    with log.write() as c:
        applied(
            c, TEXT.replace("age: integer", "age: text").replace("eligible: age >= 18", "eligible: spend > 0")
        )
    assert exported(log, "decisions")["context.age"].is_null().all()


def test_the_memory_of_an_export_is_that_of_a_part(log: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PART", 20)
    with log.write() as c:
        for i in range(8):
            ask(c, [f"c{j}" for j in range(30)], AT + timedelta(days=2 + i), f"more{i}")
    peaks = []
    with log.read() as c:
        program = stored_program(c, "spring")
        tracemalloc.start()
        for i, table in enumerate(export.decision_tables(c, program, AT, RIPE)):
            if i in (3, 14):
                peaks.append(tracemalloc.get_traced_memory()[0])
            del table
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0] + 50_000


CAMPAIGN = """customer,sent,p,age,country,bought,left
c1,mail,0.5,40,NO,12.5,0
c2,,0.5,30,SE,,1
c3,news/sms/now,0.25,,DK,0,false
"""


def answered(capsys: pytest.CaptureFixture[str], *line: str, code: int = 0) -> Any:
    assert cli.main([*line, "--json"]) == code
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("NEXTBEST_STORE", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("spring.yaml").write_text(TEXT)
    Path("march.csv").write_text(CAMPAIGN)
    return tmp_path


TAKE_IN = [
    "import", "march.csv", "-p", "spring.yaml", "--action", "sent", "--propensity", "p",
    "--outcome", "purchase=bought", "--means", "mail=sale/email/now", "--at", "2026-11-01T08:00:00Z",
]  # fmt: skip


def test_a_past_campaign_comes_in_once_and_goes_out_as_it_came(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answered(capsys, *TAKE_IN) == {"rows": 3, "new": 3, "campaign": "march"}
    assert answered(capsys, *TAKE_IN)["new"] == 0
    later = ["--at", "2026-12-01"]
    assert answered(capsys, "learn", "-p", "spring", *later)["decisions"] == 3
    for ending in ("parquet", "csv"):
        told = answered(capsys, "export", "decisions", "-p", "spring", "--out", f"out.{ending}", *later)
        assert told == {"out": f"out.{ending}", "rows": 3}
    table = pl.read_parquet("out.parquet")
    assert table["action"].to_list() == ["sale/email/now", "no_action", "news/sms/now"]
    assert table["propensity"].to_list() == [0.5, 0.5, 0.25]
    assert table["reward"].to_list() == [pytest.approx(12.5 / 2 - 0.01), 0.0, pytest.approx(-0.1)]
    assert table["context.age"].to_list() == [40, 30, None]
    assert pl.read_csv("out.csv")["reward"].to_list() == table["reward"].to_list()
    with open_store("nextbest.db").read() as c:
        assert c.exec_driver_sql("SELECT count(*) FROM assignment").scalar_one() == 0


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (("mail=sale/email/now", "mail=sael"), "--means"),
        (("mail=sale/email/now", "mail=zzz"), "Known: loyalty"),
        (("mail=sale/email/now", "mail"), "two names with = between"),
        (("purchase=bought", "purchase=boght"), "Did you mean 'bought'?"),
        (("p", "chance"), "no column 'chance'"),
        (("p", "1.5"), "must be in (0, 1]"),
        (("purchase=bought", "purchase=country"), "row 1: country == 'NO', must be a number"),
    ],
)
def test_a_campaign_that_does_not_fit_is_refused_whole(
    here: Path, capsys: pytest.CaptureFixture[str], changed: tuple[str, str], words: str
) -> None:
    line = [changed[1] if one == changed[0] else one for one in TAKE_IN]
    assert words in answered(capsys, *line, code=2)["error"]["message"]
    with open_store("nextbest.db").read() as c:
        assert c.exec_driver_sql("SELECT count(*) FROM decision").scalar_one() == 0


def test_what_cannot_be_exported_is_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answered(capsys, *TAKE_IN)
    for line, words in (
        (["export", "decision", "-p", "spring", "--out", "a.csv"], "Did you mean 'decisions'?"),
        (["export", "decisions", "-p", "sprung", "--out", "a.csv"], "Did you mean 'spring'?"),
        (["export", "decisions", "-p", "spring", "--out", "a.xls"], ".parquet or .csv"),
        (["export", "decisions", "-p", "spring", "--out", "a.csv", "--since", "May"], "--since"),
    ):
        assert words in answered(capsys, *line, code=2)["error"]["message"]
    assert not list(here.glob("a.*"))
