"""What is to be learnt, what was, and what must be learnt again because an outcome came late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, bindparam, delete, func, null, select, tuple_

from engine.store import folds, taught
from engine.store.blocks import resolved
from engine.store.late import queue_unseen
from engine.store.rows import DueRow, LearntRow
from engine.store.sqlite import among, ids, insert_new, upsert
from engine.store.statement import execute, prepare, prepare_insert, run, run_many
from engine.store.tables import table
from engine.store.withdrawn import is_withdrawn

_decision, _outcome = table("decision"), table("outcome")
_pending, _learnt, _late = table("pending"), table("learnt"), table("late")
_same = _decision.alias("same")
_FIELDS = [one.name for one in fields(DueRow)]
_CONTACT, _SITUATION = _FIELDS.index("contact"), _FIELDS.index("situation")
_LEARNT = [one.name for one in fields(LearntRow)]
_values = attrgetter(*_LEARNT)
_newest = select(func.coalesce(func.max(_outcome.c.seq), 0))
_SEEN, _seen = prepare(_newest), _newest.scalar_subquery()


def due_columns(learnt: bool) -> list[ColumnElement[Any]]:
    """The columns of a `DueRow`, for a query that `due_rows` reads; of learnt decisions or of any."""
    before = (_learnt.c.reward, _learnt.c.rest) if learnt else (null(), null())
    return [*(_decision.c[name] for name in _FIELDS[:-3]), *before, _seen]


_ROWS = prepare(select(*due_columns(learnt=False)).where(among(_decision.c.seq)))
_CHANGED = prepare(
    select(*due_columns(learnt=True))
    .select_from(
        _late.join(_decision, _decision.c.seq == _late.c.decision).join(
            _learnt, _learnt.c.decision == _late.c.decision
        )
    )
    .where(_late.c.program == bindparam("program"))
    .order_by(_late.c.decision)
    .limit(bindparam("limit"))
)
_NEWEST = prepare(
    select(*due_columns(learnt=False))
    .where(
        _decision.c.program == bindparam("program"),
        _decision.c.at_us < bindparam("before_us"),
        _decision.c.fallback.is_(None),
        ~is_withdrawn(),
    )
    .order_by(_decision.c.seq.desc())
    .limit(bindparam("limit"))
)
_OF_ARM = prepare(
    select(*due_columns(learnt=False))
    .where(
        _decision.c.program == bindparam("program"),
        _decision.c.arm == bindparam("arm"),
        _decision.c.fallback.is_(None),
        ~is_withdrawn(),
    )
    .order_by(_decision.c.seq.desc())
    .limit(bindparam("limit"))
)
_PENDING_AGAIN = prepare(
    insert_new(_pending).from_select(
        ["program", "at_us", "decision"],
        select(_decision.c.program, _decision.c.at_us, _decision.c.seq).where(
            _decision.c.program == bindparam("program"), _decision.c.seq == _learnt.c.decision
        ),
    )
)
_window = _decision.c.at_us // bindparam("window_us", type_=BigInteger)
_placed = (
    select(
        _decision.c.seq,
        func.row_number()
        .over(
            partition_by=(
                _decision.c.customer,
                _decision.c.at_us // bindparam("window_us", type_=BigInteger),
            ),
            order_by=_decision.c.seq,
        )
        .label("place"),
    )
    .where(
        _decision.c.program == bindparam("program"),
        _decision.c.customer.in_(select(_same.c.customer).where(among(_same.c.seq))),
    )
    .subquery()
)
_BEYOND = prepare(select(_placed.c.seq).where(_placed.c.place > bindparam("most"), among(_placed.c.seq)))
_of_each = (
    select(
        _decision.c.seq,
        func.row_number()
        .over(partition_by=_decision.c.customer, order_by=_decision.c.seq.desc())
        .label("place"),
    )
    .where(
        among(_decision.c.customer),
        _decision.c.program.concat("") == bindparam("program"),  # found by customer, not by program
        _decision.c.program_version == bindparam("version"),
        _decision.c.arm == bindparam("arm"),
        _decision.c.fallback.is_(None),
        ~is_withdrawn(),
    )
    .subquery()
)
_OF_EACH = prepare(
    select(_of_each.c.seq).where(_of_each.c.place <= bindparam("each")).order_by(_of_each.c.seq.desc())
)
_CUSTOMERS = prepare(
    select(_decision.c.customer).distinct().where(among(_decision.c.seq), _decision.c.arm == bindparam("arm"))
)
_NONE_LEARNT = prepare(
    delete(_learnt).where(
        _learnt.c.decision.in_(select(_decision.c.seq).where(_decision.c.program == bindparam("program")))
    )
)
_NONE_LATE = prepare(delete(_late).where(_late.c.program == bindparam("program")))
_UPSERT = prepare_insert(_learnt, _LEARNT, upsert(_learnt))
_NOT_PENDING = prepare(
    delete(_pending).where(
        tuple_(_pending.c.program, _pending.c.at_us, _pending.c.decision).in_(
            select(_decision.c.program, _decision.c.at_us, _decision.c.seq).where(among(_decision.c.seq))
        )
    )
)
_NOT_LATE = prepare(
    delete(_late).where(
        tuple_(_late.c.program, _late.c.decision).in_(
            select(_decision.c.program, _decision.c.seq).where(among(_decision.c.seq))
        )
    )
)


def rows(c: Connection, decisions: Sequence[int]) -> list[DueRow]:
    """Some rows of the log by their numbers, in that order."""
    found = {row.seq: row for row in due_rows(c, run(c, _ROWS, wanted=ids(decisions)))}
    return [found[seq] for seq in decisions]


def changed(c: Connection, program: str, limit: int = 100_000) -> list[DueRow]:
    """At most `limit` learnt decisions that an outcome reached since; `reward` is the one learnt before."""
    return due_rows(c, run(c, _CHANGED, program=program, limit=limit))


def mark_learnt(c: Connection, rows: Sequence[LearntRow]) -> None:
    """Decisions are learnt (again): neither due nor changed until another outcome reaches them."""
    decisions = [row.decision for row in rows]
    run_many(c, _UPSERT, [_values(row) for row in rows])
    execute(c, _NOT_PENDING, wanted=ids(decisions))
    execute(c, _NOT_LATE, wanted=ids(decisions))
    queue_unseen(c, decisions)


def newest(c: Connection, program: str, before_us: int, limit: int) -> list[DueRow]:
    """The last `limit` decisions made before `before_us`, newest first; see `entries.matured`."""
    folds.program(c, program, before_us)
    return due_rows(c, run(c, _NEWEST, program=program, before_us=before_us, limit=limit))


def newest_of_arm(c: Connection, program: str, arm: str, limit: int) -> list[DueRow]:
    """The last `limit` decisions made in an arm, matured or not, newest first; see `entries.matured`."""
    folds.program(c, program)
    return due_rows(c, run(c, _OF_ARM, program=program, arm=arm, limit=limit))


def customers_of(c: Connection, decisions: Sequence[int], arm: str) -> list[str]:
    """The customers of those decisions of an arm that stand in rows, in no order."""
    return [name for (name,) in run(c, _CUSTOMERS, wanted=ids(decisions), arm=arm)]


def newest_of_each(
    c: Connection, program: str, version: int, arm: str, customers: Sequence[str], each: int
) -> list[DueRow]:
    """The last `each` decisions in rows of each of some customers, newest first; see `entries.matured`."""
    found = run(c, _OF_EACH, program=program, version=version, arm=arm, wanted=ids(customers), each=each)
    return rows(c, [seq for (seq,) in found])


def beyond(c: Connection, program: str, decisions: Sequence[int], most: int, window_us: int) -> set[int]:
    """Those of some decisions that are not among the first `most` of their customer in their time.

    Times are `window_us` long and start at 1970. Which they are depends on the log alone, not on what was
    learnt when.
    """
    found = run(c, _BEYOND, program=program, wanted=ids(decisions), most=most, window_us=window_us)
    return {seq for (seq,) in found}


def newest_outcome(c: Connection) -> int:
    """Number of the newest outcome in the store, 0 for none; see `DueRow.seen`."""
    return int(run(c, _SEEN)[0][0])


def unlearn_all(c: Connection, program: str) -> None:
    """Nothing of a program is learnt any more: what was waits to be learnt again."""
    taught.unlearn_all(c, program)
    execute(c, _PENDING_AGAIN, program=program)
    execute(c, _NONE_LEARNT, program=program)
    execute(c, _NONE_LATE, program=program)


def pass_over(c: Connection, decisions: Sequence[int]) -> None:
    """Decisions that are not to be learnt: they wait no more."""
    execute(c, _NOT_PENDING, wanted=ids(decisions))


def due_rows(c: Connection, found: list[Any]) -> list[DueRow]:
    """The decisions that a query of `due_columns` found, with their situations."""
    made = []
    situations = resolved(c, [values[_SITUATION] for values in found])
    for values, situation in zip(found, situations, strict=True):
        row = list(values)
        row[_CONTACT], row[_SITUATION] = bool(row[_CONTACT]), situation
        made.append(DueRow(*row))
    return made
