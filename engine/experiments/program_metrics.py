"""What a program's figures are of: money, each kind of outcome, and whether customers came back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from engine.experiments.stored import MARGIN, REVENUE, REWARD, Panel, number_of
from engine.experiments.trust import FEW
from engine.store.flows import DAY_US

ACTIVE_AT = (30, 90)  # days since the assignment
_WEEK = 7
_AGAIN = {"bought": 1, "bought again": 2, "bought a third time": 3, "bought a fourth time": 4}


@dataclass(frozen=True, slots=True)
class Asked:
    """The metrics of a program's figures, the net reward first, and notes on what was left out."""

    means: list[str]
    ratios: list[tuple[str, str]]
    notes: tuple[str, ...]


def acquired(found: Panel) -> str | None:
    """The column of the outcome that earned most: who has one is a buyer."""
    goal = found.program.goal.outcomes
    sums = {
        kind: one.amount * float(found.units[number_of(kind)].sum())
        + (one.share * float(found.units[REVENUE].sum()) if one.share else 0.0)
        for kind, one in goal.items()
        if number_of(kind) in found.units.columns
    }
    best = max(sums, key=lambda kind: sums[kind], default=None)
    return None if best is None or sums[best] <= 0 else number_of(best)


def returned(found: Panel, units: pl.DataFrame, days: Sequence[int]) -> pl.DataFrame:
    """With who bought once, twice, three and four times, and who was active in the week from each day on.

    Active is who brought something of worth to the goal. Who was not followed for that long counts neither as
    active nor as followed.
    """
    bought = acquired(found)
    if bought is not None:
        shares = [(pl.col(bought) >= k).cast(pl.Float64).alias(name) for name, k in _AGAIN.items()]
        units = units.with_columns(shares)
    now = int(found.at.timestamp() * 1e6)
    aged = found.earning.join(
        units.select("customer", (pl.col("assigned_us") // DAY_US).alias("start")), on="customer"
    ).select("customer", (pl.col("day") - pl.col("start")).alias("age"))
    for day in days:
        active, followed = _names(day)
        came = aged.filter(pl.col("age").is_between(day, day + _WEEK - 1)).select("customer").unique()
        long = (now - pl.col("assigned_us") >= (day + _WEEK) * DAY_US).cast(pl.Float64)
        units = units.join(
            came.with_columns(pl.lit(1.0).alias(active)), on="customer", how="left", maintain_order="left"
        ).with_columns((pl.col(active).fill_null(0.0) * long).alias(active), long.alias(followed))
    return units


def asked(found: Panel, units: pl.DataFrame, days: Sequence[int]) -> Asked:
    """Net reward first, then what varies enough in every arm to be tested; a note on what does not."""
    kinds = dict.fromkeys([*found.program.goal.outcomes, *found.kinds])
    known = [name for kind in kinds if (name := number_of(kind)) in units.columns]
    wanted = [REVENUE, MARGIN, *known, *(name for name in _AGAIN if name in units.columns)]
    kept = [name for name in wanted if _varies(units, name)]
    left = [name for name in wanted if name not in kept]
    notes = []
    if left:
        notes.append(f"Not tested, because too little of it varies in some arm: {', '.join(left)}.")
    pairs = [_names(day) for day in days]
    told = [one for one in pairs if _varies(units, one[0])]
    early = [active for active, _ in pairs if active not in [one for one, _ in told]]
    if early:
        notes.append(f"Not told yet, because too few were followed for that long: {', '.join(early)}.")
    return Asked([REWARD, *kept], told, (*notes, *_counted(found)))


def _counted(found: Panel) -> list[str]:
    """What a row stands for where it is no customer, and who is in no arm."""
    notes = []
    if found.program.unit:
        notes.append(f"Arms are given by {found.program.unit}: each one counts as one customer.")
    for arm, where in (
        ("global_holdout", "in the holdout of all programs"),
        ("excluded", "excluded by the program's layer"),
    ):
        if arm in found.outside:
            notes.append(f"Not counted: {found.outside[arm]:,} customers {where}.")
    return notes


def _names(day: int) -> tuple[str, str]:
    return f"active from day {day}", f"followed to day {day + _WEEK}"


def _varies(units: pl.DataFrame, name: str) -> bool:
    """In every arm small enough for it to matter, and in one at least."""
    spread = units.group_by("arm").agg(pl.col(name).n_unique().alias("levels"), pl.len().alias("n"))
    small = spread.filter(pl.col("levels") == 1, pl.col("n") < FEW)
    return small.is_empty() and bool((spread["levels"] > 1).any())
