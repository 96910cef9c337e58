"""A program's report on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engine.experiments.guardrails import Watch
from engine.experiments.lifetime import sentences as sentences_of_lifetime
from engine.experiments.money import Money
from engine.experiments.planning import Outlook, sentences
from engine.experiments.program import ProgramReport
from engine.experiments.terminal import show_verdict, show_written
from engine.experiments.verdict import number, p_words
from engine.experiments.welch import Interval

_MONEY = ("in total", "read any day", "per customer")
_MARK = {
    "green": "[green]kept[/]",
    "yellow": "[yellow]open[/]",
    "red": "[bold red]BROKEN[/]",
    "gray": "unseen",
}


def show(report: ProgramReport, written: Sequence[Path] = (), console: Console | None = None) -> None:
    """Print headline, trust, ladder, money and guardrails."""
    out = console or Console(highlight=False)
    show_verdict(out, report.verdict, report.trust)
    out.print(_ladder(report))
    out.print()
    out.print(account(report.money))
    for ratio in report.money.ratios:
        out.print(f" {escape(ratio.meaning)}: {escape(ratio.sentence)}")
    for reached in report.received:
        out.print(f" {escape(reached.sentence)}")
    out.print()
    show_guardrails(out, report.guardrails)
    if report.segments:
        out.print(_segments(report))
    if report.targeting is not None:
        out.print(escape(report.targeting.sentence))
    if report.lifetime is not None:
        out.print(escape(" ".join(sentences_of_lifetime(report.lifetime))))
    if report.upkeep is not None:
        out.print(escape(report.upkeep.sentence))
    if report.plan is not None:
        out.print(escape(" ".join(sentences(report.plan))))
    for note in report.notes:
        out.print(escape(note))
    show_written(out, written)


def show_guardrails(out: Console, watched: Sequence[Watch]) -> None:
    """One line a harm and arm."""
    for one in watched:
        out.print(f"{_MARK[one.status]}  {escape(one.arm)}, {escape(one.kind)}: {escape(one.sentence)}")


def show_plan(plan: Outlook, console: Console | None = None) -> None:
    """Print when what will be proven, and what the proof costs."""
    out = console or Console(highlight=False)
    for sentence in sentences(plan):
        out.print(escape(sentence))
    table = _table("days", "effect found", "cheapest holdout", "costs a month", "between")
    for one in plan.ahead:
        if one.share is None or one.cost is None:
            table.add_row(str(one.days), f"{one.detectable:,.3g}", "none finds it", "-", "-")
        else:
            table.add_row(str(one.days), f"{one.detectable:,.3g}", f"{one.share:.1%}", *_figures(one.cost))
    out.print()
    out.print(table)


def _ladder(report: ProgramReport) -> Table:
    """Net reward of every step, per customer since the assignment, with intervals for any day."""
    table = _table(f"net reward per customer in {report.days:.0f} days", "extra", "read any day")
    for one in report.ladder:
        name = f"{one.arm} against {one.below}"
        if one.reading is None:
            table.add_row(name, "-", "nothing varies")
        else:
            table.add_row(name, *_figures(one.reading.always))
    return table


def account(found: Money) -> Table:
    """An account of money, in total and per customer."""
    table = _table(f"{found.arm} against {found.control}, {found.customers:,} customers", *_MONEY)
    for one in found.amounts:
        table.add_row(one.meaning, *_figures(one.total), number(one.customer.value, one.customer))
    return table


def _segments(report: ProgramReport) -> Table:
    table = _table("segment", "customers", "to be expected", "between", "p")
    for one in report.segments:
        shown = (f"{one.attribute} {one.level}", f"{one.customers:,}", *_figures(one.shrunk), p_words(one.p))
        table.add_row(*map(escape, shown))
    return table


def _figures(one: Interval) -> tuple[str, str]:
    return number(one.value, one), f"{number(one.low, one)} to {number(one.high, one)}"


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim")
    for i, name in enumerate(columns):
        table.add_column(escape(name), justify="left" if i == 0 else "right", no_wrap=i > 0)
    return table
