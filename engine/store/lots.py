"""Lots above a program: the global holdout, the layers, households and accounts. A lot stands for ever."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter

from sqlalchemy import Connection, bindparam, delete, func, select

from engine.store import folds
from engine.store.programs import program_names
from engine.store.sqlite import among, insert_new
from engine.store.sqlite import ids as as_ids
from engine.store.statement import execute, prepare, prepare_insert, run, run_many
from engine.store.tables import table
from engine.store.unchanged import unchanged

_lot, _member, _stake = table("lot"), table("member"), table("stake")
_everywhere, _assignment = table("everywhere"), table("assignment")


@dataclass(frozen=True, slots=True)
class EverywhereRow:
    """The share of customers whom no program may contact; `seq` is 0 before it is stored."""

    share: float
    salt: str
    at_us: int
    who: str


@dataclass(frozen=True, slots=True)
class LotRow:
    """What was drawn for a unit under a name, and the signed hash it was drawn by."""

    unit: str
    name: str
    drawn: str
    hash: int
    drawn_us: int


@dataclass(frozen=True, slots=True)
class StakeRow:
    """A program's range of a layer's hashes: from `low` up to `last`, each 2**63 less than it is."""

    layer: str
    low: int
    last: int
    program: str


_SETTING = [one.name for one in fields(EverywhereRow)]
_NEWEST = prepare(
    select(*(_everywhere.c[name] for name in _SETTING)).order_by(_everywhere.c.seq.desc()).limit(1)
)
_SET = prepare_insert(_everywhere, _SETTING)
_LOT = [one.name for one in fields(LotRow)]
_lot_values = attrgetter(*_LOT)
_columns = [_lot.c[name] for name in _LOT]
_LOTS = prepare(select(*_columns).where(among(_lot.c.unit), _lot.c.name == bindparam("name")))
_LOTS_OF = prepare(select(*_columns).where(_lot.c.unit == bindparam("unit")).order_by(_lot.c.name))
_DRAW = prepare_insert(_lot, _LOT, insert_new(_lot))
_FORGET = prepare(delete(_lot).where(_lot.c.unit == bindparam("unit")))
_COUNTS = prepare(
    select(_lot.c.drawn, func.count()).where(_lot.c.name == bindparam("name")).group_by(_lot.c.drawn)
)
_ASSIGNED = prepare(
    select(_assignment.c.customer).where(
        among(_assignment.c.program),
        _assignment.c.customer.in_(
            select(func.json_each(bindparam("customers")).table_valued("value", name="customers").c.value)
        ),
    )
)
_JOIN = prepare_insert(_member, list(_member.columns.keys()), insert_new(_member))
_STAKES = prepare(
    select(_stake.c.layer, _stake.c.low, _stake.c.last, _stake.c.program)
    .where(_stake.c.layer == bindparam("layer"))
    .order_by(_stake.c.low)
)
_STAKED = prepare(select(_stake.c.layer).where(_stake.c.program == bindparam("program")).distinct())
_LEAVE = prepare(
    delete(_stake).where(_stake.c.layer == bindparam("layer"), _stake.c.program == bindparam("program"))
)
_STAKE = prepare_insert(_stake, list(_stake.columns.keys()))


def everywhere(c: Connection) -> EverywhereRow | None:
    """The global holdout as it is set; None if it never was."""
    found = unchanged(c, "global holdout", lambda: run(c, _NEWEST))
    return EverywhereRow(*found[0]) if found else None


def set_everywhere(c: Connection, row: EverywhereRow) -> None:
    """Set the global holdout; what was drawn stays."""
    run_many(c, _SET, [(row.share, row.salt, row.at_us, row.who)])


def lots(c: Connection, name: str, units: Collection[str]) -> dict[str, str]:
    """What was drawn under a name for those of the units that have a lot, by unit."""
    return {row[0]: row[2] for row in run(c, _LOTS, name=name, wanted=as_ids(units))}


def lots_of(c: Connection, unit: str) -> dict[str, LotRow]:
    """Every lot of a unit, by name."""
    return {row.name: row for row in (LotRow(*values) for values in run(c, _LOTS_OF, unit=unit))}


def put_lots(c: Connection, rows: Sequence[LotRow]) -> None:
    """Store lots; a unit that has one under the name keeps it."""
    run_many(c, _DRAW, [_lot_values(row) for row in rows])


def forget(c: Connection, unit: str) -> None:
    """Delete every lot of a unit."""
    execute(c, _FORGET, unit=unit)


def counts(c: Connection, name: str) -> dict[str, int]:
    """How many units drew what under a name."""
    return dict(run(c, _COUNTS, name=name))


def assigned(c: Connection, customers: Collection[str]) -> set[str]:
    """Those of the customers who have an arm in any program."""
    folds.customers(c, customers)
    found = run(c, _ASSIGNED, wanted=as_ids(program_names(c)), customers=as_ids(customers))
    return {one for (one,) in found}


def join(c: Connection, program: str, units: Sequence[tuple[str, str]]) -> None:
    """Store the unit of customers, (customer, unit) each; who has one keeps it."""
    run_many(c, _JOIN, [(program, customer, unit) for customer, unit in units])


def stakes(c: Connection, layer: str) -> list[StakeRow]:
    """The ranges of a layer that are somebody's, in order."""
    return [StakeRow(*values) for values in run(c, _STAKES, layer=layer)]


def staked(c: Connection, program: str) -> list[str]:
    """The layers in which a program has a range."""
    return [layer for (layer,) in run(c, _STAKED, program=program)]


def stake(c: Connection, layer: str, program: str, rows: Sequence[StakeRow]) -> None:
    """These are a program's ranges of a layer from now on."""
    execute(c, _LEAVE, layer=layer, program=program)
    run_many(c, _STAKE, [(row.layer, row.low, row.last, row.program) for row in rows])
