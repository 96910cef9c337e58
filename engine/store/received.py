"""Which customers of a program a contact of it reached, as far as anybody reported."""

from __future__ import annotations

from sqlalchemy import Connection, and_, bindparam, exists, func, literal_column, select

from engine.store import folds
from engine.store.statement import prepare, run
from engine.store.tables import table
from engine.store.withdrawn import is_withdrawn

_assignment, _decision, _outcome = table("assignment"), table("decision"), table("outcome")
_sent_us = func.coalesce(_decision.c.send_at_us, _decision.c.at_us)
_told = and_(
    _assignment.c.program == bindparam("program"),
    _assignment.c.assigned_us <= bindparam("at_us"),
    _outcome.c.kind == bindparam("kind"),
    _outcome.c.at_us.between(_assignment.c.assigned_us, bindparam("at_us")),
)
_contact_of_it = and_(
    _decision.c.program == _assignment.c.program,
    _decision.c.customer == _assignment.c.customer,
    _decision.c.contact == literal_column("1"),
    ~is_withdrawn(),
)
_both = _assignment.join(_outcome, _outcome.c.customer == _assignment.c.customer)
_NAMED = prepare(
    select(_assignment.c.customer)
    .distinct()
    .select_from(_both.join(_decision, _decision.c.id == _outcome.c.decision))
    .where(_told, _contact_of_it)
)
_WHO = prepare(
    select(_outcome.c.customer)
    .distinct()
    .where(_outcome.c.kind == bindparam("kind"), _outcome.c.at_us <= bindparam("at_us"))
)
_before = exists(select(_decision.c.seq)).where(
    _contact_of_it,
    _decision.c.at_us >= _outcome.c.at_us - bindparam("window_us"),
    _sent_us <= _outcome.c.at_us,
)
_UNNAMED = prepare(
    select(_assignment.c.customer)
    .distinct()
    .select_from(_both)
    .where(_told, _outcome.c.decision.is_(None), _before)
)


def received(c: Connection, program: str, kind: str, at_us: int, window_us: int) -> set[str]:
    """Customers for whom an outcome of that kind, such as `delivered`, tells of a contact of the program.

    It tells of the decision it names; one that names none tells of the program's contacts that were sent to
    the customer by then, in whose window it falls.
    """
    folds.customers(c, [customer for (customer,) in run(c, _WHO, kind=kind, at_us=at_us)])
    named = run(c, _NAMED, program=program, kind=kind, at_us=at_us)
    unnamed = run(c, _UNNAMED, program=program, kind=kind, at_us=at_us, window_us=window_us)
    return {customer for (customer,) in (*named, *unnamed)}
