"""What a difference between two policies rests on: segments, single rows, and how many rows would tell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.special import ndtri

from engine.errors import InputError, nearest
from engine.experiments.segments import drawn_together
from engine.experiments.welch import Effect
from policies.base import Floats, Mask
from simulator.interval.base import Evidence, Interval, spread
from simulator.interval.gamma import gamma
from simulator.logs import Log

FEWEST = 50  # rows, and units, a segment must have to be told
LEVELS = 30  # of a column of segments at most
HEAVIEST = 5  # rows told of
POWER = 0.8


@dataclass(frozen=True, slots=True)
class Segment:
    """The lift among rows of one level of a column.

    Attributes:
        rows: of the level.
        measured: the lift in these rows alone; None where they are too few.
        shrunk: drawn towards what the levels share: what to expect of it; None where it was not measured.
    """

    column: str
    level: str
    rows: int
    measured: Interval | None
    shrunk: Interval | None


@dataclass(frozen=True, slots=True)
class Heavy:
    """A row of extreme weight: where it stands (from 1), what it says, and the value without it."""

    row: int
    action: str
    weight: float
    reward: float
    without: float


@dataclass(frozen=True, slots=True)
class Support:
    """What a lift rests on.

    Attributes:
        heaviest: the rows of the largest weights, heaviest first; of one weight, what moves the value most.
        rows_needed: rows at which a true difference of the size found would be told from none with a chance
            of 80 %; None where no difference was found.
        rows_to_detect: the same for the difference that was asked about, None if none was.
        segments: of the columns asked for.
    """

    heaviest: tuple[Heavy, ...]
    rows_needed: int | None
    rows_to_detect: int | None
    segments: tuple[Segment, ...]


def support(
    log: Log,
    shown: Evidence,
    lift: Evidence,
    weight: Floats,
    columns: Sequence[str] = (),
    detect: float | None = None,
    level: float = 0.95,
) -> Support:
    """What the value `shown` and its `lift` rest on; `weight` (n,) are the target's."""
    return Support(
        heaviest(log, shown, weight),
        rows_needed(lift, abs(spread(lift).value), level),
        None if detect is None else rows_needed(lift, abs(detect), level),
        tuple(one for name in columns for one in by_segment(log, lift, name, level)),
    )


def heaviest(log: Log, shown: Evidence, weight: Floats) -> tuple[Heavy, ...]:
    """The rows of the largest weights, and the estimate that the others alone would give.

    Of rows of one weight those that move the estimate most.
    """
    n, term = len(log), shown.term
    mean = float(term.mean())
    rows = np.lexsort((-np.abs(term - mean), -weight))[: min(HEAVIEST, n - 1)].tolist()
    return tuple(
        Heavy(
            i + 1,
            log.actions.names[log.action[i]],
            float(weight[i]),
            float(log.reward[i]),
            (mean * n - float(term[i])) / (n - 1),
        )
        for i in rows
    )


def rows_needed(lift: Evidence, effect: float, level: float = 0.95, power: float = POWER) -> int | None:
    """Rows of such a log that tell a difference of this size from none; None for no difference.

    Source: Cohen (1988), "Statistical Power Analysis", for a mean; the variance is the estimate's own, by
        unit.
    """
    found = spread(lift)
    if effect <= 0.0 or found.variance <= 0.0:
        return None
    reach = float(ndtri((1 + level) / 2) + ndtri(power))
    return math.ceil(reach**2 * found.variance * found.rows / effect**2)


def by_segment(log: Log, lift: Evidence, column: str, level: float = 0.95) -> list[Segment]:
    """The lift at each level of a column, measured and shrunk; the fullest levels where there are many.

    Source: Gelman et al. (2013), "Bayesian Data Analysis", section 5.4; see `experiments.segments`.

    Raises:
        InputError: the log has no such column.
    """
    if column not in log.frame.columns:
        raise InputError(f"{log.source}: has no column '{column}'.{nearest(column, log.frame.columns)}")
    label = log.frame[column].cast(pl.String).fill_null("(missing)")
    counts = label.value_counts(name="rows").sort(["rows", column], descending=[True, False]).head(LEVELS)
    names = sorted(counts[column].to_list())
    rows = {name: (label == name).to_numpy() for name in names}
    parts = {name: _part(lift, mask) for name, mask in rows.items()}
    told = {name: gamma(part, level) for name, part in parts.items() if _enough(part)}
    sized = {name: one for name, one in told.items() if one.se > 0}
    shrunk = _shrunk(sized, parts, level)
    return [
        Segment(column, name, len(parts[name]), told.get(name), shrunk.get(name, told.get(name)))
        for name in names
    ]


def contributions(log: Log, shown: Evidence, lift: Evidence, weight: Floats) -> pl.DataFrame:
    """One row a decision: what it adds to the value and to the lift; both columns sum to these."""
    n = len(log)
    return pl.DataFrame(
        {
            "row": np.arange(1, n + 1),
            "action": [log.actions.names[a] for a in log.action.tolist()],
            "reward": log.reward,
            "weight": weight,
            "value": shown.term / n,
            "lift": lift.term / n,
        }
    )


def _part(lift: Evidence, rows: Mask) -> Evidence:
    cluster = None if lift.cluster is None else np.unique(lift.cluster[rows], return_inverse=True)[1]
    return Evidence(lift.term[rows], lift.gain[rows], lift.surprise[rows], cluster)


def _enough(part: Evidence) -> bool:
    return len(part) >= FEWEST and spread(part).units >= FEWEST


def _shrunk(told: Mapping[str, Interval], parts: Mapping[str, Evidence], level: float) -> dict[str, Interval]:
    effects = [Effect(one.value, one.se, spread(parts[name]).units - 1) for name, one in told.items()]
    drawn = drawn_together(effects, level)
    half = float(ndtri((1 + level) / 2))
    return {
        name: Interval(one.value, one.low, one.high, (one.high - one.low) / 2 / half)
        for name, one in zip(told, drawn, strict=True)
    }
