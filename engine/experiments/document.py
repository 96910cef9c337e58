"""A report as plain values: the fields that `nextbest report --json` prints."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from engine.experiments.compare import Reading
from engine.experiments.results import Comparison, MetricResult
from engine.experiments.trust import Check

if TYPE_CHECKING:
    from engine.experiments.report import Report


def as_dict(report: Report) -> dict[str, Any]:
    """The whole report; numbers that do not exist are null, never NaN."""
    trust = {check.name: _check(check) for check in report.trust}
    return {
        "source": report.source,
        "arms": dict(report.units),
        "trust": {**trust, "passed": report.trusted},
        "metrics": [_metric(metric) for metric in report.metrics],
        "verdict": asdict(report.verdict),
    }


def _check(check: Check) -> dict[str, Any]:
    found = {"p": check.p, "count": check.count, "passed": check.passed, "sentence": check.sentence}
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
        **_reading(one.reading),
        "p_adjusted": one.p_adjusted,
        "method": one.method,
        "unclamped": None if one.unclamped is None else _reading(one.unclamped),
        "per_cost": None if one.per_cost is None else asdict(one.per_cost),
    }


def _reading(reading: Reading) -> dict[str, Any]:
    return {
        "n": list(reading.n),
        "mean": list(reading.mean),
        "absolute": _finite(asdict(reading.absolute)),
        "relative": None if reading.relative is None else _finite(asdict(reading.relative)),
        "p": reading.p,
        "sequential": {"low": reading.sequential.low, "high": reading.sequential.high},
        "chance_to_win": reading.belief.chance,
        "expected_loss": {"keep_control": reading.belief.loss_keep, "switch": reading.belief.loss_switch},
        "variance_kept": reading.variance_kept,
    }


def _finite(limits: dict[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in limits.items()}
