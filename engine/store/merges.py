"""Which customer ids are one person, and moving everything that is known under one id to another."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields

from sqlalchemy import ColumnElement, Connection, bindparam, delete, select, update

from engine.store import folds, late
from engine.store.rows import AssignmentRow
from engine.store.sqlite import among, insert_new, upsert
from engine.store.sqlite import ids as as_ids
from engine.store.statement import execute, prepare, prepare_insert, run, run_many
from engine.store.tables import table

_merge, _contaminated, _member = table("merge"), table("contaminated"), table("member")
_assignment, _decision, _outcome = table("assignment"), table("decision"), table("outcome")
_prediction, _customer = table("prediction"), table("customer")
_PEOPLE = prepare(select(_merge.c.customer, _merge.c.person).where(among(_merge.c.customer)))
_OF = prepare(select(_merge.c.customer).where(_merge.c.person == bindparam("person")))
_INSERT = prepare_insert(_merge, list(_merge.columns.keys()))
_gone: ColumnElement[str] = bindparam("gone")
_person: ColumnElement[str] = bindparam("new")
_REPOINT = prepare(update(_merge).where(_merge.c.person == _gone).values(person=_person))
_MOVES = [
    prepare(update(one).where(one.c.customer == _gone).values(customer=_person))
    for one in (_decision, _outcome)
]
_DELETES = [
    prepare(delete(one).where(one.c.customer == _gone)) for one in (_assignment, _member, _contaminated)
]
_prediction_names = list(_prediction.columns.keys())
_SCORES = prepare(
    insert_new(_prediction).from_select(
        _prediction_names,
        select(*(_person if name == "customer" else _prediction.c[name] for name in _prediction_names)).where(
            _prediction.c.customer == _gone
        ),
    )
)
_NO_SCORES = prepare(delete(_prediction).where(_prediction.c.customer == _gone))
_NO_PROFILE = prepare(delete(_customer).where(_customer.c.id == _gone))
_member_names = list(_member.columns.keys())
_MEMBERS = prepare(
    insert_new(_member).from_select(
        _member_names,
        select(_member.c.program, _person, _member.c.unit).where(_member.c.customer == _gone),
    )
)
_FIELDS = AssignmentRow.__struct_fields__
_ARMS = prepare(
    select(*(_assignment.c[name] for name in _FIELDS))
    .where(
        _assignment.c.customer.in_([bindparam("one"), bindparam("two")]),
        among(_assignment.c.program),
    )
    .order_by(_assignment.c.program, _assignment.c.assigned_us, _assignment.c.customer)
)
_ASSIGN = prepare_insert(_assignment, _FIELDS, upsert(_assignment))


@dataclass(frozen=True, slots=True)
class ContaminatedRow:
    """A person who had several arms before a merge; see `engine.store.lot_tables.Contaminated`."""

    program: str
    customer: str
    arm: str
    arms: str
    at_us: int

    @property
    def contaminated(self) -> bool:
        """Whether two of the arms are compared: who was only excluded under one id met nothing there."""
        return len({*self.arms.split(",")} - {"excluded"}) > 1


_MIXED_FIELDS = [one.name for one in fields(ContaminatedRow)]
_MIX = prepare_insert(_contaminated, _MIXED_FIELDS, upsert(_contaminated))
_MIXED = prepare(
    select(*(_contaminated.c[name] for name in _MIXED_FIELDS)).where(
        _contaminated.c.customer.in_([bindparam("one"), bindparam("two")])
    )
)


def people(c: Connection, ids: Collection[str]) -> dict[str, str]:
    """The person of each of `ids` that is another's by now; the others are missing."""
    return dict(run(c, _PEOPLE, wanted=as_ids(ids)))


def person_of(c: Connection, customer: str) -> str:
    """Whom an id stands for: itself unless it was merged."""
    return people(c, [customer]).get(customer, customer)


def ids_of(c: Connection, person: str) -> list[str]:
    """The other ids of a person, in order."""
    return sorted(one for (one,) in run(c, _OF, person=person))


def arms_of_both(c: Connection, programs: Collection[str], one: str, two: str) -> list[AssignmentRow]:
    """What two customers were assigned, by program and then by time."""
    folds.customers(c, [one, two])
    found = run(c, _ARMS, wanted=as_ids(programs), one=one, two=two)
    return [AssignmentRow(*values) for values in found]


def contaminated(c: Connection, one: str, two: str = "") -> dict[str, list[ContaminatedRow]]:
    """By program, what is noted of one or two persons who were merged out of different arms."""
    found: dict[str, list[ContaminatedRow]] = {}
    for values in run(c, _MIXED, one=one, two=two):
        row = ContaminatedRow(*values)
        found.setdefault(row.program, []).append(row)
    return found


def move(
    c: Connection,
    gone: str,
    person: str,
    assigned: Iterable[AssignmentRow],
    mixed: Iterable[ContaminatedRow],
) -> None:
    """Make `gone` another id of `person`: every row about the one is about the other from now on.

    Of two scores of one model and date the person's stays. Profiles are joined by the caller. What was learnt
    is queued to be learnt again where an outcome belongs to more decisions than before.
    """
    folds.customers(c, [gone, person])
    execute(c, _MEMBERS, gone=gone, new=person)
    for statement in (*_MOVES, _SCORES, _REPOINT):
        execute(c, statement, gone=gone, new=person)
    for statement in (*_DELETES, _NO_SCORES, _NO_PROFILE):
        execute(c, statement, gone=gone)
    run_many(c, _ASSIGN, [tuple(getattr(row, name) for name in _FIELDS) for row in assigned])
    run_many(c, _MIX, [tuple(getattr(row, name) for name in _MIXED_FIELDS) for row in mixed])
    late.queue_of(c, person)


def note(c: Connection, gone: str, person: str, at_us: int, how: str) -> None:
    """Put on record that an id is another's."""
    run_many(c, _INSERT, [(gone, person, at_us, how)])
