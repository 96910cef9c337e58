"""A report as plain values: the fields that `nextbest report --json` prints."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from engine.experiments.compare import Reading
from engine.experiments.results import Comparison, MetricResult
from engine.experiments.trust import Check

if TYPE_CHECKING:
    from engine.experiments.report import Report


def as_dict(report: Report) -> dict[str, Any]:
    """The whole report; numbers that do not exist are null, never NaN."""
    return {
        "source": report.source,
        "arms": dict(report.units),
        "trust": trust(report.trust, report.trusted),
        "metrics": [_metric(metric) for metric in report.metrics],
        "targeting": [asdict(one) for one in report.targeting],
        "verdict": asdict(report.verdict),
    }


def trust(checks: Sequence[Check], passed: bool) -> dict[str, Any]:
    """Every trust check by its name, and whether all of them passed."""
    return {**{one.name: check(one) for one in checks}, "passed": passed}


def check(one: Check) -> dict[str, Any]:
    """A trust check without what it does not have."""
    found = {"p": one.p, "count": one.count, "passed": one.passed, "sentence": one.sentence}
    return {name: value for name, value in found.items() if value is not None}


def _metric(metric: MetricResult) -> dict[str, Any]:
    return {
        "metric": metric.metric,
        "primary": metric.primary,
        "clamped_at": metric.clamped_at,
        "comparisons": [_comparison(one) for one in metric.comparisons],
    }


def _comparison(one: Comparison) -> dict[str, Any]:
    return {
        "arm": one.arm,
        "control": one.control,
        **reading(one.reading),
        "p_adjusted": one.p_adjusted,
        "method": one.method,
        "unclamped": None if one.unclamped is None else reading(one.unclamped),
        "per_cost": None if one.per_cost is None else asdict(one.per_cost),
    }


def reading(one: Reading) -> dict[str, Any]:
    """A comparison's figures."""
    return {
        "n": list(one.n),
        "mean": list(one.mean),
        "absolute": finite(asdict(one.absolute)),
        "relative": None if one.relative is None else finite(asdict(one.relative)),
        "p": one.p,
        "sequential": {"low": one.sequential.low, "high": one.sequential.high},
        "chance_to_win": one.belief.chance,
        "expected_loss": {"keep_control": one.belief.loss_keep, "switch": one.belief.loss_switch},
        "variance_kept": one.variance_kept,
    }


def finite(limits: dict[str, float]) -> dict[str, float | None]:
    """Limits of an interval, None where there is no limit."""
    return {name: value if math.isfinite(value) else None for name, value in limits.items()}
