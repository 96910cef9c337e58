"""A program's experiment as the store has it: one row a customer, and what each brought on each day.

The customer is counted from the day the arm was given, by everything that happened since: a comparison of
arms is one of whole customers, contacted or not (intention to treat).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection

from engine.applied import stored_program
from engine.calendar import MICROSECOND, microseconds
from engine.domain import Program
from engine.errors import RefusedError
from engine.experiments.refunds import given_back
from engine.store import flows, folded
from engine.store.received import received

REWARD, REVENUE, MARGIN, BEFORE = "net reward", "revenue", "margin", "reward before"
COST, CONTACTS, OFFERS = "cost", "cost of contacts", "cost of offers"  # the first is the sum of the others
RECEIPTS = ("delivered", "seen")  # the kinds of outcome that tell that a contact reached its customer
_OUTSIDE = ("global_holdout", "excluded")
_NUMBER = "number of "  # before a kind of outcome, so that no kind is taken for a column of ours
TYPES: Mapping[type, Any] = {str: pl.String, int: pl.Int64, float: pl.Float64, bytes: pl.Binary}


@dataclass(frozen=True, slots=True)
class Panel:
    """The customers of a program up to a moment.

    Attributes:
        program: its current version, whose goal counts for all.
        at: the moment.
        versions: every version under which a customer was first decided for.
        units: one row a customer: customer, arm, assigned_us, decisions, contacts, strayed, last_us, version,
            the money columns above, the count of each kind of outcome, and `received_as` what was reported
            of the program's contacts: 1 for who was reached.
        daily: customer, day (from 1970) and the net reward of that day, where it is not 0.
        earning: customer and day, where something of worth to the goal happened.
        kinds: the kinds of outcome that happened since the assignments, most frequent first.
        outside: how many customers are in none of the arms: in the holdout of all programs, or excluded.
        back: what was given back, as `refunds.given_back` has it.
        people: person, unit (household or account) and assigned_us, where the program gives arms to those.

    Where the program gives arms to households or accounts, these stand for customers. `mixed` in `units`
    marks who had several arms before ids were merged; they stand in the first.
    """

    program: Program
    at: datetime
    versions: Mapping[int, Program]
    units: pl.DataFrame
    daily: pl.DataFrame
    earning: pl.DataFrame
    kinds: tuple[str, ...]
    outside: Mapping[str, int] = field(default_factory=dict)
    back: pl.DataFrame = field(default_factory=pl.DataFrame)
    people: pl.DataFrame = field(default_factory=pl.DataFrame)


def number_of(kind: str) -> str:
    """The column that counts outcomes of a kind."""
    return f"{_NUMBER}{kind}"


def received_as(kind: str) -> str:
    """The column that says whom a contact of the program reached, by a kind of `RECEIPTS`."""
    return f"a contact {kind}"


def panel(connection: Connection, name: str, at: datetime) -> Panel:
    """Read a program's customers, contacts and outcomes up to `at`, each once.

    Raises:
        NotFoundError: the store has no such program.
        RefusedError: nobody had an arm in it by then.
    """
    program, at_us = stored_program(connection, name), microseconds(at)
    more = folded.decisions(connection, name)
    units = frame(flows.units(connection, name, at_us, more), flows.UNITS)
    if units.is_empty():
        raise RefusedError(
            f"Program '{name}' had given no customer an arm by {at:%Y-%m-%d %H:%M} UTC: there is nothing to "
            "report. Decide for customers first, or give a later --at."
        )
    units = _by_first_arm(units, frame(flows.mixed(connection, name), flows.MIXED))
    outside = dict(units.filter(pl.col("arm").is_in(_OUTSIDE)).group_by("arm").len().sort("arm").iter_rows())
    units = units.filter(~pl.col("arm").is_in(_OUTSIDE))
    own = units.select("customer")
    spent = frame(flows.spent(connection, name, at_us, more), flows.SPENT).join(
        own, on="customer", how="semi", maintain_order="left"
    )
    earned = frame(flows.earned(connection, name, at_us, more), flows.EARNED).join(
        own, on="customer", how="semi", maintain_order="left"
    )
    earned = worth(program, earned)
    earned = _happened(earned.with_columns(pl.col("after").cast(pl.Boolean)))
    numbers = {*units["version"].drop_nulls().to_list(), *spent["version"].to_list()}
    versions = {number: stored_program(connection, name, number) for number in sorted(numbers)}
    spent, since = _priced(spent, versions), earned.filter("after")
    counted = (
        since.group_by("kind").agg(pl.col("count").sum()).sort(["count", "kind"], descending=[True, False])
    )
    kinds = tuple(counted["kind"])
    told = [kind for kind in RECEIPTS if kind in kinds]
    columns = [
        _per_customer(since, pl.col("value").sum().alias(REVENUE), pl.col("worth").sum().alias(MARGIN)),
        _per_customer(spent, pl.col(CONTACTS, OFFERS).sum()),
        _per_customer(earned.filter(~pl.col("after")), pl.col("worth").sum().alias(BEFORE)),
        *(
            _per_customer(since.filter(kind=kind), pl.col("happened").sum().alias(number_of(kind)))
            for kind in kinds
        ),
        *(_reached(connection, program, kind, at_us) for kind in told),
    ]
    for one in columns:
        units = units.join(one, on="customer", how="left", maintain_order="left")
    money = [
        REVENUE,
        MARGIN,
        CONTACTS,
        OFFERS,
        BEFORE,
        *map(number_of, kinds),
        *map(received_as, told),
    ]
    units = units.with_columns(pl.col(money).fill_null(0).cast(pl.Float64))
    units = units.with_columns((pl.col(CONTACTS) + pl.col(OFFERS)).alias(COST))
    units = units.with_columns((pl.col(MARGIN) - pl.col(COST)).alias(REWARD))
    earning = since.filter(pl.col("worth") > 0).select("customer", "day").unique(maintain_order=True)
    daily = _daily(since, spent)
    people = pl.DataFrame()
    if program.unit:
        members = frame(flows.members(connection, name), flows.MEMBERS)
        people = _named(units.select("customer", "assigned_us", person="customer"), members)
        people = people.rename({"customer": "unit"})
        units, since = _by_unit(units, members), _named(since, members)
        daily, earning = _of_units(daily, members), _of_units(earning, members)
    return Panel(program, at, versions, units, daily, earning, kinds, outside, given_back(since), people)


def _happened(earned: pl.DataFrame) -> pl.DataFrame:
    """With how often each row happened: a purchase given back is no further one.

    A kind that is only ever below 0, such as a refund sent as a kind of its own, happens as it does.
    """
    mixed = (pl.col("count") > pl.col("returned")).any().over("kind")
    return earned.with_columns(
        pl.when(mixed).then(pl.col("count") - pl.col("returned")).otherwise("count").alias("happened")
    )


def _reached(connection: Connection, program: Program, kind: str, at_us: int) -> pl.DataFrame:
    """The customers whom a contact of the program reached, by a kind of outcome."""
    window_us = program.goal.window // MICROSECOND
    found = received(connection, program.name, kind, at_us, window_us)
    return pl.DataFrame({"customer": sorted(found)}, schema={"customer": pl.String}).with_columns(
        pl.lit(1.0).alias(received_as(kind))
    )


def _by_first_arm(units: pl.DataFrame, mixed: pl.DataFrame) -> pl.DataFrame:
    """With the arm that who had several was given first, and `mixed`: whether two of them are compared."""
    compared = pl.col("arms").str.split(",").list.set_difference(["excluded"]).list.len() > 1
    noted = mixed.select("customer", "first", compared.alias("mixed"))
    joined = units.join(noted, on="customer", how="left", maintain_order="left")
    return joined.with_columns(
        pl.coalesce("first", "arm").alias("arm"), pl.col("mixed").fill_null(value=False)
    ).drop("first")


def _by_unit(units: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """One row a household or account; its arm is that of a member who had one only."""
    sums = [name for name, kind in units.schema.items() if kind == pl.Float64]
    return (
        _named(units, members)
        .group_by("customer", maintain_order=True)
        .agg(
            pl.col("arm").sort_by("mixed").first(),
            pl.col("mixed").any(),
            pl.col("assigned_us", "version").min(),
            pl.col("last_us").max(),
            pl.col("decisions", "contacts", "strayed", *sums).sum(),
        )
    )


def _of_units(rows: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """Rows by customer and day as rows by household or account and day."""
    sums = [pl.col(name).sum() for name in rows.columns if name not in ("customer", "day")]
    return _named(rows, members).group_by("customer", "day", maintain_order=True).agg(*sums)


def _named(rows: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    joined = rows.join(members, on="customer", how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce("unit", "customer").alias("customer")).drop("unit")


def _daily(since: pl.DataFrame, spent: pl.DataFrame) -> pl.DataFrame:
    """Net reward of each customer on each day on which something was earned or spent."""
    flows_ = [
        since.select("customer", "day", pl.col("worth").alias("amount")),
        spent.select("customer", "day", -(pl.col(CONTACTS) + pl.col(OFFERS)).alias("amount")),
    ]
    return pl.concat(flows_).group_by("customer", "day", maintain_order=True).agg(pl.col("amount").sum())


def frame(rows: flows.Rows, columns: Mapping[str, type]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={name: TYPES[kind] for name, kind in columns.items()}, orient="row")


def worth(program: Program, earned: pl.DataFrame) -> pl.DataFrame:
    """With what the goal says each row is worth; a kind it does not name is worth nothing."""
    weights = pl.DataFrame(
        [(kind, one.amount, one.share) for kind, one in program.goal.outcomes.items()],
        schema={"kind": pl.String, "amount": pl.Float64, "share": pl.Float64},
        orient="row",
    )
    made = pl.col("amount") * pl.col("count") + pl.col("share") * pl.col("value")
    joined = earned.join(weights, on="kind", how="left", maintain_order="left")
    return joined.with_columns(made.fill_null(0.0).alias("worth")).drop("amount", "share")


def _priced(spent: pl.DataFrame, versions: Mapping[int, Program]) -> pl.DataFrame:
    """With what the contacts of each row cost, channel and offer apart, by the version that sent them."""
    listed = [
        (number, action, *price)
        for number, program in versions.items()
        for action, price in enumerate(prices(program))
    ]
    schema = {"version": pl.Int64, "action": pl.Int64, CONTACTS: pl.Float64, OFFERS: pl.Float64}
    joined = spent.join(
        pl.DataFrame(listed, schema=schema, orient="row"),
        on=["version", "action"],
        how="left",
        maintain_order="left",
    )
    return joined.with_columns(pl.col(CONTACTS, OFFERS) * pl.col("count"))


def prices(program: Program) -> list[tuple[float, float]]:
    """What each action costs: its channel's contact, and its offer."""
    channels = {one.name: float(one.cost) for one in program.channels}
    offers = {one.name: float(one.cost) for one in program.offers}
    return [
        (channels[one.channel], offers[one.offer]) if one.offer else (0.0, 0.0) for one in program.actions
    ]


def _per_customer(rows: pl.DataFrame, *sums: pl.Expr) -> pl.DataFrame:
    return rows.group_by("customer", maintain_order=True).agg(*sums)
