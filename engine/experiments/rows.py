"""A report as a table: one figure a row, with the limits of its interval. What `--csv` writes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import polars as pl

from engine.experiments.guardrails import Watch
from engine.experiments.report import Report
from engine.experiments.targeting import Targeting
from engine.experiments.welch import Interval

Row = tuple[str, str, str, str, float | None, float | None, float | None]
_COLUMNS = {
    "section": pl.String,
    "name": pl.String,
    "arm": pl.String,
    "against": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}


def row(section: str, name: str, arm: str, against: str, one: Interval) -> Row:
    """A figure; no limit is None."""
    value, low, high = (each if math.isfinite(each) else None for each in (one.value, one.low, one.high))
    return (section, name, arm, against, value, low, high)


def table(rows: Iterable[Row]) -> pl.DataFrame:
    """The rows under their names; what does not exist is an empty cell."""
    return pl.DataFrame(list(rows), schema=_COLUMNS, orient="row")


def of_report(report: Report) -> Iterator[Row]:
    """Every figure of an experiment, unclamped ones beside clamped ones, and of the scores."""
    for metric in report.metrics:
        for one in metric.comparisons:
            yield row("effect", metric.metric, one.arm, one.control, one.reading.absolute)
            yield row("effect, read any day", metric.metric, one.arm, one.control, one.reading.always)
            if one.reading.relative is not None:
                yield row("lift", metric.metric, one.arm, one.control, one.reading.relative)
            if one.unclamped is not None:
                yield row("effect, unclamped", metric.metric, one.arm, one.control, one.unclamped.absolute)
            chance = one.reading.belief.chance
            yield ("chance of more", metric.metric, one.arm, one.control, chance, None, None)
            loss = one.reading.belief.loss_switch
            yield ("expected loss", metric.metric, one.arm, one.control, loss, None, None)
            if one.per_cost is not None:
                found = one.per_cost
                yield ("per cost", metric.metric, one.arm, one.control, found.value, found.low, found.high)
    for ranking in report.targeting:
        yield from of_targeting(ranking)


def of_guardrails(watched: Iterable[Watch]) -> Iterator[Row]:
    """Every harm that could be tested: the difference, and how much more cannot be ruled out."""
    for one in watched:
        if one.found is not None:
            yield ("guardrail", one.kind, one.arm, one.control, one.found.value, None, one.found.bound)


def of_targeting(found: Targeting) -> Iterator[Row]:
    """The uplift curve and both areas."""
    for gain in found.gains:
        yield row("uplift", f"best {gain.share:.0%} by {found.score}", found.arm, found.control, gain.effect)
    yield row("uplift", f"area by {found.score}", found.arm, found.control, found.uplift)
    yield row("qini", f"area by {found.score}", found.arm, found.control, found.qini)
