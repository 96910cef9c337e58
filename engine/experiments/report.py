"""The straight line of a report: rows to units, units to statistics, trust checks, comparisons, verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from engine.errors import InputError, nearest
from engine.experiments import files, trust, verdict
from engine.experiments.experiment import Experiment, check
from engine.experiments.metric import Term
from engine.experiments.results import MetricResult, correct, result
from engine.experiments.trust import Check
from engine.experiments.units import aggregates, by_arm, clustered, per_unit, sorted_by
from engine.experiments.verdict import Claim, Verdict


@dataclass(frozen=True, slots=True)
class Report:
    """An experiment's result: trust first, then the verdict, then the figures.

    Attributes:
        source: file the rows came from.
        experiment: what was asked.
        units: arm -> randomised units (or clusters), the control first.
        trust: the checks, in the order they are read.
        metrics: the figures.
        verdict: what to do.
    """

    source: str
    experiment: Experiment
    units: Mapping[str, int]
    trust: tuple[Check, ...]
    metrics: tuple[MetricResult, ...]
    verdict: Verdict

    @property
    def trusted(self) -> bool:
        """Every trust check passed."""
        return all(one.passed for one in self.trust)

    def as_dict(self) -> dict[str, Any]:
        """The fields that `nextbest report --json` prints."""
        from engine.experiments.document import as_dict

        return as_dict(self)


def analyse(
    source: Path | str | pl.DataFrame,
    *,
    arm: str,
    control: str,
    metrics: Sequence[str] = (),
    ratios: Sequence[tuple[str, str]] = (),
    covariates: Sequence[str] = (),
    cluster: str | None = None,
    unit: str | None = None,
    expected_split: Mapping[str, float] | None = None,
    clamp: float | None = None,
    cost_column: str | None = None,
    level: float = 0.95,
    primary: Sequence[str] = (),
    lower_is_better: Sequence[str] = (),
    horizon: float | None = None,
    money: Sequence[str] = (),
    elapsed: float | None = None,
    name: str | None = None,
) -> Report:
    """Read an experiment file (or frame) and report it.

    Args:
        source: a CSV or Parquet file, or its rows.
        arm, control, metrics, ratios, covariates, cluster, unit, expected_split, clamp, cost_column, level,
            primary, lower_is_better, horizon, money, elapsed: as `Experiment` describes them.
        name: what to call the source in messages and on the page; the file's path if None.

    Raises:
        InputError: the file, a column, a cell or the request cannot be used; the message says which and why.
    """
    experiment = Experiment(
        arm=arm,
        control=control,
        metrics=tuple(dict.fromkeys(metrics)),
        ratios=tuple(dict.fromkeys(ratios)),
        covariates=tuple(dict.fromkeys(covariates)),
        unit=unit,
        cluster=cluster,
        expected_split=expected_split,
        clamp=clamp,
        cost_column=cost_column,
        level=level,
        primary=tuple(primary),
        lower_is_better=tuple(lower_is_better),
        horizon=horizon,
        money=tuple(money),
        elapsed=elapsed,
    )
    check(experiment)
    called = name or ("the frame" if isinstance(source, pl.DataFrame) else str(source))
    return _report(_load(source, experiment, called), experiment, called)


def _load(source: Path | str | pl.DataFrame, experiment: Experiment, name: str) -> pl.DataFrame:
    columns = experiment.columns
    if isinstance(source, pl.DataFrame):
        files.require(source.columns, columns.all, name)
        rows = source.select(columns.all)
    else:
        rows = files.read(Path(source), columns.all)
    keys = [pl.col(key).cast(pl.String) for key in (columns.arm, columns.unit, columns.cluster) if key]
    numeric = files.numbers(rows, (*columns.totals, *columns.covariates), name).with_columns(keys)
    for covariate in columns.covariates:
        if numeric[covariate].null_count() == len(numeric):
            raise InputError(f"{name}: covariate '{covariate}' is empty in every row. Leave it out.")
    return numeric


def _report(rows: pl.DataFrame, experiment: Experiment, name: str) -> Report:
    units = sorted_by(per_unit(rows, experiment.columns), experiment.arm)
    count = _count(units, experiment, name)
    known = units.with_columns(pl.col(list(experiment.covariates)).fill_null(strategy="mean"))
    metrics = correct([result(known, experiment, metric, list(count)) for metric in experiment.terms])
    constant = [metric.metric for metric in metrics if not metric.comparisons]
    checks = (*_checks(rows, units, experiment, count), trust.variation(constant, _still(known, experiment)))
    return Report(name, experiment, count, checks, metrics, _verdict(checks, metrics, experiment))


def _still(units: pl.DataFrame, experiment: Experiment) -> dict[tuple[str, str], int]:
    """Units of each (metric, arm) in which the metric's column has one value for all."""
    columns = dict.fromkeys(term.numerator for term in experiment.terms.values())
    return {
        (name, arm): len(part)
        for arm, part in by_arm(units.drop_nulls(experiment.arm), experiment.arm)
        for name in columns
        if part[name].null_count() in (0, len(part)) and part[name].min() == part[name].max()
    }


def _count(units: pl.DataFrame, experiment: Experiment, name: str) -> dict[str, int]:
    """Units (or clusters) of each arm, the control first."""
    what = pl.col(experiment.cluster).n_unique() if experiment.cluster else pl.len()
    counted = (
        units.drop_nulls(experiment.arm).group_by(experiment.arm).agg(what.alias("n")).sort(experiment.arm)
    )
    count: dict[str, int] = dict(counted.iter_rows())
    if experiment.control not in count:
        remedy = nearest(experiment.control, count)
        raise InputError(f"{name} has no arm '{experiment.control}' in column '{experiment.arm}'.{remedy}")
    if len(count) < 2:
        raise InputError(
            f"{name} has only the arm '{experiment.control}': there is nothing to compare it with."
        )
    for one, n in count.items():
        if n < 2:
            raise InputError(f"{name}: arm '{one}' has {n} unit, at least 2 are needed to know its variance.")
    return {experiment.control: count[experiment.control]} | count


def _checks(
    rows: pl.DataFrame, units: pl.DataFrame, experiment: Experiment, count: Mapping[str, int]
) -> list[Check]:
    columns = experiment.columns
    checks = [
        trust.split(count, experiment.expected_split),
        trust.arms(list(count), experiment.expected_split),
        trust.missing(rows, columns),
    ]
    if columns.unit:
        checks.append(trust.one_arm(rows, columns.unit, columns.arm, "unit"))
        checks.append(trust.repeated(rows, columns.unit))
    if columns.cluster:
        checks.append(trust.one_arm(units, columns.cluster, columns.arm, "cluster"))
    if columns.covariates:
        terms = {name: clustered(Term(name), columns.cluster) for name in columns.covariates}
        samples = {
            name: aggregates(units, columns.arm, [term], columns.cluster) for name, term in terms.items()
        }
        checks.append(trust.balance(samples, terms, experiment.control))
    return checks


def _verdict(checks: Sequence[Check], metrics: Sequence[MetricResult], experiment: Experiment) -> Verdict:
    failed = [one for one in checks if not one.passed]
    if failed:
        return verdict.withheld(failed)
    claims = [
        Claim(
            one.arm,
            metric.metric,
            one.reading.absolute,
            one.reading.relative,
            one.p_adjusted,
            metric.better,
            metric.primary,
            "" if experiment.terms[metric.metric].denominator else " per customer",
        )
        for metric in metrics
        for one in metric.comparisons
    ]
    return verdict.decide(claims, experiment.control, experiment.level)
