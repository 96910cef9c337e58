"""Late outcomes: which learnt decisions an outcome has reached since they were learnt.

Numbers of outcomes, given in the order of commits, tell late from early. No clock is asked: an outcome that
is committed between reading a decision and marking it learnt is never missed.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    exists,
    literal_column,
    or_,
    select,
    tuple_,
)

from engine.store.sqlite import among, ids, insert_new
from engine.store.statement import Statement, execute, prepare
from engine.store.tables import table

_outcome, _decision = table("outcome"), table("decision")
_learnt, _late = table("learnt"), table("late")
_later = _decision.alias("later")


def belongs(until_us: ColumnElement[int]) -> ColumnElement[bool]:
    """An outcome belongs to the decision it names, else to its customer's last one of the program before it.

    Either way it must fall between the decision and `until_us`. So an outcome is credited once in a program,
    and rewards add up to what customers really did. A decision dated back before an outcome that was learnt
    does not call it back: what was learnt stays with the decision it was learnt with.
    """
    superseded = exists(literal_column("1")).where(
        _later.c.customer == _decision.c.customer,
        _later.c.program == _decision.c.program,
        tuple_(_later.c.at_us, _later.c.seq) > tuple_(_decision.c.at_us, _decision.c.seq),
        _later.c.at_us <= _outcome.c.at_us,
    )
    return and_(
        _outcome.c.customer == _decision.c.customer,
        _outcome.c.at_us >= _decision.c.at_us,
        _outcome.c.at_us <= until_us,
        or_(_outcome.c.decision == _decision.c.id, and_(_outcome.c.decision.is_(None), ~superseded)),
    )


def _queue(pairs: Select[tuple[str, int]], *conditions: ColumnElement[bool]) -> Statement:
    found = pairs.where(_learnt.c.decision == _decision.c.seq, belongs(_learnt.c.until_us), *conditions)
    return prepare(insert_new(_late).from_select(["program", "decision"], found))


_pairs = select(_decision.c.program, _decision.c.seq)
_new = _outcome.c.seq > bindparam("before")
_NAMED = _queue(_pairs, _new, _outcome.c.decision == _decision.c.id)
_UNNAMED = _queue(_pairs, _new, _outcome.c.decision.is_(None))
_UNSEEN = _queue(_pairs, among(_decision.c.seq), _outcome.c.seq > _learnt.c.seen)


def queue_reached(c: Connection, before: int) -> None:
    """Queue the learnt decisions that outcomes after number `before` belong to."""
    execute(c, _NAMED, before=before)
    execute(c, _UNNAMED, before=before)


def queue_unseen(c: Connection, decisions: Sequence[int]) -> None:
    """Queue those of the decisions, just marked learnt, that have an outcome they were learnt without."""
    execute(c, _UNSEEN, wanted=ids(decisions))
