"""From rows to units: one row per randomised unit and arm, and its sufficient statistics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from engine.experiments.metric import Term
from engine.experiments.sample import Sample, measure_columns
from policies.base import Floats

_FEW_ARMS = 16
_FIRST = 10_000  # rows that mostly name every arm
ROWS = "(rows)"  # units in a cluster: the denominator that turns cluster totals into means per unit


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column of an experiment file is what.

    Attributes:
        arm: the arm of the unit.
        totals: metrics, ratio parts and costs: summed over the rows of a unit.
        covariates: known before the experiment: averaged over the rows of a unit.
        unit: identifies the randomised unit where it has several rows.
        cluster: groups units that were randomised together.
        beside: numbers that are the same in all rows of a unit.
        dates: of which the latest of a unit counts.
    """

    arm: str
    totals: tuple[str, ...]
    covariates: tuple[str, ...] = ()
    unit: str | None = None
    cluster: str | None = None
    beside: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        named = (
            self.arm, *self.totals, *self.covariates, self.unit, self.cluster, *self.beside, *self.dates
        )  # fmt: skip
        return tuple(dict.fromkeys(name for name in named if name is not None))


def per_unit(frame: pl.DataFrame, columns: Columns) -> pl.DataFrame:
    """One row per unit and arm; a unit seen in two arms stays in both, where the checks count it."""
    if columns.unit is None:
        return frame
    sums = [_total(name) for name in columns.totals]
    means = [pl.col(name).mean() for name in columns.covariates if name not in columns.totals]
    known = {*columns.totals, *columns.covariates}
    same = [columns.cluster, *columns.beside] if columns.cluster else columns.beside
    first = [pl.col(name).first() for name in same if name not in known]
    latest = [pl.col(name).max() for name in columns.dates]
    return frame.group_by(columns.arm, columns.unit, maintain_order=True).agg(*sums, *means, *first, *latest)


def aggregates(
    frame: pl.DataFrame,
    arm: str,
    terms: Sequence[Term],
    cluster: str | None = None,
    propensity: str | None = None,
) -> dict[str, Sample]:
    """Sufficient statistics of the terms' columns, one sample per arm, in one pass over the rows.

    Rows without an arm or with an empty cell in one of the columns are left out; the trust checks count them.

    Args:
        propensity: column with each row's probability of its arm; rows count as one over it (Hajek 1971).
    """
    rows = weighed(frame, arm, terms, cluster, propensity)
    return samples(added([rows], arm, cluster) if cluster else rows, arm, cluster)


def weighed(
    frame: pl.DataFrame, arm: str, terms: Sequence[Term], cluster: str | None, propensity: str | None = None
) -> pl.DataFrame:
    """The rows that count: the arm, the cluster, the terms' columns, and what a row counts for if not one."""
    names = tuple(dict.fromkeys(name for term in terms for name in term.columns if name != ROWS))
    weight = (1 / pl.col(propensity) if propensity else pl.lit(1.0)).alias(ROWS)
    keys = [arm, cluster] if cluster else [arm]
    rows = frame.select(*keys, *names, *([weight] if cluster or propensity else [])).drop_nulls()
    return rows.with_columns(pl.col(names) * pl.col(ROWS)) if propensity else rows


def added(batches: Sequence[pl.DataFrame], arm: str, cluster: str) -> pl.DataFrame:
    """The totals of each cluster over batches, of rows (`weighed`) or of totals as this function gives them.

    Daily batches of the same clusters add up to the whole: keep one row a cluster and arm, add each day's.
    """
    return (
        pl.concat(batches, how="vertical_relaxed")
        .group_by(arm, cluster, maintain_order=True)
        .agg(pl.all().sum())
    )


def samples(rows: pl.DataFrame, arm: str, cluster: str | None = None) -> dict[str, Sample]:
    """Sufficient statistics of each arm, of rows or of the totals of clusters."""
    names = tuple(name for name in rows.columns if name not in (arm, cluster))
    return {name: measure_columns(names, values_of(part, names)) for name, part in by_arm(rows, arm)}


def values_of(rows: pl.DataFrame, names: Sequence[str]) -> list[Floats]:
    """Each column as numbers; those without empty cells are not copied."""
    return [rows[name].cast(pl.Float64).to_numpy() for name in names]


def by_arm(rows: pl.DataFrame, arm: str) -> Iterator[tuple[str, pl.DataFrame]]:
    """Each arm's rows in the order of the arms' names; slices, not copies, where rows are sorted by arm."""
    ordered = rows if rows[arm].is_sorted() else sorted_by(rows, arm)
    start = 0
    for name, n in _runs(ordered[arm]):
        yield name, ordered.slice(start, n)
        start += n


def _runs(arms: pl.Series) -> list[tuple[str, int]]:
    """Each arm of a sorted column and how often it stands there; bisected where arms are numbers."""
    if isinstance(arms.dtype, pl.Enum) and arms.null_count() == 0:
        names = arms.dtype.categories.to_list()
        ends = np.searchsorted(arms.to_physical().to_numpy(), np.arange(len(names)), side="right")
        sizes = np.diff(ends, prepend=0).tolist()
        return [(name, n) for name, n in zip(names, sizes, strict=True) if n]
    return [(str(name), n) for n, name in arms.rle().struct.unnest().select("len", "value").iter_rows()]


def sorted_by(rows: pl.DataFrame, arm: str) -> pl.DataFrame:
    """The rows, arm by arm and otherwise in their order; those without an arm first.

    Arms become numbers with names, and a filter an arm is a tenth of the work of a sort while there are few.
    """
    called = rows[arm] if rows[arm].dtype == pl.String else rows[arm].cast(pl.String)
    names = called.head(_FIRST).unique().sort()
    if len(names) > _FEW_ARMS or sum(called.eq_missing(name).sum() for name in names) < len(called):
        names = called.unique().sort()
    kind = pl.Enum(names.drop_nulls())
    if not 1 < len(names) <= _FEW_ARMS:
        return rows.with_columns(called.cast(kind)).sort(arm, maintain_order=True)
    others = rows.drop(arm)
    parts = [others.filter(called.eq_missing(name)) for name in names]
    named = zip(names, parts, strict=True)
    whole = pl.concat([pl.repeat(name, len(part), dtype=kind, eager=True) for name, part in named])
    return pl.concat(parts, rechunk=False).with_columns(whole.alias(arm)).select(rows.columns)


def clustered(term: Term, cluster: str | None) -> Term:
    """The term as it reads on cluster totals: a mean per unit becomes total over units."""
    return Term(term.numerator, ROWS) if cluster and term.denominator is None else term


def _total(name: str) -> pl.Expr:
    """Sum over a unit's rows, unknown as soon as one of them is."""
    return pl.when(pl.col(name).null_count() == 0).then(pl.col(name).sum())
