"""What all programs earned together, as plain values and as rows: what `--json` and `--csv` write."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import polars as pl

from engine.calendar import instant
from engine.experiments import document, rows
from engine.experiments.rows import Row, row
from engine.experiments.together import Together


def as_dict(report: Together) -> dict[str, Any]:
    """The whole report; numbers that do not exist are null, never NaN."""
    figures, headline = document.as_dict(report.figures), report.headline
    return {
        "since": instant(report.since_us).date().isoformat(),
        "at": report.at.isoformat(),
        "days": report.days,
        "arms": figures["arms"],
        "trust": document.trust(report.trust, report.trusted),
        "verdict": asdict(report.verdict),
        "headline": None
        if headline is None
        else {"counts_for": report.pace.per, **document.finite(asdict(headline))},
        "metrics": figures["metrics"],
        "money": asdict(report.money),
        "guardrails": [asdict(one) for one in report.guardrails],
        "programs": [asdict(one) for one in report.lines],
        "notes": list(report.notes),
    }


def table(report: Together) -> pl.DataFrame:
    """Every figure of the page, one a row."""
    return rows.table(_rows(report))


def _rows(report: Together) -> Iterator[Row]:
    yield from rows.of_report(report.figures)
    account = report.money
    for amount in account.amounts:
        yield row("money per customer", amount.name, account.arm, account.control, amount.customer)
        yield row("money in total", amount.name, account.arm, account.control, amount.total)
    yield from rows.of_guardrails(report.guardrails)
    for one in report.lines:
        if one.effect is not None and one.corrected is not None:
            yield row("program", one.program, "", "", one.effect)
            yield row("program, corrected", one.program, "", "", one.corrected)
