"""`nextbest plan`, `apply` and `audit`, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine import cli
from engine.commands.init import start

AT = ["--at", "2026-11-24T10:00:00Z"]
P = "program.yaml"


@pytest.fixture(autouse=True)
def _shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The starter project as the current folder, with its customers in the store."""
    start(tmp_path / "shop")
    monkeypatch.delenv("NEXTBEST_STORE", raising=False)
    monkeypatch.chdir(tmp_path / "shop")


def run(capsys: pytest.CaptureFixture[str], *line: str, code: int = 0) -> str:
    """What a command prints."""
    assert cli.main(line) == code
    told = capsys.readouterr()
    return told.out + told.err


def answered(capsys: pytest.CaptureFixture[str], *line: str, code: int = 0) -> Any:
    assert cli.main([*line, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def edit(old: str, new: str) -> None:
    text = Path(P).read_text()
    assert text.count(old) == 1
    Path(P).write_text(text.replace(old, new))


def test_a_plan_makes_no_store_and_applies_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert "a new program" in run(capsys, "plan", P)
    assert not Path("nextbest.db").exists()
    run(capsys, "apply", P)
    edit("holdout: 0.05", "holdout: 0.10")
    edit("policy: 0.80", "policy: 0.75")
    (planned,) = answered(capsys, "plan", P)
    assert [one["where"] for one in planned["plan"]["changes"]] == ["arm policy", "arm holdout"]
    assert planned["plan"]["changes"][0]["weight"] == "warning"
    assert planned["effect"] is None
    assert [one["version_after"] for one in answered(capsys, "audit")] == [1]


def test_comments_and_the_order_of_keys_change_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "apply", P)
    Path(P).write_text("# a comment\n" + Path(P).read_text())
    assert "nothing changes against version 1" in run(capsys, "plan", P)
    assert "nothing changes" in run(capsys, "apply", P)
    assert answered(capsys, "audit")[0]["changes"] == ["nothing but the text of the file"]


def test_the_audit_says_who_why_and_what_and_a_rollback_is_one_line_more(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(capsys, "apply", P, "--by", "anne", "--note", "the first")
    run(capsys, "apply", P)
    edit("holdout: 0.05", "holdout: 0.10")
    edit("policy: 0.80", "policy: 0.75")
    run(capsys, "batch", "customers.csv", "-p", P, "--out", "out.csv", *AT)
    told = run(capsys, "apply", "--rollback", "first", "--by", "ben")
    assert "Version 1 of first is current now." in told
    found = answered(capsys, "audit", "first")
    assert [(one["how"], one["version_before"], one["version_after"]) for one in found] == [
        ("rollback", 2, 1),
        ("-p", 1, 2),
        ("apply", None, 1),
    ]
    assert [one["who"] for one in found[::2]] == ["ben", "anne"] and found[1]["who"]
    assert found[1]["changes"] == ["arm policy 80 % -> 75 %", "arm holdout 5 % -> 10 %"]
    assert "by anne (apply): the first" in run(capsys, "audit")


def test_only_the_plan_that_was_looked_at_is_applied(capsys: pytest.CaptureFixture[str]) -> None:
    (planned,) = answered(capsys, "plan", P)
    sha = planned["plan"]["sha"]
    text = Path(P).read_text()
    Path(P).write_text(f"# edited since\n{text}")
    assert f"not {sha}" in run(capsys, "apply", P, "--plan-sha", sha, code=1)
    Path(P).write_text(text)
    run(capsys, "apply", P, "--plan-sha", sha)
    assert "not " in run(capsys, "apply", P, "--plan-sha", sha, code=1)


def test_findings_have_a_place_stop_an_apply_and_end_a_plan_with_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    good = Path(P).read_text()
    Path("other.yaml").write_text(good.replace("program: first", "program: other"))
    edit("age >= 18", "age >= 18 AND age < 16")
    told = run(capsys, "plan", P, code=1)
    line = next(i for i, text in enumerate(Path(P).read_text().splitlines(), 1) if "age < 16" in text)
    assert f"{P} line {line}, column" in told and "can never hold" in told
    assert "Nothing is applied" in run(capsys, "apply", "other.yaml", P, code=1)
    assert answered(capsys, "audit") == []
    run(capsys, "apply", "other.yaml", P, "--anyway")
    assert {one["program"] for one in answered(capsys, "audit")} == {"first", "other"}


def test_one_plan_tells_all_that_is_wrong_with_all_files(capsys: pytest.CaptureFixture[str]) -> None:
    good = Path(P).read_text()
    bad = good.replace("age >= 18", "agee >= 18").replace("offers:", "eligible: age > 5 AND age < 3\noffers:")
    Path("other.yaml").write_text(bad.replace("program: first", "program: other"))
    edit("age >= 18", "age >= 18 AND age < 16")
    told = run(capsys, "plan", "other.yaml", P, code=2)
    for words in ("Did you mean 'age'?", '"age > 5 AND age < 3" can never hold', f"{P} line"):
        assert words in told, words
    assert told.index("age < 3") < told.index("Did you mean 'age'?") < told.index(P)
    assert "can never hold" in run(capsys, "plan", P, code=1)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["apply"], "not both"),
        (["apply", P, "--rollback", "first"], "not both"),
        (["apply", P, "--to", "2"], "--rollback"),
        (["apply", P, P], "given twice"),
        (["apply", "none.yaml"], "cannot be read"),
        (["apply", "--rollback", "first"], "there is no store"),
        (["audit"], "there is no store"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    capsys: pytest.CaptureFixture[str], line: list[str], words: str
) -> None:
    told = run(capsys, *line, code=2)
    assert words in told and "Traceback" not in told


def test_a_program_or_version_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "apply", P)
    assert "Did you mean 'first'?" in run(capsys, "apply", "--rollback", "frist", code=2)
    assert "version 7" in run(capsys, "apply", "--rollback", "first", "--to", "7", code=2)
    assert "nothing to go back to" in run(capsys, "apply", "--rollback", "first", code=2)
    assert "Did you mean 'first'?" in run(capsys, "audit", "frist", code=2)


def test_whom_a_change_reaches_is_counted_on_the_customers_of_the_store(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(capsys, "batch", "customers.csv", "-p", P, "--out", "out.csv", *AT)
    edit("days_since_visit > 60", "days_since_visit > 120")
    (planned,) = answered(capsys, "plan", P, *AT)
    changed = {n: one for n, one in planned["effect"]["offers"].items() if one["before"] != one["after"]}
    assert changed and all(one["after"] < one["before"] for one in changed.values())
    assert planned["effect"]["customers"] == 50
    sampled = run(capsys, "plan", P, "--customers", "20", *AT)
    assert "on 20 of 50 customers drawn by lot" in sampled


def test_what_follows_from_several_changes_in_a_row_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "apply", P)
    edit("policy: {kind: linear}", "policy: {kind: linear, gamma: 7, optimism: 1}")
    told = run(capsys, "plan", P)
    assert "gamma 7 added" in told and "optimism 1 added" in told
    assert told.count("decides as it was learnt") == 1
