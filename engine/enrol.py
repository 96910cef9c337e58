"""Who is in a program, and in which arm: decided before anything else is looked at, and for ever.

In this order: whom an id stands for; the holdout of all programs; the layer; and the program's own arms, by
the hash of the customer or of the household or account that is given an arm together. Who has an arm is
looked up once; the rest is asked only for those who are new to the program.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection

from engine import layers
from engine.assign import assign, held_back, signed, unit_hash
from engine.calendar import microseconds
from engine.domain import ArmName, Program
from engine.store import assignments, customers, lots, merges
from engine.store.lots import LotRow
from engine.store.rows import AssignmentRow

EVERYWHERE = "everywhere"  # the name of the lot of the global holdout
_TOGETHER = "everywhere together"  # and of that of a household or account, which its members share
Put = Callable[[Sequence[AssignmentRow]], None]
HELD, FREE = "held", "free"  # what is drawn there


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The arm of each of n requests, and the person each is for: whom the id stands for."""

    arms: list[ArmName]
    people: Sequence[str]


def enrol(
    connection: Connection,
    program: Program,
    ids: Sequence[str],
    at: datetime,
    contexts: Sequence[Mapping[str, Any]] | None = None,
    put: Put | None = None,
) -> Enrolled:
    """The stored arm of each customer; whoever is new is assigned now, and for ever.

    Args:
        contexts: what the requests say, before what is stored; where they may name the unit.
        put: takes the arms of who is new, to be stored before anybody asks for them; stored here if None.
    """
    known = cast(dict[str, ArmName], assignments.assignments(connection, program.name, ids))
    new = [customer for customer in dict.fromkeys(ids) if customer not in known]
    if new and (people := merges.people(connection, new)):
        ids = [people.get(one, one) for one in ids]
        known |= cast(
            dict[str, ArmName], assignments.assignments(connection, program.name, set(people.values()))
        )
        new = [customer for customer in dict.fromkeys(ids) if customer not in known]
    if new:
        said = dict(zip(ids, contexts, strict=True)) if contexts and program.unit else {}
        known |= _assigned(connection, program, new, said, microseconds(at), put)
    return Enrolled([known[customer] for customer in ids], ids)


def by_hash_alone(connection: Connection, program: Program) -> bool:
    """Whether the arm of a customer who is new to the store follows from the id and the program alone."""
    return program.layer is None and not program.unit and lots.everywhere(connection) is None


def _assigned(
    connection: Connection,
    program: Program,
    new: Sequence[str],
    said: Mapping[str, Mapping[str, Any]],
    at_us: int,
    put: Put | None,
) -> dict[str, ArmName]:
    units = _units(connection, program, new, said)
    arms: dict[str, ArmName] = dict.fromkeys(_held(connection, units, at_us), "global_holdout")
    if program.layer is not None:
        left = {one: units[one] for one in new if one not in arms}
        out = layers.excluded(connection, program, program.layer, left, at_us)
        arms |= dict.fromkeys(out, "excluded")
    left_over = [one for one in new if one not in arms]
    drawn = _drawn(connection, program, [units[one] for one in left_over], at_us)
    arms |= {one: drawn[units[one]] for one in left_over}
    rows = [
        AssignmentRow(
            program.name, one, arms[one], program.salt, signed(unit_hash(program.salt, units[one])), at_us
        )
        for one in new
    ]
    if put is None:
        assignments.put_assignments(connection, rows)
    else:
        put(rows)
    return arms


def _held(connection: Connection, units: Mapping[str, str], at_us: int) -> set[str]:
    """Those in the holdout of all programs. Who had an arm anywhere before it was set is free of it.

    Args:
        units: customer -> what is drawn for: the customer, or the household or account, whose members share
            the lot of the first of them.
    """
    setting = lots.everywhere(connection)
    if setting is None:
        return set()
    drawn = lots.lots(connection, EVERYWHERE, units)
    fresh = [one for one in units if one not in drawn]
    free, salt = lots.assigned(connection, fresh) if fresh else set(), f"{EVERYWHERE} {setting.salt}"
    homes = {units[one] for one in fresh if units[one] != one}
    shared = lots.lots(connection, _TOGETHER, homes) if homes else {}
    rows = []
    for one in fresh:
        unit = units[one]
        hashed = unit_hash(salt, unit)
        lot = HELD if one not in free and held_back(hashed, setting.share) else FREE
        if unit != one:
            if unit not in shared:
                shared[unit] = lot
                rows.append(LotRow(unit, _TOGETHER, lot, signed(hashed), at_us))
            lot = FREE if one in free else shared[unit]
        rows.append(LotRow(one, EVERYWHERE, lot, signed(hashed), at_us))
    lots.put_lots(connection, rows)
    drawn |= {row.unit: row.drawn for row in rows if row.name == EVERYWHERE}
    return {one for one, found in drawn.items() if found == HELD}


def _units(
    connection: Connection, program: Program, new: Sequence[str], said: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, str]:
    """What each customer's hash is made of: the id, or `attribute=value` of a household or account."""
    if not program.unit:
        return {one: one for one in new}
    profiles = customers.customers(connection, new)
    units = {}
    for one in new:
        value = said.get(one, {}).get(program.unit)
        if value is None and one in profiles:
            value = profiles[one].attributes.get(program.unit)
        units[one] = one if value is None else f"{program.unit}={value}"
    lots.join(connection, program.name, list(units.items()))
    return units


def _drawn(
    connection: Connection, program: Program, units: Collection[str], at_us: int
) -> Mapping[str, ArmName]:
    """The arm of each unit. That of a household or account is stored, for those of it who are to come."""
    units = list(dict.fromkeys(units))
    if not program.unit:
        return dict(zip(units, assign(program, units), strict=True))
    name = f"arm {program.name}"
    stored = cast(dict[str, ArmName], lots.lots(connection, name, units))
    fresh = [one for one in units if one not in stored]
    drawn = dict(zip(fresh, assign(program, fresh), strict=True))
    lots.put_lots(
        connection,
        [LotRow(one, name, arm, signed(unit_hash(program.salt, one)), at_us) for one, arm in drawn.items()],
    )
    return {**stored, **drawn}
