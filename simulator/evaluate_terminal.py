"""An evaluation on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from simulator.estimators import BIASED
from simulator.wording import FEW, counted, decimals, earned, lifts_in_words, number, span

if TYPE_CHECKING:
    from rich.table import Table

    from simulator.evaluation import Evaluation, PolicyValue


def show(found: Evaluation) -> None:
    """Print the tables and what is said of them."""
    _tell(Console(), found)


def text(found: Evaluation, width: int = 100) -> str:
    """The same as text without colours."""
    console = Console(file=StringIO(), width=width, no_color=True)
    with console.capture() as told:
        _tell(console, found)
    return told.get().rstrip()


def _tell(console: Console, found: Evaluation) -> None:
    console.print(earned(found))
    console.print(table(found))
    if any(len(one.estimates) > 1 for one in found.policies):
        console.print(estimates_table(found))
    if any(one.support is not None and one.support.segments for one in found.policies):
        console.print(segments_table(found))
    for one in found.policies:
        for line in said(one, len(found.policies) > 1, found.detect):
            console.print(line, markup=False)
    for note in found.notes:
        console.print(note, markup=False)
    for one in found.policies:
        if one.reason:
            console.print(f"{one.name}: {one.verdict}. {one.reason}", markup=False)


def table(found: Evaluation) -> Table:
    """One row a policy: value, lift, their intervals, effective sample size, verdict; fits 80 columns."""
    made = _columns("policy", "value", "interval", "lift", "interval", "ESS", "verdict")
    made.caption, digits = escape(lifts_in_words(found)), decimals(found)
    for one in found.policies:
        made.add_row(
            escape(one.name),
            number(one.value, digits),
            span(one.low, one.high, digits),
            number(one.lift.value, digits, "+"),
            span(one.lift.low, one.lift.high, digits, "+"),
            f"{one.ess:,.0f}",
            _coloured(one),
        )
    return made


def segments_table(found: Evaluation) -> Table:
    """One row a policy and level: lift as measured, and drawn towards what the levels share."""
    made, digits = _columns("policy", "segment", "rows", "lift", "to expect", "interval"), decimals(found)
    made.caption = "Expect the lift drawn towards what all levels share; a small level tells little alone."
    for one in found.policies:
        for each in () if one.support is None else one.support.segments:
            measured, shrunk = each.measured, each.shrunk
            made.add_row(
                escape(one.name),
                escape(f"{each.column}={each.level}"),
                f"{each.rows:,}",
                "too few" if measured is None else number(measured.value, digits, "+"),
                "-" if shrunk is None else number(shrunk.value, digits, "+"),
                "-" if shrunk is None else span(shrunk.low, shrunk.high, digits, "+"),
            )
    return made


def said(one: PolicyValue, several: bool, detect: float | None) -> Iterator[str]:
    """Why its estimator was chosen, if not by default, whether few rewards bear it, and how many rows would
    tell what was asked.
    """
    head = f"{one.name}: " if several else ""
    if one.why not in ("the default", "as asked for", "nothing is shown"):
        yield f"{head}{one.chosen}, {one.why}."
    if one.value is not None and one.bearing < FEW:
        yield f"{head}rests on about {counted(one.bearing)}; the interval is as wide as that makes it."
    if one.support is not None and one.support.rows_to_detect is not None:
        rows = f"{one.support.rows_to_detect:,} rows"
        yield f"{head}a difference of {detect:g} shows with a chance of 80 % on {rows}."


def _columns(first: str, *others: str) -> Table:
    from rich.table import Table

    made = Table(
        box=None,
        pad_edge=False,
        collapse_padding=True,
        header_style="dim",
        caption_justify="left",
        padding=(0, 1),
    )
    made.add_column(first, overflow="fold", min_width=12)
    for name in others:
        made.add_column(name, no_wrap=True, justify="left" if name == "verdict" else "right")
    return made


def estimates_table(found: Evaluation) -> Table:
    """One row a policy and estimator."""
    made, digits = _columns("policy", "estimator", "value", "interval", "standard error"), decimals(found)
    shown = dict.fromkeys(each.estimator for one in found.policies for each in one.estimates)
    biased = [name for name in shown if name in BIASED]
    made.caption = f"These intervals leave a bias out: {', '.join(biased)}." if biased else None
    for one in found.policies:
        for each in one.estimates:
            name = f"{each.estimator} *" if each.estimator == one.chosen else each.estimator
            made.add_row(
                escape(one.name),
                name,
                number(each.value, digits),
                span(each.low, each.high, digits),
                number(each.se, digits + 1),
            )
    return made


def _coloured(one: PolicyValue) -> str:
    return {"supported": "[green]supported[/]", "weak": "[yellow]weak[/]", "refused": "[red]refused[/]"}[
        one.verdict
    ]
