"""The command line: verbs on use, one sentence for every error, exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import cli
from engine.outline import summary

ROOT = Path(__file__).resolve().parents[2]
VERBS = cli.verbs()
FAKE = '''
"""Verbs that go wrong in every way."""
import sys, time
from typing import Annotated
import typer
from engine.errors import InputError, NotFoundError, RefusedError, StoreError

ERRORS = {
    "input": InputError("customers.csv, line 3: age == 'x', must be a number; correct the line."),
    "not_found": NotFoundError("There is no program 'sprin'."),
    "refused": RefusedError("The log supports no value for always-mens: effective sample size 2."),
    "store": StoreError("The disk is full; nothing was written."),
    "bug": ZeroDivisionError("division by zero"),
    "wordy": ValueError("first line\\nsecond line"),
}

def fake(
    how: str,
    json: Annotated[bool, typer.Option("--json")] = False,
    count: Annotated[int, typer.Option(help="how many")] = 1,
) -> int | None:
    """Go wrong as told."""
    if how in ERRORS:
        raise ERRORS[how]
    if how == "exit":
        raise typer.Exit(count)
    if how == "findings":
        return 1
    if how == "sleep":
        print("asleep", flush=True)
        time.sleep(60)
    if how == "talk":
        while True:
            print("all customers")
    print(f"{how} {count}")

several = typer.Typer(help="Several verbs in one.")

@several.command("import")
def import_(file: str) -> None:
    """Import a file."""
    print(f"imported {file}")
'''
POINTS = """
[nextbest.commands]
fake = fakeverbs:fake
several = fakeverbs:several
absent = fakeverbs_absent:absent
needy = fakeverbs_needy:needy
misnamed = fakeverbs:nothing
decide = fakeverbs:fake
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the import path that holds a package with verbs, as a user would install one."""
    (tmp_path / "fakeverbs.py").write_text(FAKE)
    (tmp_path / "fakeverbs_needy.py").write_text('"""Needs more."""\nimport a_package_nobody_has\n')
    described = tmp_path / "fakeverbs-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: fakeverbs\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text(POINTS)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for module in [name for name in sys.modules if name.startswith("fakeverbs")]:
        del sys.modules[module]


def process(folder: Path, *line: str) -> subprocess.Popen[str]:
    path = os.pathsep.join((str(folder), str(ROOT)))
    return subprocess.Popen(
        [sys.executable, "-m", "engine.cli", *line],
        env=os.environ | {"PYTHONPATH": path, "NEXTBEST_DEBUG": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
    )


@pytest.mark.parametrize(
    ("how", "code", "kind"),
    [
        ("input", 2, "input"),
        ("not_found", 2, "not_found"),
        ("refused", 1, "refused"),
        ("store", 3, "store"),
        ("bug", 3, "unexpected"),
        ("wordy", 3, "unexpected"),
    ],
)
@pytest.mark.usefixtures("plugin")
def test_every_error_is_one_sentence_with_its_exit_code_and_kind(
    how: str, code: int, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["fake", how]) == code
    plain = capsys.readouterr()
    assert plain.out == ""
    assert plain.err.startswith("nextbest: ") and plain.err.count("\n") == 1

    assert cli.main(["fake", how, "--json"]) == code
    encoded = capsys.readouterr()
    error = json.loads(encoded.out)["error"]
    assert error["kind"] == kind
    assert encoded.err == plain.err == f"nextbest: {error['message']}\n"


@pytest.mark.usefixtures("plugin")
def test_the_traceback_is_shown_with_debug_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NEXTBEST_DEBUG", raising=False)
    for line in (["--debug", "fake", "bug"], ["fake", "bug", "--debug"]):
        assert cli.main(line) == 3
        assert "ZeroDivisionError: division by zero" in capsys.readouterr().err
    cli.main(["fake", "bug"])
    assert "Traceback" not in capsys.readouterr().err
    monkeypatch.setenv("NEXTBEST_DEBUG", "1")
    cli.main(["fake", "bug"])
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.usefixtures("plugin")
def test_a_verb_sets_its_exit_code_by_what_it_returns_or_raises(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fake", "well", "--count", "7"]) == 0
    assert capsys.readouterr().out == "well 7\n"
    assert cli.main(["fake", "findings"]) == 1
    assert cli.main(["fake", "exit", "--count", "5"]) == 5


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["fake"], "Missing argument 'how'"),
        (["fake", "well", "--cuont", "2"], "No such option: --cuont"),
        (["fake", "well", "--count", "two"], "'two' was given; Invalid value for '--count'"),
        (["several"], "Missing command"),
        (["several", "export"], "No such command 'export'"),
    ],
)
@pytest.mark.usefixtures("plugin")
def test_misuse_of_a_verb_exits_2_and_points_to_its_help(
    line: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*line]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"nextbest: {said}")
    assert f"See `nextbest {line[0]} --help`." in error


@pytest.mark.usefixtures("plugin")
def test_a_verb_may_have_verbs_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["several", "import", "scores.csv"]) == 0
    assert capsys.readouterr().out == "imported scores.csv\n"


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("absent", "The verb 'absent' is not part of this installation (no module 'fakeverbs_absent')"),
        ("needy", "The verb 'needy' needs a missing package (no module 'a_package_nobody_has')"),
        ("misnamed", "The verb 'misnamed' cannot be loaded"),
    ],
)
@pytest.mark.usefixtures("plugin")
def test_a_verb_that_cannot_be_loaded_says_what_is_missing(
    verb: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([verb]) == 3
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error


def test_an_unknown_verb_suggests_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["decied"]) == 2
    assert "There is no verb 'decied'. Did you mean 'decide'?" in capsys.readouterr().err


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_no_unknown_verb_ends_in_a_traceback(verb: str) -> None:
    known = {*VERBS, "--help", "-h", "--version", "--debug"}
    assert verb in known or cli.main([verb]) == 2


@pytest.mark.usefixtures("plugin")
def test_help_lists_every_verb_with_its_first_docstring_line_and_imports_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["--help"]) == 0
    shown = capsys.readouterr().out
    for verb in cli.verbs():
        assert f"\n  {verb}" in shown
    assert "Go wrong as told." in shown
    assert "Several verbs in one." in shown
    assert "absent    (not part of this installation)" in shown
    assert "fakeverbs" not in sys.modules
    assert cli.main([]) == 0
    assert capsys.readouterr().out == shown


@pytest.mark.usefixtures("plugin")
def test_an_entry_point_cannot_take_the_place_of_a_verb_of_the_engine() -> None:
    assert cli.verbs()["fake"] == "fakeverbs:fake"
    assert cli.verbs()["decide"] == cli.VERBS["decide"]


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_of_the_engine_can_be_loaded_and_describes_itself(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert summary(cli.VERBS[verb]).endswith(".")
    assert cli.main([verb, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"Usage: nextbest {verb}" in shown


def test_listing_the_verbs_loads_no_heavy_module() -> None:
    heavy = "numpy", "scipy", "polars", "typer", "rich", "pydantic", "sqlalchemy", "matplotlib", "fastapi"
    loaded = f"sorted({set(heavy)} & sys.modules.keys())"
    code = f"import sys; from engine.cli import main; main(['--help']); print({loaded})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_ctrl_c_exits_130_and_says_nothing(plugin: Path) -> None:
    running = process(plugin, "fake", "sleep")
    assert running.stdout is not None and running.stdout.readline() == "asleep\n"
    running.send_signal(signal.SIGINT)
    out, error = running.communicate(timeout=30)
    assert (running.returncode, out, error) == (130, "", "")


def test_a_reader_that_stops_reading_ends_it_quietly(plugin: Path) -> None:
    running = process(plugin, "fake", "talk")
    assert running.stdout is not None and running.stderr is not None
    running.stdout.readline()
    running.stdout.close()
    assert running.stderr.read() == ""
    running.stderr.close()
    assert running.wait(timeout=30) == 1
