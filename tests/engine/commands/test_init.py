"""`nextbest init`: a starter project whose commands run, made whole or not at all."""

from __future__ import annotations

import csv
import json
import re
import shlex
from pathlib import Path

import pytest

from engine import cli
from engine.program import load

AT = ["--at", "2026-11-24T10:00:00Z"]


def test_the_commands_of_the_starter_project_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NEXTBEST_STORE", raising=False)
    assert cli.main(["init", "shop"]) == 0
    assert "cd shop" in capsys.readouterr().out
    monkeypatch.chdir(tmp_path / "shop")

    told = re.findall(r"^    nextbest (.+)$", Path("README.md").read_text(), re.M)
    lines = [shlex.split(line) for line in told]
    assert [line[0] for line in lines] == ["batch", "decide", "serve"]
    batch, decide, _ = lines
    assert cli.main([*batch, *AT]) == 0
    assert cli.main([*decide, *AT, "--key", "first", "--json"]) == 0

    with Path("decisions.csv").open() as file:
        assert len([*csv.DictReader(file)]) == 50
    shown = capsys.readouterr().out
    assert json.loads(shown[shown.index("\n{") :])["customer"] == "c_0009"


def test_the_starter_program_uses_every_column_of_its_customers(tmp_path: Path) -> None:
    from engine.commands.init import start
    from engine.profiles import unknown_columns
    from engine.tables import read_table

    assert start(tmp_path / "shop") == ["README.md", "customers.csv", "program.yaml"]
    program = load(tmp_path / "shop" / "program.yaml")
    frame = read_table(tmp_path / "shop" / "customers.csv")
    assert unknown_columns(program, frame.columns) == []
    purposes = {f"consent.{channel.consent}" for channel in program.channels}
    known = {a.name for a in program.attributes} | {*program.predictions} | purposes
    assert known <= {*frame.columns}


@pytest.mark.parametrize("kind", ["folder", "file", "dangling"])
def test_what_is_there_already_is_left_as_it_is(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    there = tmp_path / "shop"
    if kind == "folder":
        there.mkdir()
    elif kind == "file":
        there.write_text("mine")
    else:
        there.symlink_to(tmp_path / "nowhere")
    assert cli.main(["init", str(there)]) == 2
    assert f"nextbest: {there} exists already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]
    assert kind != "file" or there.read_text() == "mine"


def test_a_folder_that_cannot_be_made_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["init", str(tmp_path / "absent" / "shop")]) == 2
    assert "cannot be made (No such file or directory)" in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == []


def test_json_names_what_was_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["init", str(tmp_path / "shop"), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made == {"folder": str(tmp_path / "shop"), "files": ["README.md", "customers.csv", "program.yaml"]}
