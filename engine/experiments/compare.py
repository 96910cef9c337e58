"""One metric of one arm against the control: every reading a report shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.experiments import bayes, cuped, fieller, sequential, welch
from engine.experiments.bayes import Belief
from engine.experiments.metric import Term, level, weights
from engine.experiments.sample import Moments, Sample
from engine.experiments.small import steadied
from engine.experiments.welch import Effect, Interval

_BASE_Z = 3.0  # a control level closer to 0 than this many standard errors carries no relative lift


@dataclass(frozen=True, slots=True)
class Setting:
    """How to read an effect: confidence level, and how far the experiment is, if it was planned.

    Attributes:
        horizon: units of both arms at which it ends.
        elapsed: share of the planned time that has passed; in the place of `horizon`.
    """

    level: float = 0.95
    horizon: float | None = None
    elapsed: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A treatment against its control.

    Attributes:
        n: units (or clusters) of control and treatment.
        mean: their own levels, as the books show them, control first.
        absolute: difference of the levels, covariate-adjusted where there are covariates.
        relative: lift over the control's level; None where that is too near 0 to divide by.
        p: two-sided p-value of no difference.
        sequential: interval for the difference that holds at every look.
        belief: the Bayesian reading.
        variance_kept: share of the variance left after adjustment, 1 without covariates.
        effect: the difference with its error, to be read at another level.
    """

    n: tuple[int, int]
    mean: tuple[float, float]
    absolute: Interval
    relative: Interval | None
    p: float
    sequential: Interval
    belief: Belief
    variance_kept: float
    effect: Effect

    @property
    def always(self) -> Interval:
        """The difference with the limits that may be read every day."""
        return Interval(self.absolute.value, self.sequential.low, self.sequential.high)


def compare(
    control: Sample,
    treatment: Sample,
    term: Term,
    covariates: tuple[Term, ...] = (),
    setting: Setting | None = None,
) -> Reading | None:
    """Read one metric; None if it does not vary in either arm, so that there is nothing to test.

    Means are read with Hall's correction for skewness, ratios by the delta method.
    """
    setting = setting or Setting()
    adjusted = cuped.adjust(control, treatment, term, covariates)
    arms = cuped.moments(adjusted, control), cuped.moments(adjusted, treatment)
    effect = effect_of(arms, term)
    if effect.se == 0:
        return None
    plain = cuped.adjust(control, treatment, term)
    raw = effect_of((cuped.moments(plain, control), cuped.moments(plain, treatment)), term)
    return Reading(
        n=(control.n, treatment.n),
        mean=(level(control, term), level(treatment, term)),
        absolute=welch.interval(effect, setting.level),
        relative=_relative(adjusted, setting),
        p=welch.p_value(effect),
        sequential=always(effect, control.n + treatment.n, setting),
        belief=bayes.normal(effect),
        variance_kept=(effect.se / raw.se) ** 2,
        effect=effect,
    )


def effect_of(arms: tuple[Moments, Moments], term: Term) -> Effect:
    """Difference of two arms: of means with their skewness and, in small arms, with the spread of both; of
    ratios by the delta method.
    """
    if term.denominator is None:
        return welch.difference(*steadied(*arms))
    return welch.unskewed(welch.difference(*arms))


def per_cost(
    control: Sample, treatment: Sample, term: Term, cost: Term, level: float = 0.95
) -> fieller.RatioInterval | None:
    """Extra metric per extra unit of cost, with Fieller's interval; None if the arms cost the same."""
    rows = [(arm, np.stack([weights(arm, term), weights(arm, cost)])) for arm in (control, treatment)]
    gap = [_gap(control, treatment, one) for one in (term, cost)]
    spread = sum(w @ arm.second @ w.T / (arm.n * (arm.n - 1)) for arm, w in rows)
    assert not isinstance(spread, int)
    variance = float(spread[0, 0]), float(spread[1, 1]), float(spread[0, 1])
    return fieller.ratio(gap[0], gap[1], variance, level)


def _gap(control: Sample, treatment: Sample, term: Term) -> float:
    return level(treatment, term) - level(control, term)


def always(effect: Effect, n: int, setting: Setting) -> Interval:
    """The interval of an effect in n units that holds at every look."""
    horizon = setting.horizon if setting.elapsed is None else n / setting.elapsed
    if horizon is None:
        return sequential.asymptotic(effect, n, level=setting.level)
    return sequential.planned(effect, n, horizon, setting.level)


def _relative(adjusted: cuped.Adjusted, setting: Setting) -> Interval | None:
    base = cuped.moments(cuped.adjust(adjusted.control, adjusted.treatment, adjusted.term), adjusted.control)
    if base.mean**2 <= _BASE_Z**2 * base.error:
        return None
    return welch.interval(cuped.relative(adjusted), setting.level)
