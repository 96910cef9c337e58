"""`nextbest predict`: in from every kind of file, looked over on the terminal and as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from engine import cli

AT = ["--at", "2026-11-24T10:00:00Z"]
MODEL = ["--model", "p_come_back"]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A new project whose program is applied, and the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NEXTBEST_STORE", raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    assert cli.main(["init", "shop"]) == 0
    monkeypatch.chdir(tmp_path / "shop")
    assert cli.main(["learn", "-p", "program.yaml", *AT]) == 0
    capsys.readouterr()
    return Path.cwd()


def told(capsys: pytest.CaptureFixture[str], *line: str, code: int = 0) -> Any:
    assert cli.main([*line, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def scores(name: str, power: float = 1.0, n: int = 300) -> Path:
    path = Path(name)
    frame = pl.DataFrame(
        {"customer": [f"c{i}" for i in range(n)], "score": [(i / n) ** power for i in range(n)]}
    )
    writer = {".csv": frame.write_csv, ".parquet": frame.write_parquet, ".jsonl": frame.write_ndjson}
    writer[path.suffix](path)
    return path


@pytest.mark.parametrize("name", ["scores.csv", "scores.parquet", "scores.jsonl"])
def test_scores_come_in_from_every_kind_of_file(
    shop: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    line = ["predict", "import", str(scores(name)), *MODEL, "--version", "1", *AT]
    first, again = told(capsys, *line), told(capsys, *line)
    assert (first["customers"], first["new"], again["new"]) == (300, 300, 0)
    assert first["used_by"] == ["first"] and first["drift"] is None


def test_each_row_may_have_its_own_date(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("dated.csv").write_text(
        "customer,score,made\na,0.1,2026-11-01\na,0.2,2026-11-02T06:00:00+01:00\nb,0.3,2026-11-03 12:00:00\n"
    )
    line = ["predict", "import", "dated.csv", *MODEL, "--version", "1", "--as-of-column", "made", *AT]
    assert told(capsys, *line)["new"] == 3
    (version,) = told(capsys, "predict", "report", "p_come_back", *AT)["models"][0]["versions"]
    assert (version["first_as_of"], version["last_as_of"]) == (
        "2026-11-01T00:00:00Z",
        "2026-11-03T12:00:00Z",
    )


@pytest.mark.parametrize(
    ("rows", "options", "said"),
    [
        ("a,0.1,soon", ["--as-of-column", "made"], "row 1: made == 'soon', must be a time"),
        ("a,0.1,2026-12-01", ["--as-of-column", "made"], "row 1: as_of == '2026-12-01"),
        ("a,0.1,2026-11-01", ["--as-of", "2026-12-01"], "must not lie after its import"),
        ("a,0.1,2026-11-01", ["--as-of", "2026-11-01", "--as-of-column", "made"], "give one of them"),
        ("a,0.1,2026-11-01", ["--as-of-column", "date"], "no column 'date'"),
        ("a,0.1,x\nb,1.2,x", ["--probability"], "row 2: score == 1.2, must be within [0, 1]"),
        ("a,0.1,x", ["--horizon", "soon"], "--horizon == 'soon', must be a length of time"),
        ("a,0.1,x", ["--target", "comeback"], "Did you mean 'come_back'?"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_words_and_nothing_is_stored(
    shop: Path, capsys: pytest.CaptureFixture[str], rows: str, options: list[str], said: str
) -> None:
    Path("scores.csv").write_text(f"customer,score,made\n{rows}\n")
    line = ["predict", "import", "scores.csv", *MODEL, "--version", "1", *options, *AT]
    assert cli.main(line) == 2
    assert said in capsys.readouterr().err
    assert told(capsys, "predict", "report", *AT)["models"] == []


def test_drift_is_said_at_import_and_in_the_report(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = ["predict", "import", str(scores("old.csv")), *MODEL, "--version", "old", "--as-of", "2026-11-01"]
    new = ["predict", "import", str(scores("new.csv", 3.0)), *MODEL, "--version", "new"]
    assert cli.main([*old, *AT]) == 0 and cli.main([*new, *AT]) == 0
    said = capsys.readouterr().out
    assert "300 scores of p_come_back (version old) imported: mean 0.4983." in said
    assert "against version old PSI" in said and "(a large change)" in said
    assert cli.main(["predict", "report", *AT]) == 0
    shown = capsys.readouterr().out
    assert "used by first" in shown and "used whatever its age" in shown and "a large change" in shown


def test_calibration_is_refused_with_exit_1_where_too_little_is_known(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["predict", "import", str(scores("scores.csv")), *MODEL, "--version", "1", *AT]
    assert cli.main(line) == 0
    report = ["predict", "report", "p_come_back", "--calibration", *AT]
    assert cli.main(report) == 1
    assert "2 outcomes of worth (visit, purchase): name one" in capsys.readouterr().err
    found = told(capsys, *report, "--outcome", "purchase", code=1)["models"][0]["reliability"][0]
    assert found["sent"] is None and found["refused"][0].startswith("0 matured decisions sent the offer")
    assert cli.main(["predict", "report", "p_comeback", *AT]) == 2
    assert "Did you mean 'p_come_back'?" in capsys.readouterr().err
