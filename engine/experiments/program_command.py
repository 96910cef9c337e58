"""`nextbest report PROGRAM`: the report of a program from the store, on the terminal and as files."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from engine.commands.shared import moment, opened, show_json
from engine.errors import InputError, NotFoundError, RefusedError

if TYPE_CHECKING:
    from engine.experiments.program import Also, ProgramReport

_SUFFIXES = (".csv", ".gz", ".parquet", ".tsv", ".txt")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted of a program's report: as the options of `nextbest report` say."""

    level: float
    days: float
    effect: float | None
    plan: bool
    margin: float
    segments: tuple[str, ...]
    also: Also
    html: Path | None
    csv: Path | None
    as_json: bool


def is_file(what: str) -> bool:
    """Whether `nextbest report WHAT` means a file: it is there, or looks like the path of one."""
    return Path(what).is_file() or "/" in what or Path(what).suffix.lower() in _SUFFIXES


def report_stored(program: str, asked: Asked, at: str | None, store: Path | None) -> None:
    """Report a program; exit with 1 if a trust check failed."""
    from engine.experiments.planning import Wanted
    from engine.experiments.program import report_program

    when = moment(at)
    within("--level", asked.level, 0.5, 1.0)
    within("--days", asked.days, 0.0, 36_525.0)
    within("--margin", asked.margin, 0.0, 1.0)
    within("--half-life", asked.also.half_life, 0.0, math.inf)
    for day in asked.also.active_at:
        within("--active-at", day, 0, 3653)
    if asked.effect is not None:
        within("--effect", asked.effect, 0.0, math.inf)
    with opened(store, make=False) as its_store, its_store.read() as connection:
        try:
            wanted = Wanted(asked.effect, asked.days)
            found = report_program(
                connection, program, when, asked.level, wanted, asked.margin, asked.segments, asked.also
            )
        except NotFoundError as error:
            raise NotFoundError(f"{error} A file is named by its path, such as ./{program}.csv.") from error
    if asked.plan:
        _show_plan(found, asked.as_json)
        return
    if asked.html is not None:
        from engine.experiments.program_page import render

        write(asked.html, render(found))
    if asked.csv is not None:
        from engine.experiments.program_document import table

        write(asked.csv, table(found).write_csv())
    if asked.as_json:
        import json

        typer.echo(json.dumps(found.as_dict(), indent=2, allow_nan=False))
    else:
        from engine.experiments.program_terminal import show

        show(found, [one for one in (asked.html, asked.csv) if one is not None])
    if not found.trusted:
        raise typer.Exit(1)


def _show_plan(report: ProgramReport, as_json: bool) -> None:
    if report.reading is None:
        raise RefusedError(
            f"Program '{report.name}' has nothing to plan by: every customer brought the same. Check that "
            "outcomes reach the store."
        )
    if report.plan is None:
        raise RefusedError(
            f"Program '{report.name}' shows no effect to plan for. Say with --effect how much per "
            "customer and month is worth finding."
        )
    if as_json:
        show_json(asdict(report.plan))
    else:
        from engine.experiments.program_terminal import show_plan

        show_plan(report.plan)


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    from engine.tables import write_whole

    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror}. Give a path you may write to."
        ) from error


def within(option: str, value: float, low: float, high: float) -> None:
    if not low < value < high:
        raise InputError(f"{option} == {value:g}, must lie between {low:g} and {high:g}; correct it.")
