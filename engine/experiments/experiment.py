"""What to compare, checked before any file is read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from engine.errors import InputError, nearest
from engine.experiments.metric import Term
from engine.experiments.units import Columns, clustered


@dataclass(frozen=True, slots=True)
class Experiment:
    """What to compare, in the words of the file.

    Attributes:
        arm: column that names the arm.
        control: the arm to compare with.
        metrics: columns whose means are compared.
        ratios: (numerator, denominator) columns whose ratio of means is compared.
        covariates: columns known before the experiment.
        unit: column that identifies the unit, where it has several rows.
        cluster: column that groups units randomised together.
        expected_split: arm -> promised share; None means equal shares.
        clamp: quantile of all units above which a mean metric is clamped; None means never.
        cost_column: cost per unit, for effects per unit of cost.
        level: of confidence.
        primary: metrics the decision rests on; () means the first.
        lower_is_better: metrics that should go down.
        horizon: units of two arms at which the experiment was planned to end; None if it was not planned.
        money: the metrics that clamping is for; () means all.
        propensity: column with the probability with which the unit got its arm, where shares changed.
        quantiles: (column, q) whose quantiles are compared.
        score: column that ranks units, judged by the uplift of the first metric.
        assigned_at, covariate_at: columns with the dates of the assignment, and of what was known before.
        at: the moment after which no date can be; None means that nobody asked.
        allow_negative: metrics that may go below 0; None means that the caller looks after refunds.
        elapsed: share of the planned time that has passed, where all units are there from the start and only
            their outcomes still come; stands in the place of `horizon`.
    """

    arm: str
    control: str
    metrics: tuple[str, ...]
    ratios: tuple[tuple[str, str], ...] = ()
    covariates: tuple[str, ...] = ()
    unit: str | None = None
    cluster: str | None = None
    expected_split: Mapping[str, float] | None = None
    clamp: float | None = None
    cost_column: str | None = None
    level: float = 0.95
    primary: tuple[str, ...] = ()
    lower_is_better: tuple[str, ...] = ()
    horizon: float | None = None
    money: tuple[str, ...] = ()
    elapsed: float | None = None
    propensity: str | None = None
    quantiles: tuple[tuple[str, float], ...] = ()
    score: str | None = None
    assigned_at: str | None = None
    covariate_at: str | None = None
    at: datetime | None = None
    allow_negative: tuple[str, ...] | None = ()

    @property
    def terms(self) -> dict[str, Term]:
        """Metric name -> what is measured."""
        means = {name: Term(name) for name in self.metrics}
        return means | {f"{above}/{below}": Term(above, below) for above, below in self.ratios}

    @property
    def leading(self) -> tuple[str, ...]:
        """The primary metrics."""
        return self.primary or tuple(self.terms)[:1]

    @property
    def columns(self) -> Columns:
        parts = [name for pair in self.ratios for name in pair]
        cost = [self.cost_column] if self.cost_column else []
        tails = [name for name, _ in self.quantiles]
        totals = tuple(dict.fromkeys([*self.metrics, *parts, *cost, *tails]))
        beside = [one for one in (self.propensity, self.score) if one]
        dates = [one for one in (self.assigned_at, self.covariate_at) if one]
        return Columns(
            self.arm, totals, self.covariates, self.unit, self.cluster, tuple(beside), tuple(dates)
        )

    def measured(self, term: Term) -> Term:
        """The term as it reads on totals of clusters, or of units weighed by one over their propensity."""
        return clustered(term, self.cluster or self.propensity)


def check(experiment: Experiment) -> None:
    """Raise `InputError` for a request that has no answer, whatever the file holds."""
    if not experiment.terms:
        raise InputError("No metric was named. Name one or more with --metric COLUMN or --ratio ABOVE/BELOW.")
    for name in (*experiment.primary, *experiment.lower_is_better):
        if name not in experiment.terms:
            raise InputError(f"'{name}' is not among the metrics.{nearest(name, experiment.terms)}")
    for column, q in experiment.quantiles:
        _within(f"the quantile of '{column}'", q, 0.0, 1.0)
    for name in experiment.allow_negative or ():
        if name not in experiment.columns.totals:
            raise InputError(
                f"--allow-negative is '{name}', which is no column of a metric."
                f"{nearest(name, experiment.columns.totals)}"
            )
    _together(experiment)
    _within("level", experiment.level, 0.5, 1.0)
    if experiment.horizon is not None:
        _within("horizon", experiment.horizon, 1.0, math.inf)
    if experiment.clamp is not None:
        _within("clamp", experiment.clamp, 0.5, 1.0)
    if experiment.expected_split is not None:
        _check_split(experiment.expected_split)


def _together(experiment: Experiment) -> None:
    """What cannot be asked at once."""
    if experiment.quantiles and (experiment.cluster or experiment.propensity):
        raise InputError(
            "A quantile of units that were drawn in groups, or with shares that changed, has no interval "
            "here. Leave out --quantile, or --cluster and --propensity."
        )
    if experiment.score and (experiment.cluster or experiment.propensity):
        raise InputError("--score needs units drawn one by one with fixed shares. Leave it out.")
    if experiment.score and experiment.leading[0] not in experiment.metrics:
        raise InputError(
            f"--score is judged by the first metric that decides, and '{experiment.leading[0]}' is a ratio. "
            "Name a mean with --primary."
        )
    if experiment.covariate_at and not experiment.assigned_at:
        raise InputError("--covariate-at needs --assigned-at: the date that the covariates must be before.")


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low < value < high:
        raise InputError(f"{name} is {value}, must lie between {low:g} and {high:g}.")


def _check_split(split: Mapping[str, float]) -> None:
    for arm, share in split.items():
        if not 0 < share < 1:
            raise InputError(f"The expected split gives '{arm}' {share}, must lie between 0 and 1.")
    total = sum(split.values())
    if abs(total - 1) > 1e-3:
        raise InputError(f"The expected split adds up to {total:g}, must add up to 1. Name every arm.")
