"""Two customer ids turn out to be one person: what was known under both is theirs, and one arm serves.

Decision record 031 says which arm, and why the report goes by the one that was given first.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

import msgspec
from sqlalchemy import Connection

from engine.calendar import microseconds
from engine.enrol import EVERYWHERE, HELD
from engine.store import customers, lots, merges
from engine.store.merges import ContaminatedRow
from engine.store.programs import program_names
from engine.store.rows import AssignmentRow, CustomerRow
from engine.values import check_id

_STRICTEST = ("global_holdout", "holdout")


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of a merge.

    Attributes:
        person: the id that stands for both from now on.
        new: False where the two were one person before.
        contaminated: programs in which the two were in different arms.
    """

    person: str
    new: bool
    contaminated: tuple[str, ...]


def merge(connection: Connection, gone: str, into: str, at: datetime, how: str) -> Merged:
    """Make customer `gone` and customer `into` one person, known as `into`, in the open write transaction.

    Who was merged before stands for the person by now, so a merge may be told again, and in any order.

    Args:
        how: by which means, for the record.

    Raises:
        InputError: an id is none.
    """
    check_id(gone, "customer", "merge")
    check_id(into, "into", "merge")
    people = merges.people(connection, [gone, into])
    gone, person = people.get(gone, gone), people.get(into, into)
    if gone == person:
        return Merged(person, False, ())
    at_us = microseconds(at)
    _join_profiles(connection, gone, person, at_us)
    held, lost = _join_lots(connection, gone, person)
    rows = merges.arms_of_both(connection, program_names(connection), gone, person)
    before = merges.contaminated(connection, gone, person)
    assigned, mixed = [], []
    for program, found in groupby(rows, key=lambda row: row.program):
        arms, noted = _settled(list(found), before.get(program, []), held, program in lost)
        assigned.append(msgspec.structs.replace(arms, customer=person))
        mixed += [ContaminatedRow(program, person, *one, at_us) for one in noted]
    merges.move(connection, gone, person, assigned, mixed)
    merges.note(connection, gone, person, at_us, how)
    return Merged(person, True, tuple(one.program for one in mixed if one.contaminated))


def _join_profiles(connection: Connection, gone: str, person: str, at_us: int) -> None:
    """What is said of the person stands before what was said of the other id; a no stands before a yes."""
    known = customers.customers(connection, [gone, person])
    other, own = known.get(gone), known.get(person)
    if other is None:
        return
    own = own or CustomerRow(person, {}, {}, None, at_us)
    consent = {**other.consent, **own.consent}
    for purpose, granted in other.consent.items():
        consent[purpose] = granted is True and consent[purpose] is True
    attributes = {**other.attributes, **own.attributes}
    joined = CustomerRow(person, attributes, consent, own.zone or other.zone, at_us)
    customers.put_customers(connection, [joined], replace=True)


def _join_lots(connection: Connection, gone: str, person: str) -> tuple[bool, Collection[str]]:
    """Join the lots above the programs: held stands before free, the first claim before a later one.

    Returns:
        Whether the person is in the holdout of all programs, and the programs that lost their claim.
    """
    joined, lost = lots.lots_of(connection, person), set[str]()
    for name, other in lots.lots_of(connection, gone).items():
        own = joined.get(name, other)
        joined[name], late = sorted((own, other), key=lambda one: (one.drawn != HELD, one.drawn_us))
        if late.drawn != joined[name].drawn:
            lost.add(late.drawn)
    lots.forget(connection, gone)
    lots.forget(connection, person)
    lots.put_lots(connection, [replace(row, unit=person) for row in joined.values()])
    return EVERYWHERE in joined and joined[EVERYWHERE].drawn == HELD, lost


def _settled(
    rows: Sequence[AssignmentRow], noted: Sequence[ContaminatedRow], held: bool, lost: bool
) -> tuple[AssignmentRow, list[tuple[str, str]]]:
    """The one row of a person in a program; and where there were several arms, the first and all of them.

    Args:
        rows: one or two, the earlier first.
        noted: what earlier merges noted of the two.
        held: the person is in the holdout of all programs.
        lost: the layer's claim is another program's.
    """
    given = [row for row in rows if row.arm != "excluded"] or rows[:1]
    first, arms = given[0], [row.arm for row in given]
    arm = next((one for one in _STRICTEST if one in arms), "excluded" if lost else first.arm)
    arm = "global_holdout" if held else arm
    under = {arm, *(row.arm for row in rows), *(old for one in noted for old in one.arms.split(","))}
    if len(under) == 1:
        return msgspec.structs.replace(first, arm=arm), []
    counted = next((one.arm for one in noted if one.customer == first.customer), first.arm)
    return msgspec.structs.replace(first, arm=arm), [(counted, ",".join(sorted(under)))]
