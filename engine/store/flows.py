"""What became of every customer of a program, from the day the arm was given: the raw material of its report.

A customer is counted from the assignment on, contacted or not, and an outcome once, however many decisions it
may follow from: arms are compared by what their customers did, not by what decisions claim.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, exists, func, literal_column, select

from engine.store import folded, folds
from engine.store.statement import prepare, run, stream
from engine.store.tables import table
from engine.store.withdrawn import is_withdrawn

if TYPE_CHECKING:
    import polars as pl

DAY_US = 86_400_000_000

_assignment, _decision, _outcome = table("assignment"), table("decision"), table("outcome")
_customer, _prediction = table("customer"), table("prediction")
_contaminated, _member = table("contaminated"), table("member")
_day: ColumnElement[int] = literal_column(str(DAY_US))
_contact = and_(_decision.c.contact == literal_column("1"), ~is_withdrawn())
_mine = and_(_assignment.c.program == bindparam("program"), _assignment.c.assigned_us <= bindparam("at_us"))
_of_program = and_(
    _decision.c.program == _assignment.c.program,
    _decision.c.customer == _assignment.c.customer,
    _decision.c.at_us <= bindparam("at_us"),
)
_followed = (
    select(
        _assignment.c.customer,
        _assignment.c.arm,
        _assignment.c.assigned_us,
        func.min(_decision.c.seq).label("first"),
        func.count(_decision.c.seq).label("decisions"),
        func.coalesce(func.sum(case((_contact, 1), else_=0)), 0).label("contacts"),
        func.coalesce(func.sum(_decision.c.arm != _assignment.c.arm), 0).label("strayed"),
        func.max(_decision.c.at_us).label("last_us"),
    )
    .select_from(_assignment.outerjoin(_decision, _of_program))
    .where(_mine)
    .group_by(_assignment.c.customer, _assignment.c.arm, _assignment.c.assigned_us)
    .subquery()
)
_units = (
    select(
        *(one for one in _followed.c if one.name != "first"),
        _decision.c.program_version.label("version"),
    )
    .select_from(_followed.outerjoin(_decision, _decision.c.seq == _followed.c.first))
    .order_by(_followed.c.customer)
)
_UNITS, _UNITS_AND_FIRST = prepare(_units), prepare(_units.add_columns(_followed.c.first))
_sent_day = _decision.c.at_us.op("/")(_day)
_CONTACTS = prepare(
    select(_decision.c.customer, _sent_day, _decision.c.program_version, _decision.c.action, func.count())
    .select_from(_assignment.join(_decision, _of_program))
    .where(_mine, _contact)
    .group_by(_decision.c.customer, _sent_day, _decision.c.program_version, _decision.c.action)
)
_happened_day = _outcome.c.at_us.op("/")(_day)
_after = _outcome.c.at_us >= _assignment.c.assigned_us
_back: ColumnElement[bool] = _outcome.c.value < literal_column("0")
GIVEN = (
    func.sum(case((_back, 1), else_=0)),
    func.sum(case((_back, _outcome.c.value), else_=literal_column("0.0"))),
)  # what of some outcomes was given back: how many, and their sum
_OUTCOMES = prepare(
    select(
        _outcome.c.customer,
        _after,
        _happened_day,
        _outcome.c.kind,
        func.count(),
        func.sum(_outcome.c.value),
        *GIVEN,
    )
    .select_from(_assignment.join(_outcome, _outcome.c.customer == _assignment.c.customer))
    .where(_mine, _outcome.c.at_us <= bindparam("at_us"))
    .group_by(_outcome.c.customer, _after, _happened_day, _outcome.c.kind)
)


_LOOSE = prepare(
    select(_outcome.c.customer, _outcome.c.at_us, _outcome.c.kind, _outcome.c.value).where(
        _outcome.c.at_us <= bindparam("at_us"),
        ~exists().where(
            _assignment.c.program == bindparam("program"), _assignment.c.customer == _outcome.c.customer
        ),
    )
)
_MIXED = prepare(
    select(_contaminated.c.customer, _contaminated.c.arm, _contaminated.c.arms).where(
        _contaminated.c.program == bindparam("program")
    )
)
_MEMBERS = prepare(
    select(_member.c.customer, _member.c.unit).where(_member.c.program == bindparam("program"))
)
_PROFILES = prepare(
    select(_customer.c.id, _customer.c.attributes)
    .select_from(_assignment.join(_customer, _customer.c.id == _assignment.c.customer))
    .where(_mine)
)

_SCORES = prepare(
    select(_assignment.c.customer, _prediction.c.score, _prediction.c.as_of_us)
    .select_from(_assignment.join(_prediction, _prediction.c.customer == _assignment.c.customer))
    .where(
        _mine,
        _prediction.c.model == bindparam("model"),
        _prediction.c.as_of_us <= _assignment.c.assigned_us,
    )
    .order_by(_assignment.c.customer, _prediction.c.as_of_us)
)

_AHEAD = prepare(
    select(func.count(), func.coalesce(func.sum(_outcome.c.at_us > bindparam("latest_us")), 0))
    .select_from(_assignment.join(_outcome, _outcome.c.customer == _assignment.c.customer))
    .where(_mine, _outcome.c.at_us > bindparam("at_us"), _outcome.c.received_us <= bindparam("at_us"))
)

# What the rows of each function hold, in their order. A store of a million decisions is read in seconds only
# because a row stays the tuple that the driver made.

UNITS = {
    "customer": str,
    "arm": str,
    "assigned_us": int,
    "decisions": int,
    "contacts": int,  # decisions that sent something
    "strayed": int,  # decisions logged under another arm than the customer's own
    "last_us": int,  # when the last decision was made; None without one
    "version": int,  # the program's version at the first decision; None without one
}
MIXED = {"customer": str, "first": str, "arms": str}  # who had several arms before ids were merged
MEMBERS = {"customer": str, "unit": str}
SCORES = {"customer": str, "score": float, "dated_us": int}
SPENT = {"customer": str, "day": int, "version": int, "action": int, "count": int}  # days are from 1970
EARNED = {
    "customer": str,
    "after": int,  # 1 if dated after the assignment
    "day": int,
    "kind": str,
    "count": int,
    "value": float,  # of all of them together
    "returned": int,  # how many of them have a value below 0
    "refunded": float,  # the values of these together
}
Rows = list[tuple[Any, ...]]
Folded: TypeAlias = "pl.DataFrame | None"


def units(c: Connection, program: str, at_us: int, more: Folded) -> Rows:
    """Every customer who had an arm in the program at `at_us`, in order of their ids: `UNITS`.

    Args:
        more: the decisions that stand in folds (`folded.decisions`), read once for all that sum them up.
    """
    if more is None:
        return run(c, _UNITS, program=program, at_us=at_us)
    return folded.units(run(c, _UNITS_AND_FIRST, program=program, at_us=at_us), UNITS, more, at_us)


def mixed(c: Connection, program: str) -> Rows:
    """The persons merged out of ids with several arms, the first of these, and all: `MIXED`."""
    return run(c, _MIXED, program=program)


def members(c: Connection, program: str) -> Rows:
    """The household or account of each customer who was given an arm with one: `MEMBERS`."""
    return run(c, _MEMBERS, program=program)


def spent(c: Connection, program: str, at_us: int, more: Folded) -> Rows:
    """How often an action was sent to each of them on a day, none that was withdrawn: `SPENT`."""
    rows = run(c, _CONTACTS, program=program, at_us=at_us)
    return rows if more is None else folded.spent(rows, SPENT, more, at_us, DAY_US)


def earned(c: Connection, program: str, at_us: int, more: Folded) -> Rows:
    """Their outcomes of a kind on a day, whoever contacted them, before the assignment or after: `EARNED`."""
    rows: Rows = run(c, _OUTCOMES, program=program, at_us=at_us)
    if more is None:
        return rows
    return rows + folded.earned(run(c, _LOOSE, program=program, at_us=at_us), EARNED, more, at_us, DAY_US)


def ahead(c: Connection, program: str, at_us: int, latest_us: int) -> tuple[int, int]:
    """How many of their outcomes had arrived by then and are dated later; and how many after `latest_us`."""
    ((later, beyond),) = run(c, _AHEAD, program=program, at_us=at_us, latest_us=latest_us)
    return int(later), int(beyond)


def profiles(c: Connection, program: str, at_us: int) -> Iterator[tuple[str, bytes]]:
    """(customer, attributes as JSON) of those customers who have a profile, as it is now."""
    folds.program(c, program)
    return stream(c, _PROFILES, program=program, at_us=at_us)


def scores(c: Connection, program: str, model: str, at_us: int) -> Rows:
    """Every score of a model that was dated when its customer was assigned, the newest last: `SCORES`."""
    folds.program(c, program)
    return run(c, _SCORES, program=program, model=model, at_us=at_us)
