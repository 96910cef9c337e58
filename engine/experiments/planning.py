"""What a program's next months can prove: the effects they would see, the holdout that needs, and its price.

The history says how a customer's total varies and how that grows with time; power comes from there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import polars as pl
from scipy.optimize import brentq
from scipy.stats import norm

from engine.experiments import power
from engine.experiments.compare import Reading
from engine.experiments.money import MONTH, scaled
from engine.experiments.power import Plan
from engine.experiments.stored import REWARD, Panel
from engine.experiments.verdict import number
from engine.experiments.welch import Interval
from engine.store.flows import DAY_US

_AHEAD = (30, 90, 180, 365)  # days a plan looks ahead
_LEAST, _MOST = 0.001, 0.5  # shares of a holdout that are thought of


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be proven: an effect per customer and month (None: the one measured), when, how surely."""

    effect: float | None = None
    days: float = 90.0
    power: float = 0.8


DEFAULT = Wanted()


@dataclass(frozen=True, slots=True)
class Horizon:
    """What `days` per customer can prove.

    Attributes:
        detectable: the smallest effect per customer and month that is found, with today's split.
        share: the smallest holdout, of it and the arm together, that finds the wanted effect; None if none.
        cost: what such a holdout forgoes in a month, at the effect measured; None without a share.
    """

    days: int
    detectable: float
    share: float | None
    cost: Interval | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """The plan of a program's proof.

    Attributes:
        arm, control, customers: what is compared, and how many customers the two have together.
        power, level: chance of finding the effect, and confidence of the interval that is read every day.
        wanted: effect per customer and month that is to be found.
        deviation: standard deviation of a customer's month, as history has it.
        growth: the power of time with which a total's variance grows: 1 if months are independent, 2 if a
            customer is always the same.
        size: customers of both arms that find the effect in the time that was planned, with today's split.
        days: days per customer until the wanted effect is found with today's split; None: it never is.
        holdout_cost: what today's control forgoes in a month, at the effect measured.
        ahead: what can be proven by when.
    """

    arm: str
    control: str
    customers: int
    power: float
    level: float
    wanted: float
    deviation: float
    growth: float
    size: int
    days: int | None
    holdout_cost: Interval
    ahead: tuple[Horizon, ...]


def outlook(
    panel: Panel,
    arms: tuple[str, str],
    reading: Reading,
    goal: Wanted,
    lived: float,
    level: float,
) -> Outlook | None:
    """Plan the comparison of two arms; None where no effect was measured that one could plan for.

    Args:
        arms: control and arm.
        reading: their comparison.
        lived: mean days per customer since the assignment.
        level: of confidence.
    """
    monthly, power_wanted, planned = scaled(reading.always, MONTH / lived), goal.power, goal.days
    target = abs(monthly.value) if goal.effect is None else goal.effect
    if target <= 0:
        return None
    history = _History(panel, arms, reading, lived, level)
    kept = history.control / sum(reading.n)
    ahead = tuple(_horizon(history, days, target, monthly, power_wanted) for days in _AHEAD)
    return Outlook(
        arm=arms[1],
        control=arms[0],
        customers=sum(reading.n),
        power=power_wanted,
        level=level,
        wanted=target,
        deviation=math.sqrt(history.variance(MONTH)),
        growth=history.growth,
        size=power.size(history.plan(planned, kept), target * planned / MONTH, power_wanted),
        days=_days(history, target, power_wanted),
        holdout_cost=scaled(monthly, history.control),
        ahead=ahead,
    )


def sentences(plan: Outlook) -> tuple[str, ...]:
    """The plan in words."""
    cost, chance = plan.holdout_cost, f"{100 * plan.power:g} %"
    when = "not within ten years" if plan.days is None else f"after {plan.days:,} days per customer"
    return (
        f"An effect of {plan.wanted:,.3g} per customer and month of {plan.arm} over {plan.control} is found "
        f"with {chance} chance {when}, reading every day, with the {plan.customers:,} customers of today.",
        _kept(plan.arm, plan.control, cost),
    )


def _kept(arm: str, control: str, cost: Interval) -> str:
    """What keeping the control costs; where the arm earned less, keeping it saves."""
    if cost.value < 0:
        return (
            f"Keeping {control} saves {number(-cost.value, cost)} a month ({number(-cost.high, cost)} to "
            f"{number(-cost.low, cost)}), if the effect measured is true: so far {arm} earned less than it."
        )
    return (
        f"Keeping {control} costs {number(cost.value, cost)} a month "
        f"({number(cost.low, cost)} to {number(cost.high, cost)}), if the effect measured is true."
    )


class _History:
    """How a customer's total varies, and how that grows with time."""

    def __init__(
        self, panel: Panel, arms: tuple[str, str], reading: Reading, lived: float, level: float
    ) -> None:
        self.control, self.total, self.lived = reading.n[0], sum(reading.n), lived
        # the boundary of `sequential.planned` at its end is that of one look at half the error of its half
        self.alpha = 2 * float(norm.sf(norm.isf((1 - level) / 8)))
        own = panel.units.filter(pl.col("arm").is_in(arms))
        self._whole = _pooled(own, pl.col(REWARD)) * reading.variance_kept
        self.growth = _growth(panel, own)

    def variance(self, days: float) -> float:
        """Of a customer's total over so many days."""
        return self._whole * float((days / self.lived) ** self.growth)

    def plan(self, days: float, share: float) -> Plan:
        """The comparison after so many days with such a holdout."""
        return Plan(self.variance(days), ratio=(1 - share) / share, alpha=self.alpha)

    def power(self, days: float, share: float, effect: float) -> float:
        """Chance to find an effect per month after so many days."""
        return power.power(self.plan(days, share), effect * days / MONTH, self.total)


def _horizon(history: _History, days: int, effect: float, monthly: Interval, wanted: float) -> Horizon:
    kept = history.control / history.total
    least = power.detectable(history.plan(days, kept), history.total, wanted) * MONTH / days
    if history.power(days, _MOST, effect) < wanted:
        return Horizon(days, least, None, None)
    share = _LEAST
    if history.power(days, share, effect) < wanted:
        share = float(brentq(lambda one: history.power(days, one, effect) - wanted, _LEAST, _MOST, xtol=1e-5))
    return Horizon(days, least, share, scaled(monthly, share * history.total))


def _days(history: _History, effect: float, wanted: float) -> int | None:
    """Days until the effect is found with today's split, looking at most ten years ahead."""
    kept, last = history.control / history.total, 3653
    if history.power(last, kept, effect) < wanted:
        return None
    if history.power(1, kept, effect) >= wanted:
        return 1
    found = brentq(lambda days: history.power(days, kept, effect) - wanted, 1, last, xtol=0.01)
    return math.ceil(float(found))


def _growth(panel: Panel, own: pl.DataFrame) -> float:
    """From the variance of the first half of each customer's time against that of the whole, in [1, 2]."""
    now = int(panel.at.timestamp() * 1e6)
    middle = ((pl.col("assigned_us") + now) // 2) // DAY_US
    early = (
        panel.daily.join(own.select("customer", middle.alias("middle")), on="customer")
        .filter(pl.col("day") < pl.col("middle"))
        .group_by("customer")
        .agg(pl.col("amount").sum())
    )
    joined = own.join(early, on="customer", how="left").with_columns(pl.col("amount").fill_null(0.0))
    half, whole = _pooled(joined, pl.col("amount")), _pooled(joined, pl.col(REWARD))
    if half <= 0:
        return 1.0
    return min(2.0, max(1.0, math.log2(whole / half)))


def _pooled(units: pl.DataFrame, value: pl.Expr) -> float:
    """Variance within the arms, each customer the same weight."""
    spread = units.group_by("arm").agg(value.var().alias("variance"), pl.len().alias("n"))
    return float((spread["variance"] * spread["n"]).sum()) / float(spread["n"].sum())
