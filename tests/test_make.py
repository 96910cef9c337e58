"""What a newcomer meets first: the choice of a Python, the list of commands, what a change must pass."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OLD = "#!/bin/sh\nexit 1\n"  # as an interpreter before 3.11 answers, and an empty shim of a version manager
NO_VENV = '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\nexit 0\n'
FIT = "#!/bin/sh\nexit 0\n"


def chosen(folder: Path, interpreters: dict[str, str], **variables: str) -> subprocess.CompletedProcess[str]:
    """What tools/python answers where these and no other interpreters are on the PATH."""
    for name, script in interpreters.items():
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    shell = shutil.which("sh")
    assert shell is not None
    command = [shell, str(ROOT / "tools" / "python")]
    environment = {"PATH": str(folder)} | variables
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_interpreter_is_the_first_that_really_runs(tmp_path: Path) -> None:
    done = chosen(tmp_path, {"python3.13": OLD, "python3.12": NO_VENV, "python3.11": FIT, "python3": FIT})
    assert (done.returncode, done.stdout) == (0, "python3.11\n")


def test_the_interpreter_can_be_named(tmp_path: Path) -> None:
    assert chosen(tmp_path, {"python3.13": FIT, "mine": FIT}, PYTHON="mine").stdout == "mine\n"


@pytest.mark.parametrize(
    ("interpreters", "variables", "said"),
    [
        ({}, {}, "no Python 3.11 or newer was found"),
        ({"python3": OLD}, {}, "no Python 3.11 or newer was found"),
        ({"python3": OLD}, {"PYTHON": "python3"}, "PYTHON=python3 does not run or is older than 3.11"),
        ({"python3": NO_VENV}, {}, "python3 cannot make virtual environments; install its venv module"),
    ],
)
def test_without_a_fit_interpreter_one_sentence_says_what_to_do(
    tmp_path: Path, interpreters: dict[str, str], variables: dict[str, str], said: str
) -> None:
    done = chosen(tmp_path, interpreters, **variables)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"nextbest: {said}") and done.stderr.count("\n") == 1


def test_the_interpreter_that_runs_the_tests_is_fit(tmp_path: Path) -> None:
    done = chosen(tmp_path, {}, PYTHON=sys.executable, PATH=os.environ["PATH"])
    assert done.stdout.strip() == sys.executable


def test_make_alone_lists_every_command_with_what_it_does() -> None:
    make = shutil.which("make")
    if make is None:
        pytest.skip("make is not installed")
    shown = subprocess.run(
        [make, "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    described = dict(re.findall(r"^  make (\w+)\s+(\S.*)$", shown.stdout, re.M))
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert phony is not None and set(phony[1].split()) == described.keys()


def test_what_changes_are_checked_with_runs_the_tests_of_the_readme() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "\nmake test\n" in script.read_text(encoding="utf-8")
