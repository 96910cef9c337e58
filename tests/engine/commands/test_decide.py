"""`nextbest decide` and `nextbest batch`: one customer and many get the same arm, retries the same answer."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from engine import cli
from engine.commands.init import start
from engine.domain import ARMS
from engine.store import decisions, open_store

AT = ["--at", "2026-11-24T10:00:00Z"]
LATER = ["--at", "2026-12-24T10:00:00Z"]
PROGRAM = ["-p", "program.yaml"]


@pytest.fixture(autouse=True)
def _shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A starter project with every second customer in the holdout, as the current folder."""
    start(tmp_path / "shop")
    monkeypatch.delenv("NEXTBEST_STORE", raising=False)
    monkeypatch.chdir(tmp_path / "shop")
    text = Path("program.yaml").read_text()
    Path("program.yaml").write_text(
        text.replace("policy: 0.80", "policy: 0.35").replace("holdout: 0.05", "holdout: 0.50")
    )


def answered(capsys: pytest.CaptureFixture[str], *line: str) -> Any:
    """What a command line prints as JSON."""
    assert cli.main([*line, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_customer_has_one_arm_in_batches_single_decisions_and_retries(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answered(capsys, "batch", "customers.csv", *PROGRAM, "--out", "one.csv", *AT)
    answered(capsys, "batch", "customers.csv", *PROGRAM, "--out", "two.csv", "--name", "two", *LATER)
    first, second = pl.read_csv("one.csv"), pl.read_csv("two.csv")
    assert first["arm"].to_list() == second["arm"].to_list()
    assert {"holdout", "policy"} <= set(first["arm"]) <= set(ARMS)
    assert set(first.filter(pl.col("explored"))["arm"]) == {"policy"}
    for row in first.iter_rows(named=True):
        told = answered(capsys, "decide", row["customer"], *PROGRAM, "--key", f"k {row['customer']}", *LATER)
        again = answered(capsys, "decide", row["customer"], *PROGRAM, "--key", f"k {row['customer']}")
        assert told["arm"] == again["arm"] == row["arm"]
        assert again == {**told, "replayed": True}
        if row["arm"] == "holdout":
            assert told["action"] is None and told["propensity"] == 1.0
            assert row["offer"] is None and row["withheld"] is not None


def test_a_batch_goes_on_after_it_was_stopped_and_decides_nobody_twice(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.batch.CHUNK", 20)
    line = ["batch", "customers.csv", *PROGRAM, "--out", "out.csv", "--name", "monday", *AT]

    def stop(done: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped:
        stopped.setattr("rich.progress.Progress.update", lambda *_, **__: stop(0))
        assert cli.main(line) == 130
    assert not Path("out.csv").exists()
    capsys.readouterr()
    assert cli.main(line) == 2
    assert "--resume" in capsys.readouterr().err
    told = answered(capsys, *line, "--resume")
    assert (told["customers"], told["replayed"]) == (50, 20)
    with closing(open_store("nextbest.db")) as store, store.read() as connection:
        rows = decisions.decisions_iter(connection, "first", 0, 1000)
    assert (len(rows), len({row.customer for row in rows})) == (50, 50)


def test_a_damaged_snapshot_is_told_on_stderr_and_the_answer_is_flagged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answered(capsys, "batch", "customers.csv", *PROGRAM, "--out", "one.csv", *AT)
    assert answered(capsys, "learn", *PROGRAM, *LATER)["snapshot"] == 1
    with closing(sqlite3.connect("nextbest.db", isolation_level=None)) as store:
        store.execute("UPDATE snapshot SET body = substr(body, 1, length(body) / 2)")
    assert cli.main(["decide", "c_0001", *PROGRAM, *LATER, "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["fallback"] is True
    assert "SHA-256 differs" in said.err
    assert cli.main(["decide", "c_0001", *PROGRAM, *LATER]) == 0
    assert "a fallback" in capsys.readouterr().out.splitlines()[0]


def test_who_may_be_sent_nothing_is_told_why(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a stranger", "another", "a third"):
        assert cli.main(["decide", name, *PROGRAM, "--why", *AT]) == 0
        said = capsys.readouterr().out
        assert "every action is ruled out" in said or "is in the holdout" in said
        assert "consent, channel email: no consent to email" in said


def test_what_the_request_says_stands_before_the_profile(capsys: pytest.CaptureFixture[str]) -> None:
    answered(capsys, "batch", "customers.csv", *PROGRAM, "--out", "one.csv", *AT)
    known = pl.read_csv("customers.csv").filter(pl.col("spend") < 50)["customer"][0]

    def rules(*more: str) -> set[str]:
        told = answered(capsys, "decide", known, *PROGRAM, "--why", *more, *LATER)
        return {rival["rule"] for rival in told["explanation"]["rivals"]}

    assert "offer members_sale: spend >= 50" in rules()
    assert "offer members_sale: spend >= 50" not in rules("--context", '{"spend": 51}')


@pytest.mark.parametrize(
    ("at", "inside"),
    [
        ("2026-11-22T23:59:59.999999Z", False),
        ("2026-11-23T00:00:00Z", True),
        ("2026-11-30T23:59:59.999999Z", True),
        ("2026-12-01T00:00:00Z", False),
        ("2026-12-01T00:30:00+01:00", True),
    ],
)
def test_an_offer_is_open_from_its_first_microsecond_to_its_last(
    capsys: pytest.CaptureFixture[str], at: str, inside: bool
) -> None:
    text = Path("program.yaml").read_text()
    dated = "    title: New arrivals\n    starts: 2026-11-23\n    ends: 2026-11-30\n"
    Path("program.yaml").write_text(text.replace("    title: New arrivals\n", dated))
    told = answered(capsys, "decide", "c", *PROGRAM, "--why", "--at", at)
    closed = "offer new_arrivals: outside its dates"
    rule = {rival["action"]: rival["rule"] for rival in told["explanation"]["rivals"]}
    assert (rule["new_arrivals/email/now"] == closed) is not inside


def test_nothing_is_sent_once_its_offer_has_ended(capsys: pytest.CaptureFixture[str]) -> None:
    text = Path("program.yaml").read_text()
    dated = "    title: New arrivals\n    ends: 2026-11-30\n"
    Path("program.yaml").write_text(text.replace("    title: New arrivals\n", dated))
    told = answered(capsys, "decide", "c", *PROGRAM, "--why", "--at", "2026-11-30T10:00:00Z")
    closed = "offer new_arrivals: outside its dates"
    late = {one["action"] for one in told["explanation"]["rivals"] if one["rule"] == closed}
    assert late == {"new_arrivals/email/tomorrow_morning"}


def test_no_prediction_is_said_to_choose_where_the_policy_reads_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = Path("program.yaml").read_text()
    Path("program.yaml").write_text(text.replace("policy: {kind: linear}", "policy: {kind: priority}"))
    answered(capsys, "batch", "customers.csv", *PROGRAM, "--out", "one.csv", *AT)
    sentences = [
        answered(capsys, "decide", f"c_000{i}", *PROGRAM, "--why", *LATER)["explanation"]["sentence"]
        for i in range(1, 8)
    ]
    assert any(one.endswith("chosen by the policy priority.") for one in sentences)
    assert not any("predictions" in one for one in sentences)


def test_every_cap_of_a_channel_counts(capsys: pytest.CaptureFixture[str]) -> None:
    text = Path("program.yaml").read_text()
    Path("program.yaml").write_text(
        text.replace("caps: [2 per 7 days]", "caps: [5 per 1 day, 1 per 30 days]")
    )
    answered(capsys, "batch", "customers.csv", *PROGRAM, "--out", "one.csv", *AT)
    mailed = pl.read_csv("one.csv").filter(pl.col("channel") == "email")["customer"].to_list()
    assert len(mailed) > 5
    for customer in mailed:
        told = answered(capsys, "decide", customer, *PROGRAM, "--why", *AT)
        assert told["action"] is None or told["action"]["channel"] != "email"
        assert "email: 1 per 30 days" in {rival["rule"] for rival in told["explanation"]["rivals"]}


def test_without_exploring_the_best_is_taken_and_the_key_stands_for_that_wish(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answered(capsys, "batch", "customers.csv", *PROGRAM, "--out", "one.csv", *AT)
    first = pl.read_csv("one.csv").filter(pl.col("arm") == "policy")["customer"][0]
    line = ["decide", first, *PROGRAM, "--key", "k", *LATER]
    told = answered(capsys, *line, "--no-explore")
    assert told["explored"] is False
    assert (1.0 / told["propensity"]).is_integer()
    assert cli.main(line) == 2
    assert "used before for another request" in capsys.readouterr().err
