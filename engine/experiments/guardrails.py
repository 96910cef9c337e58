"""What must not get worse while a program earns: unsubscribes and complaints, by non-inferiority."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from engine.domain import Goal
from engine.experiments import noninferiority, welch
from engine.experiments.metric import Term, moments
from engine.experiments.noninferiority import Guardrail
from engine.experiments.stored import number_of
from engine.experiments.units import aggregates, clustered
from engine.experiments.verdict import Status

MARGIN = 0.005  # at most 5 more in 1,000 customers are lived with, unless told otherwise
_HARMFUL = ("unsubscribe", "complaint")


@dataclass(frozen=True, slots=True)
class Watch:
    """One kind of harm in one arm against another.

    Attributes:
        rate: per customer, control first.
        found: the test; None where it happened to nobody, and nothing can be tested.
        status: green: no worse than the margin; red: proven worse than that; yellow: neither yet; gray: none
            seen.
    """

    kind: str
    arm: str
    control: str
    rate: tuple[float, float]
    found: Guardrail | None
    status: Status
    sentence: str


def harmful(goal: Goal, kinds: Iterable[str]) -> tuple[str, ...]:
    """The kinds of outcome that are watched: by name, or because the goal counts them as a loss."""
    lost = [kind for kind, one in goal.outcomes.items() if one.amount < 0 or one.share < 0]
    return tuple(dict.fromkeys([*lost, *(kind for kind in kinds if kind in _HARMFUL)]))


def watch(
    units: pl.DataFrame,
    kind: str,
    arm: str,
    control: str,
    margin: float,
    level: float,
    propensity: str | None = None,
) -> Watch:
    """Is the arm's rate of a harm at most `margin` (outcomes per customer) above the control's?

    Harm is proven where the two-sided interval of that level lies above the margin.

    Args:
        propensity: column with the probability of each customer's arm, where shares changed.
    """
    name, alpha = number_of(kind), 1 - level
    if name not in units.columns:
        return Watch(kind, arm, control, (0.0, 0.0), None, "gray", f"No {kind} in any arm.")
    term, pair = clustered(Term(name), propensity), units.filter(pl.col("arm").is_in([arm, control]))
    samples = aggregates(pair, "arm", [term], propensity=propensity)
    c, t = (moments(samples[one], term) for one in (control, arm))
    rates = f"{1000 * t.mean:.1f} in 1,000 customers, {1000 * c.mean:.1f} in {control}"
    effect = welch.difference(c, t)
    if effect.se == 0:
        return Watch(kind, arm, control, (c.mean, t.mean), None, "gray", f"{rates}: nothing to test.")
    found = noninferiority.within(c, t, margin, "decrease", alpha)
    worse = welch.tail(effect, margin, upper=True) < alpha / 2
    if worse:
        status: Status = "red"
        told = f"more than the {1000 * margin:g} that are allowed, beyond chance"
    elif found.passed:
        status, told = (
            "green",
            f"at most {1000 * max(found.bound, 0):.1f} more, {1000 * margin:g} are allowed",
        )
    else:
        status = "yellow"
        told = f"up to {1000 * found.bound:.1f} more cannot be ruled out yet, {1000 * margin:g} are allowed"
    return Watch(kind, arm, control, (c.mean, t.mean), found, status, f"{rates}: {told}.")
