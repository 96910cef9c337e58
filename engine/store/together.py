"""What became of every customer with a lot of the global holdout: what all programs are worth together.

A customer counts from the draw on, by everything that happened since, whichever program did it. Who had an
arm in a program before the draw was free of it, and is told apart.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, func, literal_column, select

from engine.store import folds
from engine.store.flows import GIVEN, Rows
from engine.store.statement import prepare, run
from engine.store.tables import table
from engine.store.withdrawn import is_withdrawn

_lot, _everywhere, _contaminated = table("lot"), table("everywhere"), table("contaminated")
_assignment, _decision, _outcome = table("assignment"), table("decision"), table("outcome")
_mine = and_(
    _lot.c.name == literal_column("'everywhere'"), _lot.c.drawn_us <= bindparam("at_us")
)  # the name of the lot: `engine.enrol.EVERYWHERE`
_contact: ColumnElement[bool] = and_(_decision.c.contact == literal_column("1"), ~is_withdrawn())
_decided = and_(_decision.c.customer == _lot.c.unit, _decision.c.at_us <= bindparam("at_us"))
_since: ColumnElement[bool] = _decision.c.at_us >= _lot.c.drawn_us
_began = (
    select(_assignment.c.customer, func.min(_assignment.c.assigned_us).label("first"))
    .group_by(_assignment.c.customer)
    .subquery()
)
_SETTINGS = prepare(select(_everywhere.c.at_us, _everywhere.c.share).order_by(_everywhere.c.seq))
_UNITS = prepare(
    select(
        _lot.c.unit,
        _lot.c.drawn,
        _lot.c.drawn_us,
        func.coalesce(func.max(_began.c.first) < _lot.c.drawn_us, 0),
        func.coalesce(func.sum(case((and_(_contact, _since), 1), else_=0)), 0),
    )
    .select_from(_lot.outerjoin(_began, _began.c.customer == _lot.c.unit).outerjoin(_decision, _decided))
    .where(_mine)
    .group_by(_lot.c.unit, _lot.c.drawn, _lot.c.drawn_us)
    .order_by(_lot.c.unit)
)
_SPENT = prepare(
    select(_lot.c.unit, _decision.c.program, _decision.c.program_version, _decision.c.action, func.count())
    .select_from(_lot.join(_decision, _decided))
    .where(_mine, _contact, _since)
    .group_by(_lot.c.unit, _decision.c.program, _decision.c.program_version, _decision.c.action)
)
_after = _outcome.c.at_us >= _lot.c.drawn_us
_EARNED = prepare(
    select(_lot.c.unit, _after, _outcome.c.kind, func.count(), func.sum(_outcome.c.value), *GIVEN)
    .select_from(_lot.join(_outcome, _outcome.c.customer == _lot.c.unit))
    .where(_mine, _outcome.c.at_us <= bindparam("at_us"))
    .group_by(_lot.c.unit, _after, _outcome.c.kind)
)
_MIXED = prepare(select(_contaminated.c.customer, _contaminated.c.arm, _contaminated.c.arms))

UNITS = {"customer": str, "drawn": str, "drawn_us": int, "before": int, "contacts": int}
SPENT = {"customer": str, "program": str, "version": int, "action": int, "count": int}
EARNED = {
    "customer": str,
    "after": int,
    "kind": str,
    "count": int,
    "value": float,
    "returned": int,  # how many of them have a value below 0
    "refunded": float,  # the values of these together
}
MIXED = {"customer": str, "first": str, "arms": str}


def settings(c: Connection) -> list[tuple[int, float]]:
    """(from when, share held back) of the global holdout, as it was set in turn."""
    return [(at_us, share) for at_us, share in run(c, _SETTINGS)]


def units(c: Connection, at_us: int) -> Rows:
    """Every customer with a lot of the global holdout by then, in order of their ids: `UNITS`.

    `before` is 1 for who had an arm in a program already, and so was not drawn.
    """
    folds.everyone(c)
    return run(c, _UNITS, at_us=at_us)


def spent(c: Connection, at_us: int) -> Rows:
    """How often an action of a program was sent to each since the draw, none that was withdrawn: `SPENT`."""
    return run(c, _SPENT, at_us=at_us)


def earned(c: Connection, at_us: int) -> Rows:
    """Their outcomes of a kind, before the draw and after: `EARNED`."""
    return run(c, _EARNED, at_us=at_us)


def mixed(c: Connection) -> Rows:
    """The persons merged out of ids with several arms in some program: `MIXED`."""
    return run(c, _MIXED)
