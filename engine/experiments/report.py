"""The straight line of a report: rows to units, units to statistics, trust checks, comparisons, verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from engine.errors import InputError, nearest
from engine.experiments import files, quantiles, refunds, trust, verdict
from engine.experiments.experiment import Experiment, check
from engine.experiments.metric import Term
from engine.experiments.results import MetricResult, correct, result
from engine.experiments.scored import scored
from engine.experiments.targeting import Targeting
from engine.experiments.trust import Check
from engine.experiments.units import aggregates, by_arm, per_unit, sorted_by
from engine.experiments.verdict import Claim, Verdict

FEWEST = 2  # units of an arm that is compared


@dataclass(frozen=True, slots=True)
class Report:
    """An experiment's result: trust first, then the verdict, then the figures.

    Attributes:
        source: file the rows came from.
        experiment: what was asked.
        units: arm -> randomised units (or clusters), the control first.
        trust: the checks, in the order they are read.
        metrics: the figures.
        targeting: how well a score ranks units, arm by arm; none if there is no score.
        verdict: what to do.
    """

    source: str
    experiment: Experiment
    units: Mapping[str, int]
    trust: tuple[Check, ...]
    metrics: tuple[MetricResult, ...]
    targeting: tuple[Targeting, ...]
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
    propensity: str | None = None,
    quantile: Sequence[tuple[str, float]] = (),
    score: str | None = None,
    assigned_at: str | None = None,
    covariate_at: str | None = None,
    at: datetime | None = None,
    allow_negative: Sequence[str] | None = (),
    name: str | None = None,
) -> Report:
    """Read an experiment file (or frame) and report it.

    Args:
        source: a CSV or Parquet file, or its rows.
        arm, control, metrics, ratios, covariates, cluster, unit, expected_split, clamp, cost_column, level,
            primary, lower_is_better, horizon, money, elapsed, propensity, quantile, score, assigned_at,
            covariate_at, at, allow_negative: as `Experiment` describes them.
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
        propensity=propensity,
        quantiles=tuple(dict.fromkeys(quantile)),
        score=score,
        assigned_at=assigned_at,
        covariate_at=covariate_at,
        at=at,
        allow_negative=None if allow_negative is None else tuple(allow_negative),
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
    wanted = (*columns.totals, *columns.covariates, *columns.beside)
    numeric = files.dates(files.numbers(rows, wanted, name), columns.dates, name).with_columns(keys)
    if experiment.propensity:
        files.shares(numeric, experiment.propensity, name)
    refunds.possible(numeric, experiment, name)
    for covariate in columns.covariates:
        if numeric[covariate].null_count() == len(numeric):
            raise InputError(f"{name}: covariate '{covariate}' is empty in every row. Leave it out.")
    return numeric


def _report(rows: pl.DataFrame, experiment: Experiment, name: str) -> Report:
    units = sorted_by(per_unit(rows, experiment.columns), experiment.arm)
    everyone = _count(units, experiment, name)
    lone = [arm for arm, n in everyone.items() if n < FEWEST]
    count = {arm: n for arm, n in everyone.items() if arm not in lone}
    if lone:
        units = units.filter(~pl.col(experiment.arm).cast(pl.String).is_in(lone).fill_null(value=False))
    known = units.with_columns(pl.col(list(experiment.covariates)).fill_null(strategy="mean"))
    read = [result(known, experiment, metric, list(count)) for metric in experiment.terms]
    constant = [metric.metric for metric in read if not metric.comparisons]
    still = _still(known, experiment)
    tails = [quantiles.result(known, experiment, *one, list(count)) for one in experiment.quantiles]
    metrics = correct([*(_told(one, still, experiment) for one in read), *tails])
    checks = (
        *_checks(rows, units, experiment, everyone if experiment.expected_split else count, lone),
        trust.variation(constant, still, experiment.leading),
    )
    decision = _verdict(checks, metrics, experiment)
    return Report(name, experiment, count, checks, metrics, scored(known, experiment, count), decision)


def _still(units: pl.DataFrame, experiment: Experiment) -> dict[tuple[str, str], int]:
    """Units of each (metric, arm) too small to know a spread, in which the metric has one value for all."""
    return {
        (name, arm): len(part)
        for arm, part in by_arm(units.drop_nulls(experiment.arm), experiment.arm)
        for name, term in experiment.terms.items()
        if len(part) < trust.FEW and _one_value(part[term.numerator])
    }


def _one_value(column: pl.Series) -> bool:
    return column.null_count() in (0, len(column)) and column.min() == column.max()


def _told(one: MetricResult, still: Mapping[tuple[str, str], int], experiment: Experiment) -> MetricResult:
    """Without the arms of a metric for information that are too small and still to be read."""
    if one.primary:
        return one
    unread = {arm for metric, arm in still if metric == one.metric}
    kept = () if experiment.control in unread else [two for two in one.comparisons if two.arm not in unread]
    return replace(one, comparisons=tuple(kept))


def _count(units: pl.DataFrame, experiment: Experiment, name: str) -> dict[str, int]:
    """Units (or clusters) of each arm, the control first; the control and another one can be compared."""
    count = {
        arm: part[experiment.cluster].n_unique() if experiment.cluster else len(part)
        for arm, part in by_arm(units.drop_nulls(experiment.arm), experiment.arm)
    }
    if experiment.control not in count:
        remedy = nearest(experiment.control, count)
        raise InputError(f"{name} has no arm '{experiment.control}' in column '{experiment.arm}'.{remedy}")
    if len(count) < 2:
        raise InputError(
            f"{name} has only the arm '{experiment.control}': there is nothing to compare it with."
        )
    enough = [one for one, n in count.items() if n >= FEWEST]
    if experiment.control not in enough or len(enough) < 2:
        one, n = next((arm, n) for arm, n in count.items() if n < FEWEST)
        raise InputError(
            f"{name}: arm '{one}' has {n} unit, at least {FEWEST} are needed to know its variance. Correct "
            "the arm's name, or leave its row out."
        )
    return {experiment.control: count[experiment.control]} | count


def _checks(
    rows: pl.DataFrame,
    units: pl.DataFrame,
    experiment: Experiment,
    count: Mapping[str, int],
    lone: Sequence[str],
) -> list[Check]:
    columns = experiment.columns
    checks = [
        _split(units, experiment, count),
        trust.arms([*count, *(arm for arm in lone if arm not in count)], experiment.expected_split, lone),
        trust.missing(rows, columns, [experiment.score] if experiment.score else []),
    ]
    if found := refunds.in_file(rows, experiment):
        checks.append(found)
    if experiment.assigned_at:
        checks.append(trust.dates(units, experiment.assigned_at, experiment.covariate_at, experiment.at))
    if experiment.assigned_at and not experiment.propensity:
        dated = units.drop_nulls(experiment.assigned_at)
        checks.append(trust.every_day(dated, columns.arm, experiment.assigned_at, experiment.expected_split))
    if columns.unit:
        checks.append(trust.one_arm(rows, columns.unit, columns.arm, "unit"))
        checks.append(trust.repeated(rows, columns.unit))
    if columns.cluster:
        checks.append(trust.one_arm(units, columns.cluster, columns.arm, "cluster"))
    if columns.covariates:
        terms = {name: experiment.measured(Term(name)) for name in columns.covariates}
        samples = {
            name: aggregates(units, columns.arm, [term], columns.cluster, experiment.propensity)
            for name, term in terms.items()
        }
        checks.append(trust.balance(samples, terms, experiment.control))
    return checks


def _split(units: pl.DataFrame, experiment: Experiment, count: Mapping[str, int]) -> Check:
    if experiment.propensity is None:
        return trust.split(count, experiment.expected_split)
    return trust.logged_shares(
        units.drop_nulls([experiment.arm, experiment.propensity]), experiment.arm, experiment.propensity
    )


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
            _per(experiment.terms.get(metric.metric)),
        )
        for metric in metrics
        for one in metric.comparisons
    ]
    return verdict.decide(claims, experiment.control, experiment.level)


def _per(term: Term | None) -> str:
    """What a difference counts for: a mean's is one customer, a ratio's and a quantile's nothing."""
    return " per customer" if term is not None and term.denominator is None else ""
