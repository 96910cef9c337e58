"""An effect as it grew: cumulative day by day with a band for every day at once, and week by week."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from engine.experiments import sequential, welch
from engine.experiments.sample import Moments
from engine.experiments.stored import Panel
from engine.experiments.welch import Effect, Interval
from engine.store.flows import DAY_US
from policies.base import Floats

_WEEK = 7


@dataclass(frozen=True, slots=True)
class Look:
    """The effect as it stood on the evening of a day (counted from 1970), had one looked then."""

    day: int
    customers: int
    effect: Interval


@dataclass(frozen=True, slots=True)
class Week:
    """What the arm earned over the control in week (or month) number `week` since the assignment."""

    week: int
    customers: int
    effect: Interval


def cumulative(
    panel: Panel, arms: tuple[str, str], limits: tuple[float, float], planned: float
) -> list[Look]:
    """The effect so far at the end of each day, with a confidence sequence that holds on all of them.

    A customer's total changes day by day: of it, the sums and the sums of squares of each arm are carried on,
    so that no day is counted twice.

    Args:
        arms: control and arm.
        limits: least and greatest total that is counted for a customer.
        planned: days per customer at which the sequence is narrowest.
    """
    assigned = panel.units.filter(pl.col("arm").is_in(arms)).select(
        "customer", "arm", (pl.col("assigned_us") // DAY_US).alias("start")
    )
    began = assigned.select("customer", pl.col("start").alias("day"), pl.lit(0.0).alias("amount"))
    moved = pl.concat([began, panel.daily.join(began.select("customer"), on="customer", how="semi")])
    running = (
        moved.group_by("customer", "day")
        .agg(pl.col("amount").sum())
        .sort("customer", "day")
        .with_columns(pl.col("amount").cum_sum().over("customer").clip(*limits).alias("total"))
        .with_columns(pl.col("total").shift(1).over("customer").alias("was"))
        .join(assigned, on="customer")
    )
    was = pl.col("was").fill_null(0.0)
    grown = running.group_by("arm", "day").agg(
        pl.col("was").is_null().sum().alias("n"),
        (pl.col("total") - was).sum().alias("sum"),
        (pl.col("total") ** 2 - was**2).sum().alias("squares"),
        (pl.col("start") * pl.col("was").is_null()).sum().alias("starts"),
    )
    days = range(int(str(grown["day"].min())), int(str(grown["day"].max())) + 1)
    totals = {arm: _carried(grown.filter(arm=arm), days) for arm in arms}
    control, arm = (totals[name] for name in arms)
    looks = (_look(day, control[i], arm[i], planned) for i, day in enumerate(days))
    return [one for one in looks if one is not None]


def marks(panel: Panel, looks: Sequence[Look]) -> tuple[tuple[int, str], ...]:
    """(day, what happened): new versions of the program, and the day from which the band left 0 behind."""
    began = panel.units.drop_nulls("version").group_by("version").agg(pl.col("assigned_us").min() // DAY_US)
    first = looks[0].day if looks else 0
    found = [(max(int(day), first), f"version {one}") for one, day in sorted(began.iter_rows()) if looks]
    open_ = [one.day for one in looks if one.effect.low <= 0 <= one.effect.high]
    decided = [one.day for one in looks if one.day > max(open_, default=-1)]
    return (*found[1:], *([(decided[0], "decided")] if decided else []))


def _carried(grown: pl.DataFrame, days: range) -> Floats:
    """(d, 4) running n, sum, sum of squares and sum of starting days of one arm."""
    change = np.zeros((len(days), 4))
    at = (grown["day"] - days.start).to_numpy()
    change[at] = grown.select("n", "sum", "squares", "starts").to_numpy()
    return np.cumsum(change, axis=0)


def _look(day: int, control: Floats, arm: Floats, planned: float) -> Look | None:
    if min(control[0], arm[0]) < 2:
        return None
    c, t = _moments(*control[:3]), _moments(*arm[:3])
    effect, n = welch.difference(c, t), c.n + t.n
    lived = day + 1 - (control[3] + arm[3]) / n  # mean days since the assignment, at the end of the day
    if effect.se == 0:
        return None
    return Look(day, n, sequential.planned(effect, n, float(n * planned / lived)))


def weekly(panel: Panel, arms: tuple[str, str], level: float) -> list[Week]:
    """What each week since the assignment, which is the first exposure, added.

    A new thing wears off: effects that fall from week to week are the novelty's.
    """
    return periods(panel, arms, level, _WEEK)


def periods(panel: Panel, arms: tuple[str, str], level: float, length: float) -> list[Week]:
    """What each period of `length` days since the assignment added, over customers who lived through it."""
    lived = (int(panel.at.timestamp() * 1e6) - pl.col("assigned_us")) / (length * DAY_US)
    units = panel.units.filter(pl.col("arm").is_in(arms)).select(
        "customer",
        "arm",
        lived.floor().cast(pl.Int64).alias("weeks"),
        (pl.col("assigned_us") // DAY_US).alias("start"),
    )
    flows = panel.daily.join(units, on="customer").with_columns(
        ((pl.col("day") - pl.col("start")) / length).floor().cast(pl.Int64).alias("week")
    )
    amounts = flows.group_by("customer", "arm", "week", "weeks").agg(pl.col("amount").sum())
    found = []
    for week in range(int(str(units["weeks"].max()))):
        complete = amounts.filter(pl.col("week") == week, pl.col("weeks") > week)
        counted = dict(units.filter(pl.col("weeks") > week).group_by("arm").len().iter_rows())
        one = _week(week, complete, counted, arms, level)
        if one is not None:
            found.append(one)
    return found


def _week(
    week: int, amounts: pl.DataFrame, counted: Mapping[str, int], arms: tuple[str, str], level: float
) -> Week | None:
    if min(counted.get(arm, 0) for arm in arms) < 2:
        return None
    own = [amounts.filter(arm=arm)["amount"].to_numpy() for arm in arms]
    control, arm = (
        _moments(counted[name], float(one.sum()), float((one**2).sum()))
        for name, one in zip(arms, own, strict=True)
    )
    effect: Effect = welch.difference(control, arm)
    if effect.se == 0:
        return None
    return Week(week + 1, control.n + arm.n, welch.interval(effect, level))


def _moments(n: float, total: float, squares: float) -> Moments:
    mean = total / n
    return Moments(int(n), float(mean), float(max(squares - n * mean**2, 0.0) / (n - 1)))
