"""The figures of a report: every metric, every arm against the control, clamped beside unclamped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from engine.errors import InputError
from engine.experiments import multiplicity
from engine.experiments.compare import Reading, Setting, compare, per_cost
from engine.experiments.experiment import Experiment
from engine.experiments.fieller import RatioInterval
from engine.experiments.metric import Term
from engine.experiments.quantile import upper
from engine.experiments.sample import Sample, measure_columns, replaced
from engine.experiments.units import aggregates, by_arm, values_of


@dataclass(frozen=True, slots=True)
class Comparison:
    """One arm against the control in one metric.

    Attributes:
        arm, control: the arms.
        reading: the figures, clamped where clamping was asked for and changes something.
        p_adjusted: Holm's for primary metrics, Benjamini-Hochberg's for the others.
        unclamped: the figures without clamping, where `reading` is clamped.
        per_cost: extra metric per extra unit of cost, where a cost column was given.
        method: how it was computed, in words.
    """

    arm: str
    control: str
    reading: Reading
    p_adjusted: float
    unclamped: Reading | None
    per_cost: RatioInterval | None
    method: str


@dataclass(frozen=True, slots=True)
class MetricResult:
    """All comparisons of one metric; `clamped_at` is the largest value counted, if any was cut."""

    metric: str
    primary: bool
    better: int
    clamped_at: float | None
    comparisons: tuple[Comparison, ...]


def result(units: pl.DataFrame, experiment: Experiment, metric: str, arms: Sequence[str]) -> MetricResult:
    """All comparisons of one metric; none if it has the same value for every unit.

    Args:
        units: one row per unit and arm, covariates filled.
        experiment: what was asked.
        metric: name of the metric.
        arms: the arms, the control first.
    """
    term = experiment.terms[metric]
    clamped = term.denominator is None and metric in (experiment.money or (metric,))
    limits = clamping(units[term.numerator], experiment.clamp) if clamped else None
    if limits is None:
        samples, unclamped = _samples(units, experiment, term, arms), {}
    else:
        samples, whole = _both(units, experiment, term, arms, limits)
        unclamped = _readings(whole, experiment, term)
    readings = _readings(samples, experiment, term)
    comparisons = tuple(
        Comparison(
            arm,
            experiment.control,
            reading,
            reading.p,
            unclamped.get(arm),
            _per_cost(samples, experiment, term, arm),
            _method(experiment, term, reading, limits),
        )
        for arm, reading in readings.items()
    )
    better = -1 if metric in experiment.lower_is_better else 1
    ceiling = limits[1] if limits else None
    return MetricResult(metric, metric in experiment.leading, better, ceiling, comparisons)


def correct(results: Sequence[MetricResult]) -> tuple[MetricResult, ...]:
    """Adjust the p-values: Holm over all primary comparisons, Benjamini-Hochberg over all others."""
    adjusted: dict[tuple[str, str], float] = {}
    for primary, method in ((True, multiplicity.holm), (False, multiplicity.benjamini_hochberg)):
        asked = [(one.metric, two) for one in results if one.primary is primary for two in one.comparisons]
        corrected = method([comparison.reading.p for _, comparison in asked])
        adjusted |= {(metric, two.arm): p for (metric, two), p in zip(asked, corrected, strict=True)}
    return tuple(replace(one, comparisons=_corrected(one, adjusted)) for one in results)


def _corrected(one: MetricResult, adjusted: Mapping[tuple[str, str], float]) -> tuple[Comparison, ...]:
    return tuple(replace(two, p_adjusted=adjusted[one.metric, two.arm]) for two in one.comparisons)


def clamping(column: pl.Series, clamp: float | None) -> tuple[float, float] | None:
    """Pooled limits of a clamped metric: the upper quantile, and the lower one where values go below 0.

    None where clamping was not asked for, the metric has two values, or it would cut all or nothing.
    """
    least, most = column.min(), column.max()
    if clamp is None or least is None or not column.is_between(least, most, closed="none").any():
        return None
    high = upper(column.drop_nulls(), clamp)
    low = -upper(-column.drop_nulls(), clamp) if isinstance(least, float) and least < 0 else least
    if not isinstance(low, float) or low >= high:
        return None
    cuts = high < float(str(most)) or low > float(str(least))
    return (low, high) if cuts else None


def _both(
    units: pl.DataFrame, experiment: Experiment, term: Term, arms: Sequence[str], limits: tuple[float, float]
) -> tuple[dict[str, Sample], dict[str, Sample]]:
    """Statistics clamped and unclamped: they differ only in the few units beyond the limits."""
    if experiment.cluster or experiment.propensity:
        cut = units.with_columns(pl.col(term.numerator).clip(*limits))
        return _samples(cut, experiment, term, arms), _samples(units, experiment, term, arms)
    terms = (term, *_covariates(experiment), *_cost(experiment))
    names = tuple(dict.fromkeys(one.numerator for one in terms))
    rows = units.select(experiment.arm, *names).drop_nulls()
    clamped, whole = {}, {}
    for arm, part in by_arm(rows, experiment.arm):
        values = values_of(part, names)
        counted = np.clip(values[0], *limits)
        beyond = np.flatnonzero(counted != values[0])
        own = np.stack([value[beyond] for value in values], axis=1)
        held = np.stack([counted[beyond], *own.T[1:]], axis=1)
        clamped[arm] = measure_columns(names, [counted, *values[1:]])
        whole[arm] = replaced(clamped[arm], held, own)
    return _known(clamped, term, arms), _known(whole, term, arms)


def _samples(
    units: pl.DataFrame, experiment: Experiment, term: Term, arms: Sequence[str]
) -> dict[str, Sample]:
    """Statistics of the metric, its covariates and its cost, the control first."""
    return _known(_measured(units, experiment, term), term, arms)


def _measured(units: pl.DataFrame, experiment: Experiment, term: Term) -> dict[str, Sample]:
    terms = [experiment.measured(one) for one in (term, *_covariates(experiment), *_cost(experiment))]
    return aggregates(units, experiment.arm, terms, experiment.cluster, experiment.propensity)


def _known(samples: Mapping[str, Sample], term: Term, arms: Sequence[str]) -> dict[str, Sample]:
    """The arms in their order, each with enough to read.

    Raises:
        InputError: an arm has fewer than two units of the metric, or a ratio nothing to divide by.
    """
    for arm in arms:
        known = samples.get(arm)
        if known is None or known.n < 2:
            raise InputError(
                f"Arm '{arm}' has fewer than 2 units with a known '{term.numerator}': fill its empty cells "
                "(0 if nothing happened) or leave the metric out."
            )
        if term.denominator and known.mean[known.at(term.denominator)] == 0:
            raise InputError(
                f"'{term.denominator}' adds up to 0 in arm '{arm}': the ratio has no value there."
            )
    return {arm: samples[arm] for arm in arms}


def _readings(samples: Mapping[str, Sample], experiment: Experiment, term: Term) -> dict[str, Reading]:
    """Arm -> figures against the control, without the arms in which there is nothing to test."""
    setting = Setting(experiment.level, experiment.horizon, experiment.elapsed)
    covariates = tuple(experiment.measured(one) for one in _covariates(experiment))
    measured = experiment.measured(term)
    control = samples[experiment.control]
    others = {arm: sample for arm, sample in samples.items() if arm != experiment.control}
    read = {arm: compare(control, sample, measured, covariates, setting) for arm, sample in others.items()}
    return {arm: reading for arm, reading in read.items() if reading is not None}


def _covariates(experiment: Experiment) -> tuple[Term, ...]:
    return tuple(Term(name) for name in experiment.covariates)


def _cost(experiment: Experiment) -> tuple[Term, ...]:
    return (Term(experiment.cost_column),) if experiment.cost_column else ()


def _per_cost(
    samples: Mapping[str, Sample], experiment: Experiment, term: Term, arm: str
) -> RatioInterval | None:
    """Only means have a cost per unit of them: a ratio's extra has no total."""
    if experiment.cost_column is None or term.denominator or term.numerator == experiment.cost_column:
        return None
    measured, cost = (experiment.measured(one) for one in (term, Term(experiment.cost_column)))
    return per_cost(samples[experiment.control], samples[arm], measured, cost, experiment.level)


def _method(experiment: Experiment, term: Term, reading: Reading, limits: tuple[float, float] | None) -> str:
    """How the figures were computed, in words."""
    parts = ["Welch's t"]
    if term.denominator or experiment.cluster or experiment.propensity:
        parts.append("delta method")
    else:
        parts.append("Hall's skew correction")
    if experiment.propensity:
        parts.append(f"weighed by one over {experiment.propensity}")
    if experiment.cluster:
        parts.append(f"totals per {experiment.cluster}")
    if experiment.covariates:
        kept = f"{reading.variance_kept:.0%} of the variance left"
        parts.append(f"CUPED on {', '.join(experiment.covariates)} ({kept})")
    if limits:
        parts.append(f"clamped at {limits[1]:,.6g} ({experiment.clamp:.2%} quantile of all units)")
    return "; ".join(parts)
