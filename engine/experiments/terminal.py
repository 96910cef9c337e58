"""A report on the terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engine.experiments.report import Report
from engine.experiments.results import Comparison, MetricResult
from engine.experiments.verdict import number
from engine.experiments.welch import Interval

_STYLE = {"green": "bold green", "yellow": "bold yellow", "red": "bold red", "gray": "bold"}


def show(report: Report, html: Path | None = None, console: Console | None = None) -> None:
    """Print verdict, trust checks and figures."""
    out = console or Console(highlight=False)
    style = _STYLE[report.verdict.status]
    out.print(escape(report.verdict.sentence))
    out.print(f"[{style}]{escape(report.verdict.heading)}.[/] {escape(report.verdict.guidance)}\n")
    for check in report.trust:
        mark = "[green]passed[/]" if check.passed else "[bold red]FAILED[/]"
        out.print(f"{mark}  {check.name}: {escape(check.sentence)}")
    for metric in report.metrics:
        out.print()
        out.print(_table(metric, report.experiment.level))
    if html is not None:
        out.print(f"\nWritten: {escape(str(html))}", soft_wrap=True)


def _table(metric: MetricResult, level: float) -> Table:
    clamped = "" if metric.clamped_at is None else f", clamped at {metric.clamped_at:,.6g}"
    table = Table(title=escape(f"{metric.metric}{clamped}"), title_justify="left", title_style="bold")
    table.add_column("arm")
    for name in (
        "units",
        "mean",
        "control",
        f"difference ({level:.0%})",
        "relative",
        "p adjusted",
        "any day",
    ):
        table.add_column(name, justify="right")
    for one in metric.comparisons:
        table.add_row(*_row(one))
        if one.unclamped is not None:
            whole = one.unclamped
            means = [number(mean, whole.absolute) for mean in reversed(whole.mean)]
            table.add_row("  unclamped", "", *means, span(whole.absolute), _percent(whole.relative), "", "")
    return table


def _row(one: Comparison) -> list[str]:
    reading = one.reading
    means = [number(mean, reading.absolute) for mean in reversed(reading.mean)]
    every = Interval(reading.absolute.value, reading.sequential.low, reading.sequential.high)
    days = f"{number(every.low, reading.absolute)} to {number(every.high, reading.absolute)}"
    figures = [span(reading.absolute), _percent(reading.relative), f"{one.p_adjusted:.3g}", days]
    return [escape(one.arm), f"{reading.n[1]:,}", *means, *figures]


def span(interval: Interval) -> str:
    """`0.0766 (0.0700 to 0.0832)`."""
    value, low, high = (number(one, interval) for one in (interval.value, interval.low, interval.high))
    return f"{value} ({low} to {high})"


def _percent(interval: Interval | None) -> str:
    return "" if interval is None else f"{100 * interval.value:+.1f} %"
