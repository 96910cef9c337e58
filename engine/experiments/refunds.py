"""Values below 0: a refund is money like any other, a count below 0 is a mistake, and none passes in silence.

Refunds count as they are. What is asked of them is that they reach the report alike from every arm: where
only one arm's were joined, the arms differ by the export. Among those who brought anything, the share of
those who gave something back is held against the control's by Fisher's exact test (Fisher 1935, "The design
of experiments"). And an arm cannot give back more than it bought, unless signs are turned or purchases are
missing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from engine.errors import InputError
from engine.experiments.experiment import Experiment
from engine.experiments.trust import LIMIT, Check

ARM, WHAT = "arm", "what"
BELOW, GIVEN, SUM = "values below 0", "given back", "sum"  # of a unit: how many, their sum, and that of all
_TITLE = "Refunds alike in every arm?"


@dataclass(frozen=True, slots=True)
class Returned:
    """What was given back in one metric.

    Attributes:
        share: arm -> share of those with any value who gave something back.
        total: arm -> sum of all values.
        p: of equal shares, Bonferroni over the arms; None where nothing is compared.
    """

    what: str
    count: int
    sum: float
    share: Mapping[str, float]
    total: Mapping[str, float]
    p: float | None


def possible(rows: pl.DataFrame, experiment: Experiment, place: str) -> None:
    """Raise `InputError` at the first value below 0 of a metric that counts, which none can be.

    A column of 0 and 1 is a share (visited, came back, was kept), and what divides a ratio is a count.
    """
    spared = set(experiment.allow_negative or ())
    below = {below for _, below in experiment.ratios}
    for name in experiment.columns.totals:
        column = rows[name]
        least = column.min()
        if experiment.allow_negative is None or name in spared or not isinstance(least, float) or least >= 0:
            continue
        others = column.filter(column >= 0)
        shares = others.is_in([0.0, 1.0]).all() and (others == 1.0).any()
        if shares or name in below:
            why = "otherwise holds 0 and 1: a share" if shares else "divides a ratio: a count"
            row = (column < 0).arg_max() or 0
            raise InputError(
                f"{place}, row {row + 1}, column '{name}': {column[row]:g} is below 0. The column {why}, "
                f"which cannot be less than nothing ({(column < 0).sum()} such cells). Correct them; if they "
                f"are meant, give --allow-negative {name}."
            )


def in_file(rows: pl.DataFrame, experiment: Experiment) -> Check | None:
    """The refunds of a file; None where no metric is below 0, or the caller looks after them."""
    allowed = experiment.allow_negative
    if allowed is None:
        return None
    names = [name for name in experiment.columns.totals if float(str(rows[name].min() or 0.0)) < 0]
    if not names and not allowed:
        return None
    key = experiment.cluster or experiment.unit
    known = rows.drop_nulls([experiment.arm, *([key] if key else [])])
    drawn = [
        pl.col(experiment.arm).alias(ARM),
        (pl.col(key) if key else pl.int_range(pl.len())).alias("unit"),
    ]
    units = [
        known.select(*drawn, pl.col(name).alias("x"))
        .filter(pl.col("x") != 0)
        .group_by(ARM, "unit")
        .agg(
            (pl.col("x") < 0).sum().alias(BELOW),
            pl.col("x").clip(upper_bound=0.0).sum().alias(GIVEN),
            pl.col("x").sum().alias(SUM),
        )
        .with_columns(pl.lit(name).alias(WHAT))
        for name in names
    ]
    if not units:
        return Check("refunds", _TITLE, True, "No value below 0.", count=0)
    return alike(pl.concat(units), experiment.control, allowed, compared=experiment.propensity is None)


def given_back(earned: pl.DataFrame) -> pl.DataFrame:
    """What each customer gave back of the kinds of outcome of which anything was: rows for `alike`.

    Args:
        earned: rows of customer, kind, value, returned (how many below 0) and refunded (their sum).
    """
    return (
        earned.filter((pl.col("returned") > 0).any().over("kind"))
        .group_by("customer", pl.col("kind").alias(WHAT))
        .agg(
            pl.col("returned").sum().alias(BELOW),
            pl.col("refunded").sum().alias(GIVEN),
            pl.col("value").sum().alias(SUM),
        )
    )


def in_store(
    back: pl.DataFrame, units: pl.DataFrame, control: str, allowed: Collection[str], *, compared: bool = True
) -> tuple[Check, ...]:
    """The refunds of a store; none where nothing was given back.

    A kind that is only ever below 0, such as a refund sent as a kind of its own, is what it says: told only.

    Args:
        back: as `given_back` makes it.
        units: customer and arm.
        allowed: kinds that may go below 0.
    """
    if back.is_empty():
        return ()
    counted = back.join(units.select("customer", "arm"), on="customer")
    only = counted.filter((pl.col(GIVEN) >= pl.col(SUM)).all().over(WHAT))[WHAT].unique()
    return () if counted.is_empty() else (alike(counted, control, {*allowed, *only}, compared=compared),)


def alike(units: pl.DataFrame, control: str, allowed: Collection[str], *, compared: bool = True) -> Check:
    """Do refunds come alike from every arm, and are they less than what was bought?

    Args:
        units: one row for each metric and unit that brought any: `ARM`, `WHAT`, `BELOW`, `GIVEN`, `SUM`.
        control: the arm that the others are held against.
        allowed: metrics that may go below 0: they are told, and not tested.
        compared: shares of arms may be held against each other.
    """
    found = [
        _returned(part, str(name), control, compared and name not in allowed)
        for (name,), part in sorted(units.group_by(WHAT), key=lambda one: str(one[0][0]))
    ]
    faults = [fault for one in found if one.what not in allowed for fault in _faults(one, len(found))]
    count, told = sum(one.count for one in found), " ".join(map(_told, found))
    p = min((one.p for one in found if one.p is not None), default=None)
    if faults:
        names = " ".join(f"--allow-negative {one.what}" for one in found if one.what not in allowed)
        remedy = (
            "Find out whether refunds and purchases are joined alike for all; if they are, or values below 0 "
            f"are the metric's nature, say so with {names}."
        )
        return Check("refunds", _TITLE, False, f"{told} {' '.join(faults)} {remedy}", p=p, count=count)
    return Check("refunds", _TITLE, True, f"{told} They count as they are.", p=p, count=count)


def _returned(units: pl.DataFrame, what: str, control: str, compared: bool) -> Returned:
    by_arm = units.group_by(ARM).agg(
        (pl.col(BELOW) > 0).sum().alias("gave"), pl.len().alias("any"), pl.col(SUM).sum()
    )
    counted = {str(arm): (gave, n) for arm, gave, n, _ in by_arm.sort(ARM).iter_rows()}
    share = {arm: gave / n for arm, (gave, n) in counted.items()}
    total = {str(arm): float(value) for arm, _, _, value in by_arm.sort(ARM).iter_rows()}
    p = _equal(counted, control) if compared else None
    return Returned(what, int(units[BELOW].sum()), float(units[GIVEN].sum()), share, total, p)


def _equal(counted: Mapping[str, tuple[int, int]], control: str) -> float | None:
    """p-value of one share in all arms: each against the control, Bonferroni over them."""
    from scipy.stats import fisher_exact

    others = [one for arm, one in counted.items() if arm != control]
    if control not in counted or not others:
        return None
    gave, n = counted[control]
    least = min(float(fisher_exact([[gave, n - gave], [a, m - a]]).pvalue) for a, m in others)
    return min(1.0, len(others) * least)


def _faults(one: Returned, metrics: int) -> Iterable[str]:
    if one.p is not None and one.p * metrics < LIMIT:
        yield f"The shares in '{one.what}' differ beyond chance (p = {one.p:.2g})."
    for arm, total in one.total.items():
        if total < 0:
            yield f"In arm '{arm}' more '{one.what}' is given back than was brought ({total:,.6g} in all)."


def _told(one: Returned) -> str:
    head = f"{one.count:,} values of '{one.what}' are below 0, {one.sum:,.6g} in all"
    if all(part == 1.0 for part in one.share.values()):
        return f"{head}."
    shares = ", ".join(f"{arm} {part:.1%}" for arm, part in one.share.items())
    return f"{head}; of those with any, this many gave back: {shares}."
