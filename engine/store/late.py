"""Late outcomes: which learnt decisions an outcome has reached since they were learnt.

Numbers of outcomes, given in the order of commits, tell late from early. No clock is asked: an outcome that
is committed between reading a decision and marking it learnt is never missed.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, or_, select

from engine.store import folds, parts, taught
from engine.store.sqlite import among, ids, insert_new
from engine.store.statement import Statement, execute, prepare, run
from engine.store.tables import table

_outcome, _decision = table("outcome"), table("decision")
_learnt, _late = table("learnt"), table("late")


def belongs(until_us: ColumnElement[int]) -> ColumnElement[bool]:
    """An outcome belongs to the decision it names, else to every decision of its customer it may follow
    from.

    Either way it must fall between the decision and `until_us`. What nobody attributed counts for every
    decision in whose window it falls, so that rewards of different actions differ by what the action
    changed: credit for the last decision alone would call a contact worthless whenever a decision to do
    nothing comes after it.
    """
    return and_(
        _outcome.c.customer == _decision.c.customer,
        _outcome.c.at_us >= _decision.c.at_us,
        _outcome.c.at_us <= until_us,
        or_(_outcome.c.decision.is_(None), _outcome.c.decision == _decision.c.id),
    )


def _queue(pairs: Select[tuple[str, int]], *conditions: ColumnElement[bool]) -> Statement:
    found = pairs.where(_learnt.c.decision == _decision.c.seq, belongs(_learnt.c.until_us), *conditions)
    return prepare(insert_new(_late).from_select(["program", "decision"], found))


_pairs = select(_decision.c.program, _decision.c.seq)
_new = _outcome.c.seq > bindparam("before")
_unseen = _outcome.c.seq > _learnt.c.seen
_NAMED = _queue(_pairs, _new, _unseen, _outcome.c.decision == _decision.c.id)
_UNNAMED = _queue(_pairs, _new, _unseen, _outcome.c.decision.is_(None))
_OF = _queue(_pairs, _decision.c.customer == bindparam("person"), _outcome.c.decision.is_(None))
_BY = _queue(_pairs, among(_outcome.c.seq))
_UNSEEN = _queue(_pairs, among(_decision.c.seq), _unseen)
_CAME = prepare(select(_outcome.c.customer, _outcome.c.at_us).where(_new))
_THESE = prepare(select(_outcome.c.customer, _outcome.c.at_us).where(among(_outcome.c.seq)))


def queue_reached(c: Connection, before: int) -> None:
    """Queue the learnt decisions that outcomes after number `before` belong to and were not learnt with."""
    if folds.turn_of(c) is not None:
        _unfold(c, run(c, _CAME, before=before))
    execute(c, _NAMED, before=before)
    execute(c, _UNNAMED, before=before)


def queue_of(c: Connection, customer: str) -> None:
    """Queue the learnt decisions of a customer that outcomes which name none belong to."""
    execute(c, _OF, person=customer)


def queue_by(c: Connection, outcomes: Sequence[int]) -> None:
    """Queue the learnt decisions that some outcomes, by number, belong to."""
    if folds.turn_of(c) is not None:
        _unfold(c, run(c, _THESE, wanted=ids(outcomes)))
    execute(c, _BY, wanted=ids(outcomes))


def queue_unseen(c: Connection, decisions: Sequence[int]) -> None:
    """Queue those of the decisions, just marked learnt, that have an outcome they were learnt without."""
    execute(c, _UNSEEN, wanted=ids(decisions))


def _unfold(c: Connection, came: Sequence[tuple[str, int]]) -> None:
    """Make rows of customers whose learnt decisions an outcome, told by customer and time, may belong to."""
    earliest: dict[str, int] = {}
    for customer, at_us in came:
        earliest[customer] = min(at_us, earliest.get(customer, at_us))
    within = parts.within(c, list(earliest))
    until = taught.until(c, {number for _, number in within})
    folds.customers(c, {who for who, number in within if earliest[who] <= until.get(number, -1)})
