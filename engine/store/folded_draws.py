"""The draws of a program that stand in folds, as columns: how many there are, and some of them."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from engine.store import blocks, unfolding
from engine.store.folded import END, Rows, decisions

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Stretch:
    """n decisions under one version and one snapshot, and the first and last of their places in the log."""

    version: int
    snapshot: int
    n: int
    first: int
    last: int


def stretches(c: Connection, program: str, at_us: int, rows: Rows) -> Rows:
    """The fields of stretches in order of time: those of rows, and what stands in folds."""
    if (made := _made(c, program, at_us, 0, END)) is None:
        return rows
    import polars as pl

    one = (pl.lit(1, dtype=pl.Int64).alias("n"), pl.col("seq").alias("first"), pl.col("seq").alias("last"))
    more = made.select("version", "snapshot", *one)
    both = pl.concat([pl.DataFrame(rows, schema=more.schema, orient="row"), more])
    counted = both.group_by("version", "snapshot").agg(
        pl.col("n").sum(), pl.col("first").min(), pl.col("last").max()
    )
    return counted.sort("first").rows()


def sample(c: Connection, program: str, at_us: int, of: Stretch, every: int) -> Rows:
    """Every so manieth of the decisions of a stretch: seq, id, action, propensity and situation."""
    if (made := _made(c, program, at_us, of.first, of.last)) is None:
        return []
    import polars as pl

    some = made.filter(
        (pl.col("version") == of.version)
        & (pl.col("snapshot") == of.snapshot)
        & pl.col("seq").is_between(of.first, of.last)
        & (pl.col("seq") % every == 0)
    )
    return [row for (fold,), own in some.group_by("fold") for row in _drawn(c, fold, own)]


def _made(c: Connection, program: str, at_us: int, first: int, last: int) -> pl.DataFrame | None:
    """What was drawn here and carried out; None for nothing."""
    if (every := decisions(c, program, first, last)) is None:
        return None
    import polars as pl

    here = pl.col("snapshot").is_not_null() & pl.col("fallback").is_null() & (pl.col("withheld") < 0)
    return every.filter((pl.col("at_us") <= at_us) & here)


def _drawn(c: Connection, number: int, some: pl.DataFrame) -> Rows:
    import polars as pl

    from engine.block import unpack, whole
    from engine.calendar import instant
    from engine.request import decision_id
    from engine.unfold import CHOICE, header_of

    fold, body, place = unfolding.fold(c, number), blocks.body(c, number), some["place"].to_list()
    assert fold is not None, "decisions were read from it in this very transaction"
    header, propensity = header_of(fold.header), f"{CHOICE}propensity"
    with whole(f"fold {number} of the log"):
        probabilities = pl.read_ipc(BytesIO(body), columns=[propensity])[place][propensity]
    ids = [
        decision_id(header.program, f"{header.name}:{customer}", instant(header.at_us))
        for customer in some["customer"]
    ]
    return list(zip(some["seq"], ids, some["action"], probabilities, unpack(body, place), strict=True))
