"""A report on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engine.experiments.compare import Reading
from engine.experiments.report import Report
from engine.experiments.results import MetricResult
from engine.experiments.trust import Check
from engine.experiments.verdict import Verdict, number, p_words

STYLE = {"green": "bold green", "yellow": "bold yellow", "red": "bold red", "gray": "bold"}


def show(report: Report, written: Sequence[Path] = (), console: Console | None = None) -> None:
    """Print verdict, trust checks and figures."""
    out = console or Console(highlight=False)
    show_verdict(out, report.verdict, report.trust)
    out.print(_table(report))
    for one in report.targeting:
        out.print(f"\n{escape(one.sentence)}")
    show_written(out, written)


def show_verdict(out: Console, verdict: Verdict, checks: Sequence[Check]) -> None:
    """What every report begins with: the verdict, and one line a trust check."""
    out.print(escape(verdict.sentence))
    out.print(f"[{STYLE[verdict.status]}]{escape(verdict.heading)}.[/] {escape(verdict.guidance)}\n")
    for check in checks:
        mark = "[green]passed[/]" if check.passed else "[bold red]FAILED[/]"
        out.print(f"{mark}  {escape(check.title)} {escape(check.sentence)}")
    out.print()


def show_written(out: Console, written: Sequence[Path]) -> None:
    """What every report ends with: the files it went to."""
    for path in written:
        out.print(f"\nWritten: {escape(str(path))}", soft_wrap=True)


def _table(report: Report) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim")
    table.add_column("", min_width=12)
    interval = f"{100 * report.experiment.level:g} % interval"
    for name in ("mean", "control", "effect", interval, "lift", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    for metric in report.metrics:
        clamped = "" if metric.clamped_at is None else " (clamped)"
        table.add_row(f"[bold]{escape(metric.metric)}[/]{clamped}")
        for row in _rows(metric):
            table.add_row(*row)
    return table


def _rows(metric: MetricResult) -> Iterator[list[str]]:
    for one in metric.comparisons:
        yield [f" {escape(one.arm)}", *_figures(one.reading), p_words(one.p_adjusted)]
        if one.unclamped is not None:
            yield ["  unclamped", *_figures(one.unclamped), ""]


def _figures(reading: Reading) -> list[str]:
    control, arm = (number(mean, reading.absolute) for mean in reading.mean)
    value, low, high = (number(one, reading.absolute) for one in astuple(reading.absolute))
    lift = "" if reading.relative is None else f"{100 * reading.relative.value:+.1f} %"
    return [arm, control, value, f"{low} to {high}", lift]
