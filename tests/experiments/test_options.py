"""An option that a report would pass over is refused: nothing that was asked for is dropped in silence."""

from __future__ import annotations

import inspect
from dataclasses import fields

import pytest

from engine.cli import main
from engine.errors import InputError
from engine.experiments import options
from engine.experiments.command import report
from engine.experiments.given import Given


def parameters() -> set[str]:
    return set(inspect.signature(report).parameters) - {"context"}


def test_every_option_goes_with_some_report_and_every_name_is_an_option() -> None:
    used = set().union(*options.USED.values())
    assert used | {"what", "every", "as_json", "level"} == parameters()
    assert set(options.DESIGNS) <= parameters()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["e.csv", "--segment", "country"], "--segment says nothing to the report of a file; leave it out"),
        (
            ["e.csv", "--factors", "a,b", "--html", "p.html"],
            "--html says nothing to the report of a file with --factors",
        ),
        (
            ["e.csv", "--period", "hour", "--cluster", "who"],
            "--cluster says nothing to the report of a file with --period",
        ),
        (["e.csv", "--plan", "--clamp", "0.9"], "--clamp says nothing to the report of a file with --plan"),
        (["spring", "--metric", "spend"], "--metric says nothing to the report of a program"),
        (
            ["spring", "--plan", "--html", "p.html"],
            "--html says nothing to the report of a program with --plan",
        ),
        (["spring", "--period", "day", "--factors", "offer,slot"], "ask for different designs"),
        (["--all", "--plan"], "--plan says nothing to the report of all programs together"),
        (["--all", "--segment", "country"], "--segment says nothing to the report of all programs together"),
    ],
)
def test_what_would_be_passed_over_is_refused(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", *words]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(("kind", "design"), options.USED)
def test_whatever_goes_with_a_report_is_let_through(kind: str, design: str) -> None:
    named = {*options.USED[kind, design], "level", "as_json", "what"} - set(options.DESIGNS) | {design} - {""}
    options.fitting(kind, sorted(named))
    with pytest.raises(InputError, match="--nothing says nothing to"):
        options.fitting(kind, [*sorted(named), "nothing"])


def test_every_option_is_handed_on_under_its_name() -> None:
    told = [name for name in inspect.signature(report).parameters if name != "context"]
    assert [one.name for one in fields(Given)] == told
