"""`nextbest report --all`: what all programs of the store earned together."""

from __future__ import annotations

import json
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape

from engine.commands.shared import moment, opened
from engine.experiments.planning import Wanted
from engine.experiments.program_command import within, write
from engine.experiments.program_terminal import account, show_guardrails
from engine.experiments.terminal import show_verdict, show_written
from engine.experiments.together import Together, report_together
from engine.experiments.together_document import as_dict, table
from engine.experiments.together_page import render
from engine.experiments.verdict import number


def report_all(
    level: float,
    days: float,
    html: Path | None,
    csv: Path | None,
    as_json: bool,
    at: str | None,
    store: Path | None,
    margin: float,
    allow_negative: tuple[str, ...],
) -> None:
    """Report all programs; exit with 1 if a trust check failed."""
    when = moment(at)
    within("--level", level, 0.5, 1.0)
    within("--days", days, 0.0, 36_525.0)
    within("--margin", margin, 0.0, 1.0)
    with opened(store, make=False) as its_store, its_store.read() as connection:
        found = report_together(connection, when, level, Wanted(None, days), margin, allow_negative)
    if html is not None:
        write(html, render(found))
    if csv is not None:
        write(csv, table(found).write_csv())
    if as_json:
        typer.echo(json.dumps(as_dict(found), indent=2, allow_nan=False))
    else:
        _show(found, [one for one in (html, csv) if one is not None])
    if not found.trusted:
        raise typer.Exit(1)


def _show(found: Together, written: list[Path]) -> None:
    out = Console(highlight=False)
    show_verdict(out, found.verdict, found.trust)
    out.print(account(found.money))
    for ratio in found.money.ratios:
        out.print(f" {escape(ratio.meaning)}: {escape(ratio.sentence)}")
    out.print()
    show_guardrails(out, found.guardrails)
    for one in found.lines:
        out.print(f"{escape(one.program)}: {escape(one.sentence)}")
        if one.corrected is not None:
            word = "proven" if one.proven else "open"
            span = (
                f"{number(one.corrected.low, one.corrected)} to {number(one.corrected.high, one.corrected)}"
            )
            out.print(f"  Read with all {len(found.lines)} programs: {span} {one.per}, {word}.")
    for note in found.notes:
        out.print(escape(note))
    show_written(out, written)
