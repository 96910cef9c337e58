"""A switchback from the store: versions of a program that were applied in turn, by lot, period by period.

Where customers get into each other's way (a budget, stock, an agent's time are shared) arms side by side
answer the wrong question, and everybody has to have one version at a time. Applying a version is what makes
it everybody's, and every decision names the version it was made under, so a store in which versions were
switched by lot holds the whole experiment. A decision belongs to the period in which it was made, with all
that followed from it, whenever that came.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl
from sqlalchemy import Connection

from engine.calendar import MICROSECOND
from engine.errors import InputError, RefusedError
from engine.experiments import verdict
from engine.experiments.drawn import drawn
from engine.experiments.report import Report
from engine.experiments.results import clamping
from engine.experiments.stored import REWARD
from engine.experiments.switchback import switchback
from engine.experiments.trust import Check

ARMS = ("policy", "evaluation")  # who is served by what a version says
MIXED = 0.1  # of the periods may have two versions before the verdict is withheld
WHOLE = f"{REWARD}, unclamped"
_VERSION, _PERIOD = "version", "period"


def periods(
    connection: Connection,
    name: str,
    at: datetime,
    length: timedelta,
    control: int | None = None,
    wash_out: int = 0,
    level: float = 0.95,
    clamp: float = 0.999,
    expected_split: Mapping[str, float] | None = None,
) -> Report:
    """Compare the versions of a program that came back after another, on the net reward of a decision.

    Args:
        length: of a period; periods are counted from 1970 UTC.
        control: the version the others are compared with; the oldest if None.
        wash_out: periods to leave out after each switch.
        expected_split: with which shares versions ("version 2") were drawn; alike if None.
        clamp: quantile beyond which a reward does not count; the unclamped effect stands beside.

    Raises:
        InputError: no such version, or --wash-out leaves nothing.
        NotFoundError: no such program.
        RefusedError: no two versions were switched.
    """
    called = f"program '{name}'"
    rows = drawn(connection, name, ARMS, at).rows
    period = (pl.col("at_us") // (length // MICROSECOND)).alias(_PERIOD)
    dated = rows.select(_VERSION, period, REWARD)
    seen = dated.select(_PERIOD, _VERSION).unique().sort(_PERIOD, _VERSION)
    mixed = seen.filter(pl.col(_PERIOD).is_duplicated())
    alone = seen.filter(~pl.col(_PERIOD).is_duplicated())
    compared = _switched(alone, called)
    against = compared[0] if control is None else control
    if against not in compared:
        listed = ", ".join(map(str, compared))
        raise InputError(f"--control is {control}, must be a version that was switched: {listed}.")
    alone = alone.filter(pl.col(_VERSION).is_in(compared))
    start = max(alone.filter(pl.col(_VERSION) == one)[_PERIOD].min() for one in compared)  # type: ignore[type-var]
    kept = dated.join(alone.filter(pl.col(_PERIOD) >= start), on=[_PERIOD, _VERSION], how="semi")
    metrics = [REWARD]
    if (limits := clamping(kept[REWARD], clamp)) is not None:
        kept = kept.with_columns(pl.col(REWARD).clip(*limits), pl.col(REWARD).alias(WHOLE))
        metrics = [REWARD, WHOLE]
    found = switchback(
        kept.with_columns((pl.lit("version ") + pl.col(_VERSION).cast(pl.String)).alias(_VERSION)),
        arm=_VERSION,
        control=f"version {against}",
        period=_PERIOD,
        metrics=metrics,
        allow_negative=metrics,
        expected_split=expected_split,
        wash_out=wash_out,
        level=level,
        name=called,
    )
    between = mixed.filter(pl.col(_PERIOD) >= start)[_PERIOD].n_unique()
    checks = (*found.trust, _whole(between, alone.filter(pl.col(_PERIOD) >= start).height))
    failed = [one for one in checks if not one.passed]
    return replace(found, trust=checks, verdict=verdict.withheld(failed) if failed else found.verdict)


def _switched(alone: pl.DataFrame, called: str) -> list[int]:
    """The versions that were in force, gone, and in force again."""
    runs = alone.filter((pl.col(_VERSION) != pl.col(_VERSION).shift()).fill_null(value=True))
    count = dict(runs.group_by(_VERSION).len().sort(_VERSION).iter_rows())
    compared = [version for version, n in count.items() if n > 1]
    if len(compared) > 1:
        return compared
    held = dict(alone.group_by(_VERSION).len().sort(_VERSION).iter_rows())
    told = ", ".join(f"version {version} {n:,}" for version, n in held.items()) or "none"
    raise RefusedError(
        f"{called} was not switched back and forth: periods by version are {told}. Draw by lot at the turn "
        "of each period which of two files is applied, and give as --period how long one is."
    )


def _whole(mixed: int, whole: int) -> Check:
    title, every = "One version a period?", mixed + whole
    if not mixed:
        return Check("one_version", title, True, f"{every:,} periods, each with one version.", count=0)
    sentence = f"{mixed:,} of {every:,} periods have two versions and are left out"
    if mixed <= MIXED * every:
        return Check("one_version", title, True, f"{sentence}.", count=mixed)
    sentence += ". Switch at the turn of a period (UTC), or give as --period how long one is."
    return Check("one_version", title, False, sentence, count=mixed)
