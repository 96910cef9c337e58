"""What a file's experiment could have found, and what the next one needs: sizes, effects, splits and days."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from scipy.optimize import brentq

from engine.errors import InputError, RefusedError
from engine.experiments import files, power
from engine.experiments.metric import Term, moments
from engine.experiments.power import Plan
from engine.experiments.sample import Moments
from engine.experiments.units import aggregates, clustered

_LEAST, _MOST = 0.001, 0.5


@dataclass(frozen=True, slots=True)
class FilePlan:
    """The plan of a comparison, by what a file shows of its metric.

    Attributes:
        arm, control, metric: what is compared.
        units: of both arms in the file.
        share: the control's part of them.
        deviation: standard deviation of a unit.
        wanted: the effect a unit that is to be found.
        power, level: chance of finding it, and confidence of an interval read once.
        detectable: the smallest effect that so many units find with that split.
        size: units of both arms that find the wanted effect with that split.
        days: how long those take to come; None if not known.
        cheapest: the smallest share of the control that finds it among `units`; None if none does.
        cost: what such a control forgoes among `units`, at the wanted effect; None without one.
        unknown: rows with an empty cell, which are left out.
    """

    arm: str
    control: str
    metric: str
    units: int
    share: float
    deviation: float
    wanted: float
    power: float
    level: float
    detectable: float
    size: int
    days: int | None
    cheapest: float | None
    cost: float | None
    unknown: int


def plan_file(
    source: Path | pl.DataFrame,
    *,
    arm: str,
    control: str,
    metric: str,
    cluster: str | None = None,
    effect: float | None = None,
    per_day: float | None = None,
    level: float = 0.95,
    wanted_power: float = 0.8,
) -> FilePlan:
    """Plan by a file of an earlier experiment, or of any two groups alike.

    Args:
        effect: to be found, per unit; the one measured if None.
        per_day: units that come in a day.

    Raises:
        InputError: a column, a cell or a number cannot be used.
        RefusedError: no effect was measured that one could plan for.
    """
    for option, given in (("--effect", effect), ("--per-day", per_day)):
        if given is not None and not 0 < given < math.inf:
            raise InputError(f"{option} == {given:g}, must be above 0; correct it.")
    one, other, treated, name, unknown = _arms(source, arm, control, metric, cluster)
    target = abs(other.mean - one.mean) if effect is None else effect
    if target == 0:
        raise RefusedError(f"{name} shows no effect on {metric} to plan for; give one with --effect.")
    total = one.n + other.n
    share = one.n / total
    deviation = math.sqrt((one.variance * one.n + other.variance * other.n) / total)
    if deviation == 0:
        raise RefusedError(f"{name}: {metric} is the same for everybody; there is nothing to plan by.")
    now = _plan(deviation, share, level)
    size = power.size(now, target, wanted_power)
    cheapest = _cheapest(deviation, level, target, total, wanted_power)
    return FilePlan(
        treated,
        control,
        metric,
        total,
        share,
        deviation,
        target,
        wanted_power,
        level,
        power.detectable(now, total, wanted_power),
        size,
        None if per_day is None else math.ceil(size / per_day),
        cheapest,
        None if cheapest is None else cheapest * total * target,
        unknown,
    )


def sentences(plan: FilePlan) -> tuple[str, ...]:
    """The plan in words."""
    chance, what = f"{plan.power:.0%}", f"{plan.metric} of {plan.arm} against {plan.control}"
    time = "" if plan.days is None else f", which take {plan.days:,} days"
    told = [
        f"An effect of {plan.wanted:.3g} a unit on {what} is found with {chance} chance by "
        f"{plan.size:,} units{time}, {plan.share:.1%} of them in the control, read once at the end.",
        f"The {plan.units:,} units of this file find {plan.detectable:.3g} or more.",
    ]
    if plan.unknown:
        told.append(f"{plan.unknown:,} rows with an empty cell are left out.")
    if plan.cheapest is None:
        told.append(f"No control among {plan.units:,} units finds {plan.wanted:.3g}: more units are needed.")
    else:
        told.append(
            f"Among as many units a control of {plan.cheapest:.1%} is enough; it forgoes {plan.cost:,.4g} if "
            "the effect is true."
        )
    return tuple(told)


def _arms(
    source: Path | pl.DataFrame, arm: str, control: str, metric: str, cluster: str | None
) -> tuple[Moments, Moments, str, str, int]:
    """The control, the first other arm and its name, what to call the source, and rows with an empty cell."""
    name = "the frame" if isinstance(source, pl.DataFrame) else str(source)
    wanted = [arm, metric, *([cluster] if cluster else [])]
    rows = source.select(wanted) if isinstance(source, pl.DataFrame) else files.read(source, wanted)
    rows = files.numbers(rows, [metric], name).with_columns(pl.col(arm).cast(pl.String))
    term = clustered(Term(metric), cluster)
    samples = aggregates(rows, arm, [term], cluster)
    found = sorted(rows[arm].drop_nulls().unique())
    if control not in found or len(found) < 2:
        raise InputError(f"{name} has no arm '{control}' and another one in column '{arm}'; name them.")
    enough = [one for one in found if one in samples and samples[one].n > 1]
    others = [one for one in enough if one != control]
    if control not in enough or not others:
        few = next(one for one in (control, *found) if one not in enough)
        raise InputError(
            f"{name}: arm '{few}' has fewer than 2 units with a known '{metric}', which is too few to know "
            "how they vary. Fill its empty cells, or correct the arm's name."
        )
    unknown = rows.height - rows.drop_nulls().height
    return moments(samples[control], term), moments(samples[others[0]], term), others[0], name, unknown


def _plan(deviation: float, share: float, level: float) -> Plan:
    return Plan(deviation**2, ratio=(1 - share) / share, alpha=1 - level)


def _cheapest(deviation: float, level: float, effect: float, total: int, wanted: float) -> float | None:
    def missing(share: float) -> float:
        return power.power(_plan(deviation, share, level), effect, total) - wanted

    if missing(_MOST) < 0:
        return None
    if missing(_LEAST) >= 0:
        return _LEAST
    return float(brentq(missing, _LEAST, _MOST, xtol=1e-5))
