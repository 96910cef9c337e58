"""Bad input at the command line: one sentence, exit code 2, and nothing is written, half or whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine import cli
from engine.commands.init import start
from engine.store import open_store
from engine.store.sqlite import BUSY_MS

AT = ["--at", "2026-11-24T10:00:00Z"]
CUSTOMERS = "customer,zone,age,spend\n"
PROGRAM = ["-p", "program.yaml"]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The starter project as the current folder, without a store yet."""
    monkeypatch.delenv("NEXTBEST_STORE", raising=False)
    monkeypatch.chdir(tmp_path)
    start(Path("shop"))
    monkeypatch.chdir(tmp_path / "shop")
    return tmp_path / "shop"


def files() -> dict[str, bytes]:
    """Every file below the current folder, and what it holds."""
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


def refused(capsys: pytest.CaptureFixture[str], line: list[str], *named: str) -> str:
    """Run a command line that must be refused, in words and as JSON, and leave every file as it was."""
    before = files()
    assert cli.main(line) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("nextbest: ") and "Unexpected" not in said.err
    for word in named:
        assert word in said.err
    assert cli.main([*line, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["message"] in said.err
    assert files() == before
    return said.err


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ("a,Europe/Oslo,30,inf", ("customers.csv, row 1", "spend == inf", "number")),
        ("a,Europe/Oslo,30,1e300", ("row 1", "spend == 1e+300")),
        ("a,Europe/Oslo,30.5,1", ("row 1", "age == 30.5", "integer")),
        ("a,Europe/Oslo,thirty,1", ("row 1", "age == 'thirty'", "integer")),
        ("a,Mars/Olympus,30,1", ("row 1", "zone == 'Mars/Olympus'", "Europe/Oslo")),
        (",Europe/Oslo,30,1", ("row 1", "customer", "must be given")),
        ("a,Europe/Oslo,30,1\na,Europe/Oslo,30,1", ("row 2", "customer == 'a'", "once")),
        (f"{'x' * 129},Europe/Oslo,30,1", ("row 1", "1-128")),
        ('"a\tb",Europe/Oslo,30,1', ("row 1", r"'a\tb'", "control characters")),
    ],
)
def test_a_bad_customer_is_named_before_anyone_is_decided(
    shop: Path, capsys: pytest.CaptureFixture[str], row: str, named: tuple[str, ...]
) -> None:
    assert cli.main(["learn", *PROGRAM, *AT]) == 0  # makes the store and puts the program into it
    capsys.readouterr()
    Path("customers.csv").write_text(CUSTOMERS + row + "\n")
    refused(capsys, ["batch", "customers.csv", *PROGRAM, "--out", "out.csv", *AT], *named)


@pytest.mark.parametrize("body", ['{"customer": "a", "age": true}', '{"customer": "a", "age": {"x": 3}}'])
def test_truth_values_and_objects_are_no_numbers(
    shop: Path, capsys: pytest.CaptureFixture[str], body: str
) -> None:
    assert cli.main(["learn", *PROGRAM, *AT]) == 0
    capsys.readouterr()
    Path("a.jsonl").write_text(body + "\n")
    refused(capsys, ["batch", "a.jsonl", *PROGRAM, "--out", "out.csv", *AT], "row 1", "age", "integer")


@pytest.mark.parametrize("out", ["out.xlsx", "a_folder.csv", "program.yaml/out.csv"])
def test_a_place_that_takes_no_decisions_is_refused_before_any_is_made(
    shop: Path, capsys: pytest.CaptureFixture[str], out: str
) -> None:
    Path("a_folder.csv").mkdir()
    refused(capsys, ["batch", "customers.csv", *PROGRAM, "--out", out, *AT], out)


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 129])
def test_a_batch_has_a_printable_name(shop: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    refused(capsys, ["batch", "customers.csv", *PROGRAM, "--out", "o.csv", "--name", name, *AT], "--name")


@pytest.mark.parametrize("verb", [["decide", "c"], ["learn"], ["batch", "customers.csv", "--out", "o.csv"]])
@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("offers:", "ofers:", ("line 16", "'ofers'", "'offers'")),
        ("eligible: spend >= 50", "eligible: spnd >= 50", ("line 25", "members_sale", "'spnd'", "'spend'")),
        ("program: first", "program: [", ("line", "not YAML")),
    ],
)
def test_a_wrong_program_file_is_named_by_its_line_and_makes_no_store(
    shop: Path,
    capsys: pytest.CaptureFixture[str],
    verb: list[str],
    old: str,
    new: str,
    named: tuple[str, ...],
) -> None:
    Path("wrong.yaml").write_text(Path("program.yaml").read_text().replace(old, new, 1))
    refused(capsys, [*verb, "-p", "wrong.yaml", *AT], "wrong.yaml", *named)


@pytest.mark.parametrize(
    "line",
    [
        ["decide", "c", "-p", "first"],
        ["batch", "customers.csv", "-p", "first", "--out", "o.csv"],
        ["learn", "-p", "first"],
        ["replay", "0193"],
    ],
)
def test_a_store_that_is_not_there_is_not_made_to_look_something_up(
    shop: Path, capsys: pytest.CaptureFixture[str], line: list[str]
) -> None:
    refused(capsys, line, "nextbest.db: there is no store", "--store")


@pytest.mark.parametrize(
    ("store", "named"),
    [
        (".", "unable to open"),
        ("customers.csv", "not a database"),
        ("no/such/folder.db", "there is no folder"),
        (":memory:", "must be the path of a file"),
    ],
)
def test_a_store_that_is_none_is_bad_input(
    shop: Path, capsys: pytest.CaptureFixture[str], store: str, named: str
) -> None:
    refused(capsys, ["decide", "c", *PROGRAM, "--store", store, *AT], named)


def test_a_store_somebody_else_writes_to_is_no_bad_input(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.store.sqlite._SETTINGS", ("PRAGMA busy_timeout = 1",))
    store = open_store("nextbest.db")
    with store.write():
        assert cli.main(["decide", "c", *PROGRAM, *AT]) == 3
    store.close()
    assert f"writing for {BUSY_MS // 1000} s" in capsys.readouterr().err


@pytest.mark.parametrize("at", ["yesterday", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", ""])
@pytest.mark.parametrize("verb", [["decide", "c"], ["learn"], ["batch", "customers.csv", "--out", "o.csv"]])
def test_a_moment_outside_the_calendar_is_refused(
    shop: Path, capsys: pytest.CaptureFixture[str], verb: list[str], at: str
) -> None:
    refused(capsys, [*verb, *PROGRAM, "--at", at], "--at")


@pytest.mark.parametrize(
    "context",
    [
        "{",
        "[1]",
        '{"age": NaN}',
        '{"age": 1e400}',
        '{"age": "old"}',
        '{"agge": 3}',
        '{"age": {"x": 1}}',
        '{"age": 3, "age": 4}',
    ],
)
def test_a_bad_context_is_refused(shop: Path, capsys: pytest.CaptureFixture[str], context: str) -> None:
    assert cli.main(["learn", *PROGRAM, *AT]) == 0
    capsys.readouterr()
    refused(
        capsys,
        ["decide", "c", *PROGRAM, "--context", context, "--key", "k", *AT],
        "age" if "a" in context else "--context",
    )


@pytest.mark.parametrize("option", [["--key", ""], ["--key", "a\tb"], ["--wy"]])
def test_a_bad_option_is_refused(shop: Path, capsys: pytest.CaptureFixture[str], option: list[str]) -> None:
    refused(capsys, ["decide", "c", *PROGRAM, *AT, *option], "key" if "--key" in option else option[0])


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ("b,NaN", "row 2: score == nan"),
        ("b,inf", "row 2: score == inf"),
        ("b,1e300", "row 2: score == 1e+300"),
        ("b,high", "row 2: score == 'high'"),
        ("b,", "row 2: score == None"),
        ("a,0.2", "row 2: score == 0.2, customer 'a' has 0.1"),
        (",0.2", "row 2: customer == None, must be given"),
        (f"{'x' * 129},0.2", "row 2: customer == 'xxx"),
    ],
)
def test_a_bad_score_is_refused(shop: Path, capsys: pytest.CaptureFixture[str], row: str, named: str) -> None:
    Path("scores.csv").write_text(f"customer,score\na,0.1\n{row}\n")
    line = ["predict", "import", "scores.csv", "--model", "p_come_back", "--version", "1", *AT]
    refused(capsys, line, "scores.csv", named)


def test_scores_of_a_model_that_no_program_uses_are_taken_with_a_word(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("scores.csv").write_text("customer,score\na,0.1\n")
    assert cli.main(["learn", *PROGRAM, *AT]) == 0
    line = ["predict", "import", "scores.csv", "--version", "1", *AT, "--model"]
    capsys.readouterr()
    assert cli.main([*line, "p_comeback"]) == 0
    assert "No program of the store names 'p_comeback'" in capsys.readouterr().out
    assert cli.main([*line, "p_come_back", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["used_by"] == ["first"]


def test_a_wrong_date_of_scores_names_its_own_option(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("scores.csv").write_text("customer,score\na,0.1\n")
    line = ["predict", "import", "scores.csv", "--model", "p_come_back", "--version", "1", "--as-of", "soon"]
    refused(capsys, line, "--as-of == 'soon'")


OUTCOME = '{"type":"outcome","event":"e1","customer":"c","kind":"visit","at":"2026-11-24T10:00:00Z"}'


@pytest.mark.parametrize(
    "line",
    [
        "{",
        OUTCOME.replace("e1", ""),
        OUTCOME.replace("Z", ""),
        OUTCOME.replace("}", ',"value":1e400}'),
        OUTCOME.replace("}", ',"valu":1}'),
        '{"type":"identify","customer":"c","zone":"Mars/Olympus"}',
        '{"type":"identify","customer":"c","consent":{"email":"yes"}}',
    ],
)
def test_a_bad_event_is_named_by_its_line_and_none_is_stored(
    shop: Path, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    Path("events.jsonl").write_text(f"{OUTCOME}\n{line}\n")
    refused(capsys, ["track", "events.jsonl", *AT], "events.jsonl, line 2")


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet", ".jsonl"])
@pytest.mark.parametrize(
    "body", [b"", bytes(range(256)) * 20, b"\x1f\x8b\x08\0\0\0\0\0\0\3\x4b", b"PAR1xxPAR1"]
)
def test_an_unreadable_file_is_named(
    shop: Path, capsys: pytest.CaptureFixture[str], suffix: str, body: bytes
) -> None:
    name = f"broken{suffix}"
    Path(name).write_bytes(body)
    refused(capsys, ["batch", name, *PROGRAM, "--out", "o.csv", *AT], name)
