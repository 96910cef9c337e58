"""What an arm adds to a customer's first twelve months: what was seen, and what may follow, kept apart.

No model of buying is fitted. The months to come are the rate of the last weeks, under scenarios of what
becomes of it, so that a reader sees how much of the sum is belief.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from engine.experiments import welch
from engine.experiments.daily import Week, periods
from engine.experiments.money import MONTH
from engine.experiments.sample import Moments, Sample, measure, project
from engine.experiments.stored import Panel
from engine.experiments.units import by_arm
from engine.experiments.verdict import number
from engine.experiments.welch import Interval
from engine.store.flows import DAY_US

YEAR = 12 * MONTH  # days
HALF_LIFE = 90.0  # days in which an effect that fades has lost half of itself
_RECENT = 28  # days from which the rate of today is taken
_LEAST = 7.0  # days per customer before which there is no rate
_COLUMNS = ("so far", "recent", "recent days")


@dataclass(frozen=True, slots=True)
class Scenario:
    """What may become of an effect.

    Attributes:
        name, meaning: of the scenario.
        projected: extra net reward per customer in the days that are left of the twelve months.
        total: in all twelve months, as seen and projected together.
    """

    name: str
    meaning: str
    projected: Interval
    total: Interval


@dataclass(frozen=True, slots=True)
class Level:
    """A customer's net reward in twelve months in one arm, if today's rate lasts."""

    arm: str
    observed: Interval
    projected: Interval
    total: Interval


@dataclass(frozen=True, slots=True)
class Lifetime:
    """Twelve months of an arm against the control; every interval is one to be read once.

    Attributes:
        arm, control: the arms.
        seen: mean days of a customer's first twelve months that were seen.
        left: mean days that were not.
        recent: days from which the rate of today is taken.
        observed: extra net reward per customer in the days that were seen.
        months: the months that were seen, one by one, over customers who lived through them.
        levels: the arms themselves, control first.
        scenarios: what may follow.
    """

    arm: str
    control: str
    seen: float
    left: float
    recent: int
    observed: Interval
    months: tuple[Week, ...]
    levels: tuple[Level, ...]
    scenarios: tuple[Scenario, ...]


def lifetime(panel: Panel, arms: tuple[str, str], level: float, half_life: float) -> Lifetime | None:
    """Twelve months of the arms (control, arm); None in the first week, before there is a rate to project.

    Args:
        half_life: days in which the effect of the scenario that fades has lost half of itself.
    """
    samples = _samples(panel, arms)
    seen = sum(one.n * float(one.mean[3]) for one in samples) / sum(one.n for one in samples)
    if seen < _LEAST or any(one.n < 2 for one in samples):
        return None
    left = max(0.0, YEAR - seen)
    faded = half_life / math.log(2) * -math.expm1(-math.log(2) * left / half_life)
    ways = (
        ("it ends today", "nothing more is gained", 0.0),
        ("it fades", f"half of today's rate is lost every {half_life:g} days", faded),
        ("it lasts", "today's rate goes on", left),
    )
    found = tuple(
        Scenario(name, meaning, _gained(samples, 0.0, days, level), _gained(samples, 1.0, days, level))
        for name, meaning, days in ways
    )
    return Lifetime(
        arm=arms[1],
        control=arms[0],
        seen=seen,
        left=left,
        recent=_RECENT,
        observed=_gained(samples, 1.0, 0.0, level),
        months=tuple(periods(panel, arms, level, MONTH)),
        levels=tuple(_level(arm, one, left, level) for arm, one in zip(arms, samples, strict=True)),
        scenarios=found,
    )


def sentences(found: Lifetime) -> tuple[str, ...]:
    """Twelve months in words."""
    _, fading, lasting = found.scenarios
    return (
        f"In the {found.seen:.0f} days seen, {found.arm} added {_told(found.observed)} per customer over "
        f"{found.control}.",
        f"In twelve months it adds {_told(fading.total)} if {fading.meaning}, {_told(lasting.total)} if "
        f"{lasting.meaning}; {found.left:.0f} of the days are not seen yet.",
    )


def _told(one: Interval) -> str:
    return f"{number(one.value, one)} ({number(one.low, one)} to {number(one.high, one)})"


def _samples(panel: Panel, arms: Sequence[str]) -> list[Sample]:
    """Of each arm: net reward in the first twelve months, in the last weeks, the days of both."""
    today = int(panel.at.timestamp() * 1e6) / DAY_US
    lived = (today - pl.col("assigned_us") / DAY_US).clip(1 / 24)
    units = panel.units.filter(pl.col("arm").is_in(arms)).select(
        "customer", "arm", lived.alias("lived"), (pl.col("assigned_us") // DAY_US).alias("start")
    )
    amount, age = pl.col("amount"), pl.col("day") - pl.col("start")
    sums = (
        panel.daily.join(units.select("customer", "start"), on="customer")
        .group_by("customer")
        .agg(
            amount.filter(age < YEAR).sum().alias(_COLUMNS[0]),
            amount.filter(pl.col("day") >= today - _RECENT).sum().alias(_COLUMNS[1]),
        )
    )
    rows = units.join(sums, on="customer", how="left", maintain_order="left").with_columns(
        pl.col(_COLUMNS[:2]).fill_null(0.0),
        pl.col("lived").clip(upper_bound=_RECENT).alias(_COLUMNS[2]),
        pl.col("lived").clip(upper_bound=YEAR),
    )
    names = (*_COLUMNS, "lived")
    found = {arm: measure(names, part.select(names).to_numpy()) for arm, part in by_arm(rows, "arm")}
    return [found[arm] for arm in arms]


def _gained(samples: Sequence[Sample], seen: float, days: float, level: float) -> Interval:
    """The difference of the arms in what was seen (1: counted, 0: not) and so many days at today's rate."""
    control, arm = (_moments(one, seen, days) for one in samples)
    return _read(welch.difference(control, arm), level)


def _level(arm: str, sample: Sample, days: float, level: float) -> Level:
    none = Moments(sample.n, 0.0, 0.0)
    observed, projected, total = (
        _read(welch.difference(none, _moments(sample, *asked)), level)
        for asked in ((1.0, 0.0), (0.0, days), (1.0, days))
    )
    return Level(arm, observed, projected, total)


def _moments(sample: Sample, seen: float, days: float) -> Moments:
    """Of what was seen and so many days at the rate of the last weeks: a ratio of means, linearised."""
    per_day = float(sample.mean[1] / sample.mean[2])
    weight = np.array([seen, days / sample.mean[2], -days * per_day / sample.mean[2], 0.0])
    influence = project(sample, weight)
    return Moments(sample.n, seen * float(sample.mean[0]) + days * per_day, influence.variance)


def _read(effect: welch.Effect, level: float) -> Interval:
    """The interval; what varies for nobody is known exactly."""
    if effect.se == 0:
        return Interval(effect.value, effect.value, effect.value)
    return welch.interval(effect, level)
