"""Encouragement: the arm was drawn by lot, but not everybody in it got what it stands for.

Two answers. Intention to treat compares the arms as drawn, whatever was delivered: the effect of the
campaign as it runs. The effect on the delivered divides it by the share that the lot moved: the effect of
delivery on those for whom the lot decides (Wald's ratio, which is two-stage least squares with one
instrument). It rests on the lot doing nothing but through delivery. Its interval is Fieller's, which is
Anderson and Rubin's test turned round and holds however weak the lot is.

Source: Angrist, Imbens and Rubin (1996), "Identification of causal effects using instrumental variables",
    JASA 91; Anderson and Rubin (1949), Annals of Mathematical Statistics 20; Staiger and Stock (1997),
    Econometrica 65.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from engine.errors import InputError
from engine.experiments import fieller, files, verdict
from engine.experiments.fieller import RatioInterval
from engine.experiments.report import Report, analyse
from engine.experiments.trust import Check
from policies.base import Floats

STRONG = 10.0  # Staiger and Stock's F below which a lot moves delivery too little to divide by


@dataclass(frozen=True, slots=True)
class Delivered:
    """The effect of delivery in an arm.

    Attributes:
        arm, metric: of what.
        share: delivered in the control and in the arm.
        strength: F of the lot's effect on delivery.
        effect: per delivered unit; None where the lot is too weak.
        reason: why there is none; "" if there is.
    """

    arm: str
    metric: str
    share: tuple[float, float]
    strength: float
    effect: RatioInterval | None
    reason: str


@dataclass(frozen=True, slots=True)
class Encouraged:
    """Both answers: the report by intention to treat, and the effects of delivery."""

    intended: Report
    delivered: tuple[Delivered, ...]


def encouragement(
    source: Path | pl.DataFrame,
    *,
    arm: str,
    control: str,
    delivered: str,
    metrics: Sequence[str],
    cluster: str | None = None,
    lower_is_better: Sequence[str] = (),
    allow_negative: Sequence[str] = (),
    level: float = 0.95,
    expected_split: Mapping[str, float] | None = None,
) -> Encouraged:
    """Read a file of units with the arm that was drawn and whether it was delivered (0 or 1).

    Raises:
        InputError: a column or a cell cannot be used.
    """
    name = "the frame" if isinstance(source, pl.DataFrame) else str(source)
    keys = [arm, *([cluster] if cluster else [])]
    wanted = [*keys, delivered, *metrics]
    rows = source.select(wanted) if isinstance(source, pl.DataFrame) else files.read(source, wanted)
    rows = files.numbers(rows, [delivered, *metrics], name).with_columns(pl.col(keys).cast(pl.String))
    if not rows[delivered].drop_nulls().is_in([0.0, 1.0]).all():
        raise InputError(f"{name}: column '{delivered}' must be 0 or 1 in every row: was it delivered?")
    intended = analyse(
        rows,
        arm=arm,
        control=control,
        metrics=metrics,
        cluster=cluster,
        lower_is_better=lower_is_better,
        allow_negative=allow_negative,
        expected_split=expected_split,
        level=level,
        name=name,
    )
    if unknown := rows[delivered].null_count():
        intended = _withheld(intended, delivered, unknown)
    found = effects(rows.drop_nulls(), arm, control, delivered, metrics, cluster, level, list(intended.units))
    return Encouraged(intended, tuple(found))


def _withheld(intended: Report, delivered: str, unknown: int) -> Report:
    """The report without a verdict: whether some rows were delivered is not known."""
    sentence = (
        f"Empty cells: {unknown:,} in '{delivered}'. Fill them: 1 if it was delivered, 0 if it was not."
    )
    check = Check("delivery_known", "Every delivery known?", False, sentence, count=unknown)
    checks = (*intended.trust, check)
    failed = [one for one in checks if not one.passed]
    return replace(intended, trust=checks, verdict=verdict.withheld(failed))


def effects(
    rows: pl.DataFrame,
    arm: str,
    control: str,
    delivered: str,
    metrics: Sequence[str],
    cluster: str | None,
    level: float,
    arms: Sequence[str],
) -> list[Delivered]:
    """The effects of delivery in every one of `arms` but the control, metric by metric.

    Args:
        rows: without an empty cell; `delivered` is 0 or 1.
    """
    parts = {one: _means(rows.filter(pl.col(arm) == one), [delivered, *metrics], cluster) for one in arms}
    return [
        _effect(one, metric, i + 1, parts[control], parts[one], level)
        for one in arms
        if one != control
        for i, metric in enumerate(metrics)
    ]


def _means(rows: pl.DataFrame, columns: Sequence[str], cluster: str | None) -> tuple[Floats, Floats]:
    """(m,) means of an arm, and their (m, m) covariance; between clusters where there are any."""
    values = rows.select(columns).to_numpy()
    mean = values.mean(axis=0)
    away = (values - mean) / len(values)
    if cluster is not None:
        groups = rows[cluster].rank("dense").to_numpy().astype(np.int64) - 1
        sums = np.zeros((int(groups.max()) + 1, values.shape[1]))
        np.add.at(sums, groups, away)
        away = sums
    return mean, away.T @ away * len(away) / max(len(away) - 1, 1)


def _effect(
    arm: str,
    metric: str,
    j: int,
    control: tuple[Floats, Floats],
    treated: tuple[Floats, Floats],
    level: float,
) -> Delivered:
    moved = float(treated[0][0] - control[0][0])
    outcome = float(treated[0][j] - control[0][j])
    covariance = control[1] + treated[1]
    share = float(control[0][0]), float(treated[0][0])
    error = float(covariance[0, 0])
    strength = moved**2 / error if error > 0 else math.inf if moved else 0.0
    if strength < STRONG:
        reason = (
            f"{arm} and the control were delivered to {share[1]:.1%} and {share[0]:.1%}: too little "
            f"of a difference to divide by (F = {strength:.1f}, must be {STRONG:g} or more). "
            "Intention to treat stands."
        )
        return Delivered(arm, metric, share, strength, None, reason)
    variance = (float(covariance[j, j]), error, float(covariance[0, j]))
    return Delivered(arm, metric, share, strength, fieller.ratio(outcome, moved, variance, level), "")
