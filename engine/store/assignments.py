"""Arms of customers: the first assignment stands for ever."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from operator import attrgetter

from sqlalchemy import Connection, bindparam, select

from engine.store import folds
from engine.store.rows import AssignmentRow
from engine.store.sqlite import among, insert_new
from engine.store.sqlite import ids as as_ids
from engine.store.statement import insert_together, prepare, prepare_insert, run, run_many, stream
from engine.store.tables import table

_assignment = table("assignment")
_COLUMNS = AssignmentRow.__struct_fields__
_values = attrgetter(*_COLUMNS)
_FEW = 256  # rows that are inserted many a statement
_SELECT = prepare(
    select(_assignment.c.customer, _assignment.c.arm).where(
        _assignment.c.program == bindparam("program"), among(_assignment.c.customer)
    )
)
_ALL = prepare(
    select(*(_assignment.c[name] for name in _COLUMNS))
    .where(_assignment.c.program == bindparam("program"))
    .order_by(_assignment.c.customer)
)
_INSERT = prepare_insert(_assignment, _COLUMNS, insert_new(_assignment))


def put_assignments(c: Connection, rows: Sequence[AssignmentRow]) -> None:
    """Store arms; a customer who has one in the program keeps it."""
    (insert_together if len(rows) <= _FEW else run_many)(c, _INSERT, [_values(row) for row in rows])


def assignments(c: Connection, program: str, ids: Collection[str]) -> dict[str, str]:
    """Arms of the customers among `ids` that have one, by customer."""
    folds.customers(c, ids)
    return {one[0]: one[1] for one in run(c, _SELECT, program=program, wanted=as_ids(ids))}


def assignments_iter(c: Connection, program: str) -> Iterator[AssignmentRow]:
    """All assignments of a program in order of the customer, read as they are asked for."""
    folds.program(c, program)
    for values in stream(c, _ALL, program=program):
        yield AssignmentRow(*values)
