"""Whom the programs could reach and whom not, by the lots of the global holdout: a row a customer."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
from sqlalchemy import Connection

from engine.applied import stored_program
from engine.domain import Program
from engine.enrol import HELD
from engine.errors import RefusedError
from engine.experiments.guardrails import harmful
from engine.experiments.homes import as_homes, drawn_by_home, homes, noun
from engine.experiments.refunds import given_back
from engine.experiments.stored import (
    BEFORE,
    CONTACTS,
    COST,
    MARGIN,
    OFFERS,
    REVENUE,
    REWARD,
    TYPES,
    number_of,
    prices,
)
from engine.store import flows, together
from engine.store.flows import Rows

CONTROL, ARM = "global_holdout", "programs"
CHANCE, DRAWN = "chance of the arm", "drawn at"
_MONEY = (REVENUE, MARGIN, CONTACTS, OFFERS, BEFORE)


@dataclass(frozen=True, slots=True)
class Reach:
    """Who counts for all programs together.

    Attributes:
        units: one row a customer with a lot: arm, its probability, contacts, money and harms since the draw.
            Where a program gives arms to households or accounts, these stand for customers.
        unit: what they are called; "" for customers.
        harms: the kinds of outcome that are watched.
        back: what was given back, as `refunds.given_back` has it.
        notes: who was left out, and what counts for less.
    """

    units: pl.DataFrame
    unit: str
    harms: tuple[str, ...]
    back: pl.DataFrame
    notes: tuple[str, ...]


def reachable(connection: Connection, known: Mapping[str, Program], at_us: int) -> Reach:
    """Everybody with a lot of the global holdout by then, and what became of them."""
    set_ = together.settings(connection)
    if not any(share for _, share in set_):
        raise RefusedError(
            "No global holdout was set, so nothing tells what all programs are worth together. Set one with "
            "nextbest holdout 0.02; it counts from then on, for new customers."
        )
    drawn = _frame(together.units(connection, at_us), together.UNITS)
    drawn = _by_first_lot(drawn, _frame(together.mixed(connection), together.MIXED))
    begin = [moment for moment, _ in set_]
    held = [set_[max(bisect_right(begin, one) - 1, 0)][1] for one in drawn["drawn_us"]]
    drawn = drawn.with_columns(pl.Series("share", held, dtype=pl.Float64))
    earned = _frame(together.earned(connection, at_us), together.EARNED).with_columns(_worth(known))
    spent, unit = _spent(connection, at_us), noun(one.unit for one in known.values())
    if unit:
        tied = _tied(connection, known)
        drawn = drawn_by_home(drawn, tied)
        earned, spent = as_homes(earned, tied), as_homes(spent, tied)
    chance = pl.when(arm=CONTROL).then("share").otherwise(1 - pl.col("share"))
    drawn = drawn.with_columns(chance.alias(CHANCE), pl.from_epoch("drawn_us", time_unit="us").alias(DRAWN))
    units = drawn.filter(pl.col("before") == 0, pl.col("share") > 0)
    counted = dict(units.group_by("arm").len().iter_rows())
    if min(counted.get(one, 0) for one in (CONTROL, ARM)) < 2:
        raise RefusedError(
            f"The global holdout has {counted.get(CONTROL, 0):,} customers and the programs could reach "
            f"{counted.get(ARM, 0):,} others since it was set: two of each are needed. Come back later."
        )
    since = earned.filter(pl.col("after") == 1)
    kinds = since["kind"].unique().sort().to_list()
    harms = tuple(dict.fromkeys(one for program in known.values() for one in harmful(program.goal, kinds)))
    units = _with_harms(_with_money(units, earned, spent), since, harms)
    return Reach(units, unit, harms, given_back(since), _notes(known, unit, len(drawn) - len(units)))


def _tied(connection: Connection, known: Mapping[str, Program]) -> pl.DataFrame:
    """The household or account of everybody who is in one for some program."""
    rows = [row for name, one in known.items() if one.unit for row in flows.members(connection, name)]
    return homes(_frame(rows, flows.MEMBERS))


def _notes(known: Mapping[str, Program], unit: str, left: int) -> tuple[str, ...]:
    notes = []
    if unit:
        notes.append(f"Programs give arms by {unit}: each one counts as one customer, by its first member.")
    if left:
        notes.append(
            f"Not counted: {left:,} customers who were in a program before, or came while nobody was held."
        )
    uneven = sorted(kind for kind, weights in _weights(known).items() if len(weights) > 1)
    if uneven:
        notes.append(f"Weighed differently by programs, counted at the least: {', '.join(uneven)}.")
    return tuple(notes)


def _by_first_lot(drawn: pl.DataFrame, mixed: pl.DataFrame) -> pl.DataFrame:
    """With `arm` as drawn, and `mixed`: whose ids were held and not held counts as the first was."""
    crossed = mixed.filter(pl.col("arms").str.split(",").list.contains(CONTROL)).unique(
        "customer", maintain_order=True
    )
    arm = pl.when(drawn=HELD).then(pl.lit(CONTROL)).otherwise(pl.lit(ARM))
    first = pl.when(first=CONTROL).then(pl.lit(CONTROL)).otherwise(pl.lit(ARM))
    joined = drawn.join(crossed, on="customer", how="left", maintain_order="left")
    return joined.with_columns(
        pl.when(pl.col("first").is_null()).then(arm).otherwise(first).alias("arm"),
        pl.col("first").is_not_null().alias("mixed"),
    ).drop("first", "arms")


def _with_money(units: pl.DataFrame, earned: pl.DataFrame, spent: pl.DataFrame) -> pl.DataFrame:
    since, before = earned.filter(pl.col("after") == 1), earned.filter(pl.col("after") == 0)
    sums = [
        _sums(since, pl.col("value").sum().alias(REVENUE), pl.col("worth").sum().alias(MARGIN)),
        _sums(before, pl.col("worth").sum().alias(BEFORE)),
        _sums(spent, pl.col(CONTACTS, OFFERS).sum()),
    ]
    for one in sums:
        units = units.join(one, on="customer", how="left", maintain_order="left")
    units = units.with_columns(pl.col(_MONEY).fill_null(0).cast(pl.Float64))
    units = units.with_columns((pl.col(CONTACTS) + pl.col(OFFERS)).alias(COST))
    return units.with_columns((pl.col(MARGIN) - pl.col(COST)).alias(REWARD))


def _with_harms(units: pl.DataFrame, since: pl.DataFrame, harms: tuple[str, ...]) -> pl.DataFrame:
    """With how often each harm happened to each."""
    for kind in harms:
        counted = _sums(
            since.filter(kind=kind), pl.col("count").sum().cast(pl.Float64).alias(number_of(kind))
        )
        units = units.join(counted, on="customer", how="left", maintain_order="left")
    return units.with_columns(pl.col([number_of(kind) for kind in harms]).fill_null(0.0))


def _worth(known: Mapping[str, Program]) -> pl.Expr:
    """What the goals say each row is worth: the least of those that name its kind, 0 where none does."""
    worth = pl.lit(0.0)
    for kind, weights in _weights(known).items():
        each = [amount * pl.col("count") + share * pl.col("value") for amount, share in sorted(weights)]
        worth = pl.when(kind=kind).then(pl.min_horizontal(each)).otherwise(worth)
    return worth.alias("worth")


def _weights(known: Mapping[str, Program]) -> dict[str, set[tuple[float, float]]]:
    """Kind of outcome -> each (amount, share) that a program's goal weighs it with."""
    said: dict[str, set[tuple[float, float]]] = {}
    for program in known.values():
        for kind, one in program.goal.outcomes.items():
            said.setdefault(kind, set()).add((one.amount, one.share))
    return said


def _spent(connection: Connection, at_us: int) -> pl.DataFrame:
    """What the contacts cost, by the version that sent them."""
    spent = _frame(together.spent(connection, at_us), together.SPENT)
    told = [
        (name, version, action, *price)
        for name, version in spent.select("program", "version")
        .unique()
        .sort("program", "version")
        .iter_rows()
        for action, price in enumerate(prices(stored_program(connection, name, version)))
    ]
    schema = {"program": pl.String, "version": pl.Int64, "action": pl.Int64}
    priced = pl.DataFrame(told, schema={**schema, CONTACTS: pl.Float64, OFFERS: pl.Float64}, orient="row")
    return spent.join(priced, on=list(schema), how="left", maintain_order="left").with_columns(
        pl.col(CONTACTS, OFFERS) * pl.col("count")
    )


def _sums(rows: pl.DataFrame, *sums: pl.Expr) -> pl.DataFrame:
    return rows.group_by("customer", maintain_order=True).agg(*sums)


def _frame(rows: Rows, columns: Mapping[str, type]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={name: TYPES[kind] for name, kind in columns.items()}, orient="row")
