"""Switchback experiments: everybody has one arm at a time, and lots are drawn by period.

The period is the unit: rows are added up to periods, and arms are compared between these. Because arms
are drawn by lot from period to period, this needs no word on how periods resemble each other. What it
does need is that a period is not under the spell of the one before, which the guard looks for.

Source: Bojinov, Simchi-Levi and Zhao (2023), "Design and analysis of switchback experiments", Management
    Science 69.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
from scipy.stats import norm

from engine.errors import InputError
from engine.experiments import files, verdict
from engine.experiments.metric import Term, moments
from engine.experiments.report import Report, analyse
from engine.experiments.trust import LIMIT, Check
from engine.experiments.units import aggregates, clustered
from engine.experiments.welch import Effect, difference
from policies.base import Mask

ALARM = 0.01  # chance that the guard finds a carry-over that is not there
FEWEST = 10  # periods of an arm
_SETTLED = "(settled)"
_NEVER = 1_000_000


def switchback(
    source: Path | pl.DataFrame,
    *,
    arm: str,
    control: str,
    period: str,
    metrics: Sequence[str],
    lower_is_better: Sequence[str] = (),
    allow_negative: Sequence[str] = (),
    wash_out: int = 0,
    level: float = 0.95,
    expected_split: Mapping[str, float] | None = None,
    name: str | None = None,
) -> Report:
    """Read a file of a switchback experiment: rows of any number in each period.

    Args:
        period: column whose order is that of time: a number, or a date or time in ISO form.
        wash_out: periods to leave out after each switch.
        expected_split: with which shares periods were drawn; alike if None.
        name: what to call the source; the file's path if None.

    Raises:
        InputError: a column or a cell cannot be used, or nothing is left.
    """
    name = name or ("the frame" if isinstance(source, pl.DataFrame) else str(source))
    wanted = [arm, period, *metrics]
    rows = source.select(wanted) if isinstance(source, pl.DataFrame) else files.read(source, wanted)
    rows = files.numbers(rows, metrics, name).with_columns(
        pl.col(arm).cast(pl.String), _when(rows, period, name)
    )
    order = _order(rows.drop_nulls([arm, period]), arm, period)
    kept = rows.join(order.drop(arm), on=period, how="left").filter(
        (pl.col(_SETTLED) >= wash_out) | pl.col(_SETTLED).is_null()
    )
    if wash_out and kept[arm].drop_nulls().n_unique() < rows[arm].drop_nulls().n_unique():
        raise InputError(f"{name}: --wash-out {wash_out} leaves no period of some arm; give less.")
    found = analyse(
        kept.drop(_SETTLED),
        arm=arm,
        control=control,
        metrics=metrics,
        cluster=period,
        level=level,
        lower_is_better=lower_is_better,
        allow_negative=allow_negative,
        expected_split=expected_split,
        name=name,
    )
    carried = [_carry_over(kept, arm, control, period, metric) for metric in metrics]
    checks = (*found.trust, _by_lot(order, arm, control), _enough(found), *carried)
    failed = [one for one in checks if not one.passed]
    return replace(found, trust=checks, verdict=verdict.withheld(failed) if failed else found.verdict)


def _when(rows: pl.DataFrame, period: str, name: str) -> pl.Series:
    """The period as text that sorts as time does."""
    column = rows[period].cast(pl.String)
    number = column.cast(pl.Float64, strict=False)
    if number.null_count() == column.null_count():
        rank = number.rank("dense")
    else:
        moment = column.str.to_datetime(strict=False, time_zone="UTC")
        if moment.null_count() > column.null_count():
            raise InputError(
                f"{name}: period '{period}' must be a number in every row, or a time such as "
                "2026-11-24T08:00."
            )
        rank = moment.rank("dense")
    return rank.cast(pl.String).str.zfill(9).alias(period)


def _order(rows: pl.DataFrame, arm: str, period: str) -> pl.DataFrame:
    """One row a period of one arm: how many periods of the same arm came right before it.

    Those before the first switch count as settled: nothing came before them.
    """
    periods = rows.select(period, arm).unique().sort(period).filter(pl.col(period).is_unique())
    run = (pl.col(arm) != pl.col(arm).shift()).fill_null(value=True).cum_sum().alias("run")
    first = pl.when(pl.col("run") == 1).then(_NEVER).otherwise(pl.int_range(pl.len()).over("run"))
    return periods.with_columns(run).select(period, arm, first.alias(_SETTLED))


def _by_lot(order: pl.DataFrame, arm: str, control: str) -> Check:
    """Were the arms drawn by lot for each period, or do they take turns, or stay longer than lots would?

    Source: Wald and Wolfowitz (1940), "On a test whether two samples are from the same population", Annals of
        Mathematical Statistics 11: the number of runs.
    """
    title = "Arms drawn by lot?"
    since = order[_SETTLED].to_list()
    if len(since) >= FEWEST and all(one == 0 for one in since[1:]):
        sentence = (
            "The arms take turns without exception: nothing was drawn by lot, and whatever has the same "
            "rhythm cannot be told from them. Draw the arm of each period by lot."
        )
        return Check("by_lot", title, False, sentence)
    runs, p = _runs((order[arm] == control).to_numpy())
    if p < LIMIT:
        sentence = (
            f"The arms change too seldom for lots: {runs - 1:,} times in {len(since):,} periods (p = "
            f"{p:.2g}). Give the period for which lots are drawn, and only the time in which they were."
        )
        return Check("by_lot", title, False, sentence, p=p)
    return Check("by_lot", title, True, f"{len(since):,} periods, {runs - 1:,} changes of the arm.", p=p)


def _runs(first: Mask) -> tuple[int, float]:
    """Number of runs in a sequence of two things, and the p-value of so few, given how many of each."""
    n, a = len(first), int(first.sum())
    runs = 1 + int((first[1:] != first[:-1]).sum()) if n else 0
    mean = 2 * a * (n - a) / n + 1 if n else 0.0
    variance = (mean - 1) * (mean - 2) / (n - 1) if n > 1 else 0.0
    return runs, float(norm.cdf((runs + 0.5 - mean) / math.sqrt(variance))) if variance > 0 else 1.0


def _enough(found: Report) -> Check:
    title = "Enough periods?"
    told = ", ".join(f"{one} {n:,}" for one, n in found.units.items())
    few = min(found.units.values()) < FEWEST
    sentence = f"{told} periods" + (f", at least {FEWEST} of each are needed: go on." if few else ".")
    return Check("periods", title, not few, sentence)


def _carry_over(rows: pl.DataFrame, arm: str, control: str, period: str, metric: str) -> Check:
    """Is the effect in periods right after a switch the one in those that follow their own arm?"""
    title = f"No carry-over in {metric}?"
    term = clustered(Term(metric), period)
    parts = []
    for part in (rows.filter(pl.col(_SETTLED) == 0), rows.filter(pl.col(_SETTLED) > 0)):
        samples = aggregates(part.select(arm, period, metric), arm, [term], period)
        others = [one for one in samples if one != control]
        if control not in samples or not others or min(one.n for one in samples.values()) < 3:
            sentence = (
                "Too few periods after a switch, or after none, to tell. Have runs of different lengths."
            )
            return Check("carry_over", title, True, sentence)
        parts.append(
            {one: difference(moments(samples[control], term), moments(samples[one], term)) for one in others}
        )
    tests = [(_p(parts[0][one], parts[1][one]), one) for one in parts[0] if one in parts[1]]
    worst, where = min(tests, default=(1.0, ""))
    p = min(1.0, worst * max(len(tests), 1))
    if p >= ALARM:
        return Check(
            "carry_over", title, True, f"The effect is the same right after a switch (p = {p:.2g}).", p=p
        )
    sentence = (
        f"'{where}' does something else right after a switch ({parts[0][where].value:.3g}) than later "
        f"({parts[1][where].value:.3g}, p = {p:.2g}). Leave out what comes after a switch: --wash-out 1, or "
        "longer periods."
    )
    return Check("carry_over", title, False, sentence, p=p)


def _p(one: Effect, other: Effect) -> float:
    error = math.hypot(one.se, other.se)
    return 1.0 if error == 0 else 2 * float(norm.sf(abs(one.value - other.value) / error))
