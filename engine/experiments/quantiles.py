"""Quantiles of a metric as figures of a report: what the best tenth spends, not what all do on average."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from engine.errors import InputError
from engine.experiments import bayes, quantile, relative, welch
from engine.experiments.compare import Reading, Setting, always
from engine.experiments.experiment import Experiment
from engine.experiments.results import Comparison, MetricResult
from engine.experiments.sample import Moments
from engine.experiments.units import by_arm

_LEAST = (
    40  # units of an arm on the thin side of a quantile, on average, below which order statistics say little
)


def named(column: str, q: float) -> str:
    """The metric's name."""
    return f"{column}, {100 * q:g} % quantile"


def result(
    units: pl.DataFrame, experiment: Experiment, column: str, q: float, arms: Sequence[str]
) -> MetricResult:
    """The quantile in every arm against the control, for information; none where it is the same for all.

    Raises:
        InputError: an arm has too few units to know the quantile.
    """
    known = units.select(experiment.arm, column).drop_nulls()
    found = {arm: _moments(part[column], column, q, arm) for arm, part in by_arm(known, experiment.arm)}
    control = found[experiment.control]
    comparisons = tuple(
        Comparison(arm, experiment.control, reading, reading.p, None, None, "order statistics; Welch's t")
        for arm in arms
        if arm != experiment.control and (reading := _reading(control, found[arm], experiment)) is not None
    )
    better = -1 if column in experiment.lower_is_better else 1
    return MetricResult(named(column, q), False, better, None, comparisons)


def _moments(value: pl.Series, column: str, q: float, arm: str) -> Moments:
    if len(value) * min(q, 1 - q) < _LEAST:
        raise InputError(
            f"Arm '{arm}' has {len(value):,} units, too few to know the {100 * q:g} % quantile of "
            f"'{column}': {_LEAST / min(q, 1 - q):,.0f} are needed. Ask for one nearer the middle."
        )
    return quantile.moments(quantile.quantile(value.to_numpy(), q))


def _reading(control: Moments, arm: Moments, experiment: Experiment) -> Reading | None:
    effect = welch.difference(control, arm)
    if effect.se == 0:
        return None
    setting = Setting(experiment.level, experiment.horizon, experiment.elapsed)
    near = control.mean**2 <= 9 * control.error
    return Reading(
        n=(control.n, arm.n),
        mean=(control.mean, arm.mean),
        absolute=welch.interval(effect, experiment.level),
        relative=None if near else welch.interval(relative.delta(control, arm), experiment.level),
        p=welch.p_value(effect),
        sequential=always(effect, control.n + arm.n, setting),
        belief=bayes.normal(effect),
        variance_kept=1.0,
        effect=effect,
    )
