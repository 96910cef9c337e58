"""`nextbest replay`: exit 0 for what comes out again bit for bit, 1 for anything changed in the store."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from engine import cli
from engine.commands.init import start
from engine.decimals import restored

FIRST = ["--at", "2026-11-20T10:00:00Z"]
LEARN = ["--at", "2026-12-05T10:00:00Z"]
SECOND = ["--at", "2026-12-06T10:00:00Z"]
THIRD = ["--at", "2027-01-06T10:00:00Z"]
PROGRAM = ["-p", "program.yaml"]


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two batches: the second with a snapshot, and a program that was changed in between."""
    folder = tmp_path_factory.mktemp("replay") / "shop"
    start(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("NEXTBEST_STORE", raising=False)
        patch.chdir(folder)
        assert cli.main(["batch", "customers.csv", *PROGRAM, "--out", "one.csv", *FIRST]) == 0
        Path("events.jsonl").write_text("".join(_events(pl.read_csv("one.csv"))))
        assert cli.main(["track", "events.jsonl", *SECOND]) == 0
        assert cli.main(["learn", *PROGRAM, *LEARN]) == 0
        changed = Path("program.yaml").read_text().replace("value: 6", "value: 60")
        Path("program.yaml").write_text(changed.replace("offers:", "offers:\n  extra: {value: 3}", 1))
        line = ["batch", "customers.csv", *PROGRAM, "--out", "two.csv", "--name", "second", *SECOND]
        assert cli.main(line) == 0
        assert cli.main(["decide", asked(), *PROGRAM, "--key", "one", *THIRD]) == 0
    return folder


@pytest.fixture(autouse=True)
def _here(season: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEXTBEST_STORE", raising=False)
    monkeypatch.chdir(season)


def _events(made: pl.DataFrame) -> list[str]:
    rows = [row for i, row in enumerate(made.iter_rows(named=True)) if i % 3 == 0]
    outcome = {"type": "outcome", "kind": "purchase", "at": "2026-11-21T12:00:00Z", "value": 20}
    return [
        json.dumps({**outcome, "event": row["id"], "customer": row["customer"], "decision": row["id"]}) + "\n"
        for row in rows
    ]


def sent() -> str:
    """A decision of the second batch that sends something."""
    return str(pl.read_csv("two.csv").filter(pl.col("send_at").is_not_null())["id"][0])


def asked() -> str:
    """The customer of that decision, who is asked for alone as well: its situation stands in the row."""
    return str(pl.read_csv("two.csv").filter(pl.col("send_at").is_not_null())["customer"][0])


def test_every_decision_comes_out_again_across_programs_and_snapshots(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("one.csv", "two.csv"):
        made = pl.read_csv(name)
        assert made.height == 50 and made["arm"].n_unique() >= 3
        for id in made["id"]:
            assert cli.main(["replay", id]) == 0
            assert "bit for bit" in capsys.readouterr().out


def flipped(value: Any) -> Any:
    """A value of the same kind that differs in a bit or so."""
    if isinstance(value, bytes):
        middle = len(value) // 2
        return value[:middle] + bytes([value[middle] ^ 1]) + value[middle + 1 :]
    if isinstance(value, str):
        return value[:-1] + ("x" if value[-1:] != "x" else "y")
    return "x" if value is None else value + (1 if isinstance(value, int) else 1e-12)


COLUMNS = (
    "id", "program", "key", "program_version", "snapshot_version", "customer", "at_us", "arm", "action",
    "action_name", "offer", "channel", "slot", "send_at_us", "contact", "propensity", "explored", "fallback",
    "withheld", "value", "situation", "feasible", "created_us",
)  # fmt: skip


@pytest.mark.parametrize("column", COLUMNS)
def test_a_change_of_any_column_of_the_log_is_found(column: str, capsys: pytest.CaptureFixture[str]) -> None:
    id = sent()
    with closing(sqlite3.connect("nextbest.db", isolation_level=None)) as store:
        found = store.execute(f"SELECT seq, {column} FROM decision WHERE id = ?", (id,)).fetchone()
        wrong = 1 - found[1] if column in ("contact", "explored") else flipped(found[1])
        store.execute(f"UPDATE decision SET {column} = ? WHERE seq = ?", (wrong, found[0]))
        try:
            assert cli.main(["replay", wrong if column == "id" else id]) == 1
        finally:
            store.execute(f"UPDATE decision SET {column} = ? WHERE seq = ?", (found[1], found[0]))
    said = capsys.readouterr()
    assert "does not come out again" in said.out or "cannot be made again" in said.err
    assert "Unexpected" not in said.err
    assert cli.main(["replay", id]) == 0


def test_the_list_of_columns_is_complete_but_for_what_no_replay_can_know() -> None:
    with closing(sqlite3.connect("nextbest.db")) as store:
        names = {row[1] for row in store.execute("PRAGMA table_info(decision)")}
    assert names - set(COLUMNS) == {"seq", "request_sha"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"age":', b'"agf":'),
        (b'"zone":"', b'"zone":"x'),
        (b'"spend":', b'"spend":1'),
        (b'"spend":', b'"spend":"x","spend2":'),
    ],
)
def test_a_change_of_the_logged_context_is_found(
    old: bytes, new: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect("nextbest.db", isolation_level=None)) as store:
        id, body = store.execute("SELECT id, situation FROM decision WHERE key = 'one'").fetchone()
        assert old in body
        store.execute("UPDATE decision SET situation = ? WHERE id = ?", (body.replace(old, new, 1), id))
        try:
            assert cli.main(["replay", id, "--json"]) == 1
        finally:
            store.execute("UPDATE decision SET situation = ? WHERE id = ?", (body, id))
    assert "Unexpected" not in capsys.readouterr().err


def doubled(block: bytes) -> bytes:
    """A block of situations in which everybody has spent twice as much, and a half more."""
    written = BytesIO()
    spent = pl.col("value.spend") * 2 + 0.5
    restored(pl.read_ipc(BytesIO(block))).with_columns(spent).write_ipc(written, compression="zstd")
    return written.getvalue()


@pytest.mark.parametrize("damage", [doubled, flipped, lambda block: block[: len(block) // 2], lambda _: b""])
def test_a_change_of_a_block_of_contexts_is_found(
    damage: Callable[[bytes], bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    id = sent()
    with closing(sqlite3.connect("nextbest.db", isolation_level=None)) as store:
        place = store.execute("SELECT situation FROM decision WHERE id = ?", (id,)).fetchone()[0]
        number = int.from_bytes(place[6:14])
        was = store.execute("SELECT body FROM block WHERE number = ?", (number,)).fetchone()[0]
        store.execute("UPDATE block SET body = ? WHERE number = ?", (damage(was), number))
        try:
            assert cli.main(["replay", id]) == 1
        finally:
            store.execute("UPDATE block SET body = ? WHERE number = ?", (was, number))
    assert "Unexpected" not in capsys.readouterr().err
    assert cli.main(["replay", id]) == 0


@pytest.mark.parametrize(
    ("table", "column", "which"),
    [
        ("assignment", "arm", "customer = (SELECT customer FROM decision WHERE id = :id)"),
        ("snapshot", "body", "version = 1"),
        ("snapshot", "sha256", "version = 1"),
        ("program", "text", "version = 2"),
        ("program", "sha256", "version = 2"),
    ],
)
def test_a_change_of_what_a_decision_rests_on_is_found(
    table: str, column: str, which: str, capsys: pytest.CaptureFixture[str]
) -> None:
    id = sent()
    with closing(sqlite3.connect("nextbest.db", isolation_level=None)) as store:
        was = store.execute(f"SELECT {column} FROM {table} WHERE {which}", {"id": id}).fetchone()[0]
        wrong = was + " # more\n" if column == "text" else flipped(was)
        change = f"UPDATE {table} SET {column} = :value WHERE {which}"
        store.execute(change, {"value": wrong, "id": id})
        try:
            assert cli.main(["replay", id]) == 1
        finally:
            store.execute(change, {"value": was, "id": id})
    assert "Unexpected" not in capsys.readouterr().err


def test_an_unknown_decision_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["replay", "0193"]) == 2
    assert "decision '0193' is not in the store" in capsys.readouterr().err
