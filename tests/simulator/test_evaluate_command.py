"""`nextbest evaluate` as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine import cli
from tests.simulator.bandits import logged


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log of 3,000 decisions as CSV, with the verb known to the command line however it is installed."""
    import polars as pl

    monkeypatch.setitem(cli.VERBS, "evaluate", "simulator.evaluate_command:evaluate")
    log, _ = logged(1, n=3000)
    frame = log.frame.with_columns(x0=log.X[:, 0], p=log.propensity, at=pl.int_range(3000))
    path = tmp_path / "log.csv"
    frame.write_csv(path)
    return path


COLUMNS = ["--action", "action", "--propensity", "p", "--reward", "reward", "--context", "x0"]


def run(file: Path, *more: str) -> int:
    return cli.main(["evaluate", str(file), *COLUMNS, *more])


def test_json_carries_every_policy_in_order(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(
        file,
        "--policy",
        "uniform",
        "--policy",
        "constant:a1",
        "--against",
        "constant:a1",
        "--time",
        "at",
        "--json",
    )
    shown = json.loads(capsys.readouterr().out)
    assert code == 0 and shown["n"] == 3000
    assert [one["name"] for one in shown["policies"]] == ["uniform", "constant:a1"]
    assert shown["policies"][0]["lift"]["against"] == "constant:a1"


def test_the_table_names_value_lift_and_verdict(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    assert run(file, "--policy", "constant:a0", "--estimator", "ips,dr") == 0
    out = capsys.readouterr().out
    assert "3,000 logged decisions earned" in out
    assert all(word in out for word in ("constant:a0", "supported", "against", "logged", "ips", "dr *"))


def test_a_refusal_is_told_in_words_with_exit_code_1(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("\n".join(file.read_text().splitlines()[:100]))
    assert run(file, "--policy", "constant:a0") == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "refused" in out and "effective sample of only" in out and "nan" not in out.lower()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--policy", "constant:a7"], "the log has no action 'a7'"),
        (["--policy", "uniform", "--context", "x9"], "has no column 'x9'"),
        (["--policy", "uniform", "--propensity", "0"], "propensity is 0.0, must be in (0, 1]"),
        (["--policy", "uniform", "--level", "95"], "level is 95"),
        ([], "policy"),
    ],
)
def test_bad_input_is_one_sentence_with_exit_code_2(
    file: Path, capsys: pytest.CaptureFixture[str], more: list[str], said: str
) -> None:
    assert run(file, *more) == 2
    told = capsys.readouterr().err
    assert said in told and "Traceback" not in told and len(told.strip().splitlines()) == 1


def test_a_missing_file_is_told(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(file.with_name("none.csv"), "--policy", "uniform") == 2
    assert "none.csv: cannot be read" in capsys.readouterr().err
