"""Decisions of a program that stand in folds, read as columns: no row is made of them.

For sums over many customers, which are the same whether a decision is a row or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from engine.store import blocks, folds, unfolding

if TYPE_CHECKING:
    import polars as pl

Rows = list[tuple[Any, ...]]
END = 2**62  # of the log
ARM = ("customer", "arm", "salt", "assigned_us")
TOGETHER = 256  # folds, after which who is in several of them is kept once


def decisions(c: Connection, program: str, first: int = 0, last: int = END) -> pl.DataFrame | None:
    """The decisions of a program whose rows are not made, in the order of the log; None for none.

    Columns seq, customer, arm, at_us, version, snapshot, fallback, action and withheld (below 0 if carried
    out), the last two as places among the actions of the version; and fold and place.

    Args:
        first, last: places in the log; folds that lie wholly outside are not read.

    Raises:
        StoreError: a fold is damaged.
    """
    every = (unfolding.fold(c, number) for number in folds.numbers(c, program))
    found = [_of_fold(c, one) for one in every if one and one.first <= last and first < one.first + one.n]
    if not found:
        return None
    import polars as pl

    return pl.concat(found)


def _of_fold(c: Connection, fold: unfolding.Fold) -> pl.DataFrame:
    import polars as pl

    from engine.block import whole
    from engine.unfold import CHOICE, header_of

    place, header = unfolding.left(c, fold), header_of(fold.header)
    names = ["customer", "arm", f"{CHOICE}action", f"{CHOICE}withheld"]
    with whole(f"fold {fold.number} of the log"):
        table = pl.read_ipc(BytesIO(blocks.body(c, fold.number)), columns=names)[place]
    return table.select(
        pl.Series("seq", place + fold.first),
        pl.col("customer", "arm"),
        pl.lit(header.at_us, dtype=pl.Int64).alias("at_us"),
        pl.lit(header.program_version, dtype=pl.Int64).alias("version"),
        pl.lit(header.snapshot_version, dtype=pl.Int64).alias("snapshot"),
        pl.lit(header.fallback, dtype=pl.String).alias("fallback"),
        pl.col(f"{CHOICE}action").cast(pl.Int64).alias("action"),
        pl.col(f"{CHOICE}withheld").cast(pl.Int64).alias("withheld"),
        pl.lit(fold.number, dtype=pl.Int64).alias("fold"),
        pl.Series("place", place),
    )


def arms(c: Connection, program: str) -> pl.DataFrame:
    """The customers of a program whose rows are not made, each once, with the arm they were given.

    Columns customer, arm, salt and assigned_us, as the row of their assignment will have them.

    Raises:
        StoreError: a fold is damaged.
    """
    import polars as pl

    made = pl.DataFrame(schema=dict(zip(ARM, (pl.String, pl.String, pl.String, pl.Int64), strict=True)))
    every = folds.numbers(c, program)
    for start in range(0, len(every), TOGETHER):
        found = (unfolding.fold(c, number) for number in every[start : start + TOGETHER])
        made = pl.concat([made, *(_arms_of_fold(c, one) for one in found if one)])
        made = made.unique("customer", keep="first", maintain_order=True)
    return made


def _arms_of_fold(c: Connection, fold: unfolding.Fold) -> pl.DataFrame:
    import polars as pl

    from engine.block import whole
    from engine.unfold import header_of

    header = header_of(fold.header)
    with whole(f"fold {fold.number} of the log"):
        table = pl.read_ipc(BytesIO(blocks.body(c, fold.number)), columns=list(ARM[:2]))
    given = pl.lit(header.salt), pl.lit(header.at_us, dtype=pl.Int64)
    return table[unfolding.left(c, fold)].select(
        *ARM[:2], *(one.alias(name) for name, one in zip(ARM[2:], given, strict=True))
    )


def first_of(more: pl.DataFrame) -> pl.DataFrame:
    """Of each customer the arm and the time of the first decision: columns customer, arm, assigned_us."""
    import polars as pl

    return more.group_by("customer", maintain_order=True).agg(
        pl.col("arm").first(), pl.col("at_us").first().alias("assigned_us")
    )


def units(rows: Rows, columns: Mapping[str, type], more: pl.DataFrame, at_us: int) -> Rows:
    """The rows of `flows.UNITS` with what stands in folds up to a time.

    Args:
        rows: of those columns, and at last the number of the first decision.
    """
    import polars as pl

    known = _frame(rows, {**columns, "first": int})
    made = more.filter(pl.col("at_us") <= at_us).group_by("customer", maintain_order=True)
    counted = made.agg(
        pl.len().cast(pl.Int64).alias("decisions"),
        (pl.col("action") > 0).sum().cast(pl.Int64).alias("contacts"),
        pl.lit(0, dtype=pl.Int64).alias("strayed"),
        pl.col("at_us").max().alias("last_us"),
        pl.col("version").first(),
        pl.col("seq").first().alias("first"),
    )
    mine = first_of(more).join(counted, on="customer").select(known.columns)
    mine = mine.filter(
        (pl.col("assigned_us") <= at_us) | pl.col("customer").is_in(known["customer"].implode())
    )
    both = pl.concat([known, mine]).group_by("customer", maintain_order=True)
    found = both.agg(
        pl.col("arm", "assigned_us").first(),
        pl.col("decisions", "contacts", "strayed").sum(),
        pl.col("last_us").max(),
        pl.col("version").sort_by("first", nulls_last=True).first(),
    )
    return found.sort("customer").select(list(columns)).rows()


def spent(rows: Rows, columns: Mapping[str, type], more: pl.DataFrame, at_us: int, day_us: int) -> Rows:
    """The rows of `flows.SPENT` with the contacts that stand in folds up to a time."""
    import polars as pl

    keys = ["customer", "day", "version", "action"]
    sent = more.filter((pl.col("at_us") <= at_us) & (pl.col("action") > 0))
    sent = sent.with_columns((pl.col("at_us") // day_us).alias("day"))
    counted = sent.group_by(keys, maintain_order=True).agg(pl.len().cast(pl.Int64).alias("count"))
    both = pl.concat([_frame(rows, columns), counted.select(list(columns))])
    return both.group_by(keys, maintain_order=True).agg(pl.col("count").sum()).select(list(columns)).rows()


def earned(loose: Rows, columns: Mapping[str, type], more: pl.DataFrame, at_us: int, day_us: int) -> Rows:
    """Rows of `flows.EARNED` for customers who stand in folds alone.

    Args:
        loose: customer, time, kind and value of the outcomes of customers who have no row of an arm.
    """
    import polars as pl

    happened = _frame(loose, {"customer": str, "at_us": int, "kind": str, "value": float})
    own = first_of(more).filter(pl.col("assigned_us") <= at_us)
    each = happened.join(own, on="customer").with_columns(
        (pl.col("at_us") >= pl.col("assigned_us")).cast(pl.Int64).alias("after"),
        (pl.col("at_us") // day_us).alias("day"),
    )
    back = pl.col("value").filter(pl.col("value") < 0)
    return (
        each.group_by(["customer", "after", "day", "kind"], maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias("count"),
            pl.col("value").sum(),
            back.len().cast(pl.Int64).alias("returned"),
            back.sum().alias("refunded"),
        )
        .select(list(columns))
        .rows()
    )


def _frame(rows: Rows, columns: Mapping[str, type]) -> pl.DataFrame:
    import polars as pl

    kinds = {str: pl.String, int: pl.Int64, float: pl.Float64}
    schema = {name: kinds[kind] for name, kind in columns.items()}
    return pl.DataFrame(rows, schema=schema, orient="row")
