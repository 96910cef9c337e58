"""Multivariate experiments: offer x channel x ..., every cell by lot; what each factor and each pair does.

A main effect is the difference that a level makes on average over all cells of the other factors, each
cell with the same weight; an interaction is the difference of two such differences. Both are contrasts of
cell means with the variance of each cell its own, so nothing is pooled that may differ.

Source: Dasgupta, Pillai and Rubin (2015), "Causal inference from 2^K factorial designs by using potential
    outcomes", JRSS B 77; degrees of freedom by Satterthwaite (1946).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from pathlib import Path

import numpy as np
import polars as pl

from engine.errors import InputError, RefusedError
from engine.experiments import files, multiplicity, refunds, trust, welch
from engine.experiments.experiment import Experiment
from engine.experiments.trust import Check
from engine.experiments.units import Columns
from engine.experiments.welch import Effect, Interval
from policies.base import Floats, Ints

MOST_CELLS = 200
_LEAST = 2


@dataclass(frozen=True, slots=True)
class Contrast:
    """What a level, or two levels together, do to a metric.

    Attributes:
        metric: of it.
        what: such as "offer sale" or "offer sale with channel sms".
        against: the levels it is compared with.
        interaction: whether it is one of two factors.
        effect: the estimate with its interval.
        p, p_adjusted: by itself; by Holm among main effects, by Benjamini and Hochberg among pairs.
    """

    metric: str
    what: str
    against: str
    interaction: bool
    effect: Interval
    p: float
    p_adjusted: float


@dataclass(frozen=True, slots=True)
class Factorial:
    """A multivariate experiment's result; `cells` counts the units of each combination."""

    source: str
    level: float
    cells: dict[str, int]
    trust: tuple[Check, ...]
    contrasts: tuple[Contrast, ...]

    @property
    def trusted(self) -> bool:
        """Every trust check passed."""
        return all(one.passed for one in self.trust)


@dataclass(frozen=True, slots=True)
class Grid:
    """k cells of a full factorial: (k, f) which level of each factor, and the levels, the reference first."""

    factors: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    cells: Ints

    def names(self) -> list[str]:
        """Each cell by its levels."""
        rows = self.cells.tolist()
        return [", ".join(levels[j] for levels, j in zip(self.levels, row, strict=True)) for row in rows]


def grid(
    factors: Sequence[str], found: Sequence[Sequence[str]], references: Sequence[str], name: str
) -> Grid:
    """Every combination of the levels found.

    Raises:
        InputError: a factor has one level, a reference is none, or there are too many cells.
    """
    if references and len(references) != len(factors):
        raise InputError(
            f"--control has {len(references)} levels for {len(factors)} factors; give one of each, in order."
        )
    levels = []
    for i, (factor, own) in enumerate(zip(factors, found, strict=True)):
        first = references[i] if references else own[0] if own else ""
        if first not in own or len(own) < 2:
            raise InputError(
                f"{name}: factor '{factor}' has levels {', '.join(own)}; '{first}' must be one "
                "of two or more."
            )
        levels.append((first, *(one for one in own if one != first)))
    if math.prod(map(len, levels)) > MOST_CELLS:
        raise InputError(f"{name}: the factors make more than {MOST_CELLS} cells; name fewer of them.")
    cells = np.array(list(product(*(range(len(one)) for one in levels))), dtype=np.int64)
    return Grid(tuple(factors), tuple(levels), cells)


def factorial(
    source: Path | pl.DataFrame,
    factors: Sequence[str],
    metrics: Sequence[str],
    references: Sequence[str] = (),
    cluster: str | None = None,
    level: float = 0.95,
    allow_negative: Sequence[str] = (),
    expected_split: Mapping[str, float] | None = None,
) -> Factorial:
    """Read a file of a full factorial experiment, one row a unit.

    Args:
        factors: the columns that were drawn by lot.
        references: the level of each factor that others are compared with; the first by name if not given.
        cluster: column of units that were drawn together, or of a unit's several rows.
        allow_negative: metrics that may go below 0.
        expected_split: the share with which each level of each factor was drawn; alike if None.

    Raises:
        InputError: a column, a level or a cell cannot be used.
        RefusedError: a combination of levels has no or one unit.
    """
    name = "the frame" if isinstance(source, pl.DataFrame) else str(source)
    if len(factors) < 2 or not metrics:
        raise InputError("--factors needs two columns or more, such as offer,channel, and --metric one.")
    wanted = [*factors, *metrics, *([cluster] if cluster else [])]
    rows = source.select(wanted) if isinstance(source, pl.DataFrame) else files.read(source, wanted)
    keys = [*factors, *([cluster] if cluster else [])]
    rows = files.numbers(rows, metrics, name).with_columns(pl.col(keys).cast(pl.String))
    missing = trust.missing(rows, Columns(factors[0], tuple(metrics), (), None, cluster))
    levels = [rows[one].drop_nulls().unique().sort().to_list() for one in factors]
    whole = grid(factors, levels, references, name)
    rows = rows.drop_nulls()
    cell, count = _place(rows, whole, name)
    back = _refunds(rows, cell, whole, metrics, cluster, allow_negative, name)
    groups = rows[cluster].rank("dense").to_numpy().astype(np.int64) - 1 if cluster else None
    counted = dict(zip(whole.names(), count.tolist(), strict=True))
    values = {metric: rows[metric].to_numpy() for metric in metrics}
    found = contrasts(values, cell, whole, level, name, groups)
    split = trust.split(counted, _shares(whole, expected_split, name)) if groups is None else None
    checks = tuple(one for one in (split, missing, back) if one is not None)
    return Factorial(name, level, counted, checks, found)


def _shares(whole: Grid, expected: Mapping[str, float] | None, name: str) -> dict[str, float] | None:
    """The promised share of each combination: of its levels, multiplied."""
    if expected is None:
        return None
    for factor, levels in zip(whole.factors, whole.levels, strict=True):
        for one in levels:
            if one not in expected:
                raise InputError(
                    f"{name}: --expected-split says nothing of '{one}', a level of '{factor}'; give the "
                    "share of every level of every factor, such as none=0.4,gift=0.6,email=0.5,letter=0.5."
                )
    return {
        cell: math.prod(expected[levels[j]] for levels, j in zip(whole.levels, row, strict=True))
        for cell, row in zip(whole.names(), whole.cells.tolist(), strict=True)
    }


def _refunds(
    rows: pl.DataFrame,
    cell: Ints,
    whole: Grid,
    metrics: Sequence[str],
    cluster: str | None,
    allow_negative: Sequence[str],
    name: str,
) -> Check | None:
    """Values below 0, with the combinations as arms; None where there are none."""
    names, allowed = whole.names(), tuple(allow_negative)
    asked = Experiment("(arm)", names[0], tuple(metrics), cluster=cluster, allow_negative=allowed)
    placed = rows.with_columns(pl.Series(asked.arm, [names[j] for j in cell.tolist()]))
    refunds.possible(placed, asked, name)
    return refunds.in_file(placed, asked)


def _place(rows: pl.DataFrame, grid: Grid, name: str) -> tuple[Ints, Ints]:
    """(n,) the cell of each row, and (k,) how many rows each has."""
    cell = np.zeros(rows.height, dtype=np.int64)
    for factor, levels in zip(grid.factors, grid.levels, strict=True):
        place = {one: j for j, one in enumerate(levels)}
        cell = cell * len(levels) + rows[factor].replace_strict(place, return_dtype=pl.Int64).to_numpy()
    count = np.bincount(cell, minlength=len(grid.cells))
    if count.min() < _LEAST:
        where = grid.names()[int(count.argmin())]
        raise RefusedError(
            f"{name}: the combination {where} has {count.min()} units with every metric known, and "
            f"each needs {_LEAST}. Leave a factor out, or report the cells as arms of one column."
        )
    return cell, count


def contrasts(
    values: Mapping[str, Floats],
    cell: Ints,
    grid: Grid,
    level: float,
    name: str,
    groups: Ints | None = None,
    counts: Floats | None = None,
) -> tuple[Contrast, ...]:
    """Main effects and interactions of each metric, with p adjusted.

    Args:
        values: (n,) by metric.
        cell: (n,) which cell each row is in.
        groups: (n,) rows that are not independent; they may span cells.
        counts: (n,) what a row counts for, such as one over its probability (Hajek 1971); needs groups.

    Raises:
        RefusedError: no metric varies.
    """
    found: list[Contrast] = []
    for metric, y in values.items():
        found += _adjusted(list(_contrasts(y, cell, groups, grid, metric, level, counts)))
    if not found:
        raise RefusedError(f"{name}: no metric varies; check that outcomes were joined to it.")
    return tuple(found)


def _contrasts(
    y: Floats, cell: Ints, groups: Ints | None, grid: Grid, metric: str, level: float, counts: Floats | None
) -> Iterator[Contrast]:
    for what, against, together, weight in _weights(grid):
        effect = _estimate(y, cell, groups, weight, counts)
        if effect is not None:
            p = welch.p_value(effect)
            yield Contrast(metric, what, against, together, welch.interval(effect, level), p, p)


def _weights(grid: Grid) -> Iterator[tuple[str, str, bool, Floats]]:
    """Every contrast: in words, against what, whether of two factors, and its (k,) weights."""
    at = [
        {one: (grid.cells[:, i] == j).astype(np.float64) for j, one in enumerate(levels)}
        for i, levels in enumerate(grid.levels)
    ]
    k = len(grid.cells)
    for i, factor in enumerate(grid.factors):
        first, *others = grid.levels[i]
        for one in others:
            share = len(grid.levels[i]) / k
            yield f"{factor} {one}", f"{factor} {first}", False, (at[i][one] - at[i][first]) * share
    for i, j in combinations(range(len(grid.factors)), 2):
        (a0, *_), (b0, *_) = grid.levels[i], grid.levels[j]
        share = len(grid.levels[i]) * len(grid.levels[j]) / k
        for a, b in product(grid.levels[i][1:], grid.levels[j][1:]):
            weight = (at[i][a] - at[i][a0]) * (at[j][b] - at[j][b0]) * share
            names = f"{grid.factors[i]} {a} with {grid.factors[j]} {b}"
            yield names, f"{grid.factors[i]} {a0}, {grid.factors[j]} {b0}", True, weight


def _estimate(
    y: Floats, cell: Ints, groups: Ints | None, weight: Floats, counts: Floats | None = None
) -> Effect | None:
    """A contrast of cell means; None where it does not vary. Groups may span cells."""
    own = np.ones(len(y)) if counts is None else counts
    n = np.bincount(cell, own, minlength=len(weight))
    mean = np.bincount(cell, own * y, minlength=len(weight)) / n
    away = y - mean[cell]
    if groups is None:
        each = weight**2 * np.bincount(cell, away**2, minlength=len(weight)) / (n * (n - 1))
        variance = float(each.sum())
        below = float((each**2 / (n - 1)).sum())
        df = variance**2 / below if below else 1.0
    else:
        sums = np.bincount(groups, (weight / n)[cell] * own * away)
        df = float(len(sums) - 1)
        variance = float((sums**2).sum()) * len(sums) / max(df, 1.0)
    return Effect(float(weight @ mean), math.sqrt(variance), df) if variance > 0 else None


def _adjusted(found: Sequence[Contrast]) -> list[Contrast]:
    mains = [one for one in found if not one.interaction]
    pairs = [one for one in found if one.interaction]
    p = [*multiplicity.holm([one.p for one in mains])] if mains else []
    p += multiplicity.benjamini_hochberg([one.p for one in pairs]) if pairs else []
    return [replace(one, p_adjusted=each) for one, each in zip([*mains, *pairs], p, strict=True)]
