"""Guardrails: is a metric not worse than the control by more than a margin we can live with?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from scipy.special import stdtrit

from engine.experiments.sample import Moments
from engine.experiments.welch import difference, tail

Good = Literal["increase", "decrease"]


@dataclass(frozen=True, slots=True)
class Guardrail:
    """One-sided reading of a metric that must not get worse.

    Attributes:
        value: treatment less control.
        bound: the confidence limit on the harmful side.
        limit: the worst difference allowed.
        p: one-sided p-value of being worse than `limit`.
        passed: the bound is within the limit.
    """

    value: float
    bound: float
    limit: float
    p: float
    passed: bool


def noninferior(
    control: Moments, treatment: Moments, margin: float, good: Good, alpha: float = 0.05
) -> Guardrail:
    """One-sided Welch test against a margin given as a share of the control mean.

    Source: Schuirmann (1987), "A comparison of the two one-sided tests procedure", one side of it.

    Args:
        control, treatment: moments of the arms.
        margin: tolerated loss, a share of the control mean (0.02 is 2 %).
        good: the direction in which the metric is better.
        alpha: chance of passing a metric that is worse by just the margin.
    """
    sign = 1.0 if good == "increase" else -1.0
    return within(control, treatment, -sign * margin * abs(control.mean), good, alpha)


def within(control: Moments, treatment: Moments, limit: float, good: Good, alpha: float = 0.05) -> Guardrail:
    """One-sided Welch test against a limit in the metric's own unit. One of the arms must vary."""
    effect = difference(control, treatment)
    sign = 1.0 if good == "increase" else -1.0
    bound = effect.value - sign * effect.se * float(stdtrit(effect.df, 1 - alpha))
    p = tail(effect, limit, upper=good == "increase")
    return Guardrail(effect.value, bound, limit, p, sign * (bound - limit) > 0)
