"""A program's report as plain values: what `--json` prints, and one row a figure for `--csv`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from engine.calendar import instant
from engine.experiments import document, rows
from engine.experiments.money import scaled
from engine.experiments.received import CONTROL
from engine.experiments.rows import Row, row
from engine.store.flows import DAY_US

if TYPE_CHECKING:
    from engine.experiments.program import ProgramReport


def as_dict(report: ProgramReport) -> dict[str, Any]:
    """The whole report; numbers that do not exist are null, never NaN."""
    figures = document.as_dict(report.figures)
    return {
        "program": report.name,
        "title": report.title,
        "version": report.version,
        "since": _date(report.since_us),
        "at": report.at.isoformat(),
        "days": report.days,
        "arms": figures["arms"],
        "trust": document.trust(report.trust, report.trusted),
        "verdict": asdict(report.verdict),
        "headline": _headline(report),
        "metrics": figures["metrics"],
        "ladder": [
            {
                "below": one.below,
                "arm": one.arm,
                "worth": one.worth,
                "reading": None if one.reading is None else document.reading(one.reading),
            }
            for one in report.ladder
        ],
        "money": asdict(report.money),
        "received": [asdict(one) for one in report.received],
        "guardrails": [asdict(one) for one in report.guardrails],
        "cumulative": [
            {
                "date": _date(one.day * DAY_US),
                "customers": one.customers,
                **document.finite(asdict(one.effect)),
            }
            for one in report.looks
        ],
        "marks": [{"date": _date(day * DAY_US), "what": what} for day, what in report.marks],
        "weeks": [
            {"week": one.week, "customers": one.customers, **document.finite(asdict(one.effect))}
            for one in report.weeks
        ],
        "segments": [asdict(one) for one in report.segments],
        "lifetime": None if report.lifetime is None else asdict(report.lifetime),
        "upkeep": None if report.upkeep is None else asdict(report.upkeep),
        "targeting": None if report.targeting is None else asdict(report.targeting),
        "plan": None if report.plan is None else asdict(report.plan),
        "notes": list(report.notes),
    }


def table(report: ProgramReport) -> pl.DataFrame:
    """Every figure of the page, one a row, with the limits of its interval; no limit is an empty cell."""
    return rows.table(_rows(report))


def _rows(report: ProgramReport) -> Iterator[Row]:
    yield from rows.of_report(report.figures)
    for step in report.ladder:
        if step.reading is not None:
            yield row("ladder", step.worth, step.arm, step.below, step.reading.always)
    account = report.money
    for amount in account.amounts:
        yield row("money per customer", amount.name, account.arm, account.control, amount.customer)
        yield row("money in total", amount.name, account.arm, account.control, amount.total)
    for ratio in account.ratios:
        if ratio.found is not None:
            found = ratio.found
            yield ("ratio", ratio.name, account.arm, account.control, found.value, found.low, found.high)
    for one in report.received:
        if one.found.effect is not None:
            effect, name = one.found.effect, f"{one.found.metric}, {one.kind}"
            yield ("effect on those reached", name, one.arm, CONTROL, effect.value, effect.low, effect.high)
    yield from rows.of_guardrails(report.guardrails)
    for segment in report.segments:
        name = f"{segment.attribute} {segment.level}"
        yield row("segment", name, report.arm, report.control, segment.shrunk)
    yield from _lifetime_rows(report)
    if report.upkeep is not None:
        yield ("upkeep of rules, as entered", "saved", "", "", report.upkeep.total, None, None)
    if report.targeting is not None:
        yield from rows.of_targeting(report.targeting)
    for look in report.looks:
        yield row("so far", _date(look.day * DAY_US), report.arm, report.control, look.effect)
    for week in report.weeks:
        yield row("by week", f"week {week.week}", report.arm, report.control, week.effect)


def _lifetime_rows(report: ProgramReport) -> Iterator[Row]:
    found = report.lifetime
    if found is None:
        return
    arm, control = found.arm, found.control
    yield row("twelve months", "observed", arm, control, found.observed)
    for month in found.months:
        yield row("by month", f"month {month.week}", arm, control, month.effect)
    for one in found.scenarios:
        yield row("twelve months, projected", one.name, arm, control, one.projected)
        yield row("twelve months, in all", one.name, arm, control, one.total)
    for level in found.levels:
        yield row("twelve months of an arm, observed", "it lasts", level.arm, "", level.observed)
        yield row("twelve months of an arm, in all", "it lasts", level.arm, "", level.total)


def _headline(report: ProgramReport) -> dict[str, Any] | None:
    """The figure of the first sentence; None if there is none."""
    reading = report.reading
    if reading is None:
        return None
    return {
        "arm": report.arm,
        "control": report.control,
        "counts_for": report.pace.per,
        **document.finite(asdict(scaled(reading.always, report.pace.factor))),
    }


def _date(at_us: int) -> str:
    found: datetime = instant(at_us)
    return found.date().isoformat()
