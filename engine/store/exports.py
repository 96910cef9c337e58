"""What is read of one program for analysis elsewhere: where its log begins, outcomes and arms as columns."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from sqlalchemy import Connection, bindparam, func, select

from engine.store import folded, folds
from engine.store.statement import prepare, run, stream
from engine.store.tables import table

if TYPE_CHECKING:
    import polars as pl

_MANY = 100_000  # rows that are Python's at once

_decision, _outcome, _assignment = table("decision"), table("outcome"), table("assignment")
_FIRST = prepare(
    select(func.coalesce(func.min(_decision.c.seq), 0)).where(
        _decision.c.program == bindparam("program"), _decision.c.at_us >= bindparam("since_us")
    )
)
OUTCOME = ("event", "decision", "customer", "kind", "value", "at_us", "received_us")
_OUTCOMES = prepare(
    select(
        _outcome.c.seq,
        select(_assignment.c.arm)
        .where(_assignment.c.program == bindparam("program"), _assignment.c.customer == _outcome.c.customer)
        .exists(),
        *(_outcome.c[name] for name in OUTCOME),
    )
    .where(_outcome.c.seq > bindparam("after_seq"), _outcome.c.at_us >= bindparam("since_us"))
    .order_by(_outcome.c.seq)
    .limit(bindparam("limit"))
)
_ARMS = prepare(
    select(*(_assignment.c[name] for name in folded.ARM)).where(_assignment.c.program == bindparam("program"))
)


def first_decision(c: Connection, program: str, since_us: int) -> int:
    """Number of the first decision of a program dated `since_us` or later, 0 if there is none.

    Those after it may still be dated earlier: the log is in the order of arrival.
    """
    folds.program(c, program)
    return int(run(c, _FIRST, program=program, since_us=since_us)[0][0])


def outcomes(c: Connection, program: str, since_us: int, limit: int) -> Iterator[pl.DataFrame]:
    """Outcomes of customers with an arm in the program, in the order of arrival: `OUTCOME`; no row is made.

    Args:
        limit: outcomes, of whomever, that are read at once.
    """
    import polars as pl

    kinds = {"value": pl.Float64, "at_us": pl.Int64, "received_us": pl.Int64}
    schema = {"known": pl.Boolean, **{name: kinds.get(name, pl.String) for name in OUTCOME}}
    after, left = 0, folded.arms(c, program).select("customer", folded=pl.lit(value=True))
    while found := run(c, _OUTCOMES, program=program, since_us=since_us, after_seq=after, limit=limit):
        after = found[-1][0]
        table = pl.DataFrame([row[1:] for row in found], schema=schema, orient="row")
        if not table["known"].all():
            table = table.join(left, on="customer", how="left", maintain_order="left")
            table = table.filter(pl.col("known") | pl.col("folded")).drop("folded")
        yield table.drop("known")


def arms(c: Connection, program: str) -> pl.DataFrame:
    """Every arm of a program, in order of the customer: `folded.ARM`; no row is made."""
    import polars as pl

    left, rows = folded.arms(c, program), stream(c, _ARMS, program=program)
    parts = list[pl.DataFrame]()
    while some := list(islice(rows, _MANY)):
        parts.append(pl.DataFrame(some, schema=left.schema, orient="row"))
    made = pl.concat([left.clear(), *parts])
    return pl.concat([made, left.join(made, on="customer", how="anti")]).sort("customer")
