"""Outcomes: events in the order they arrived, attributed to decisions when they are read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import fields, replace
from operator import attrgetter

from sqlalchemy import Connection, bindparam, column, func, select

from engine.store import ledger, merges
from engine.store.late import belongs, queue_reached
from engine.store.rows import OutcomeRow
from engine.store.sqlite import among, insert_new
from engine.store.sqlite import ids as as_ids
from engine.store.statement import prepare, prepare_insert, run, run_many
from engine.store.tables import table

_outcome, _decision = table("outcome"), table("decision")
_FIELDS = [one.name for one in fields(OutcomeRow)]
_columns = [_outcome.c[name] for name in _FIELDS]
_values = attrgetter(*_FIELDS)

_INSERT = prepare_insert(_outcome, _FIELDS, insert_new(_outcome))
_LAST = prepare(select(func.coalesce(func.max(_outcome.c.seq), 0)))
_NEW = prepare(select(func.count()).select_from(_outcome).where(_outcome.c.seq > bindparam("before")))
_OF = prepare(
    select(_decision.c.seq, *_columns)
    .where(among(_decision.c.seq), belongs(_decision.c.at_us + bindparam("window_us")))
    .order_by(_decision.c.seq, _outcome.c.at_us, _outcome.c.seq)
)
_asked = func.json_each(bindparam("wanted")).table_valued(column("key"), column("value"), name="wanted")
_OF_CUSTOMERS = prepare(
    select(_asked.c.key, *_columns)
    .select_from(_asked.join(_outcome, _outcome.c.customer == _asked.c.value))
    .where(_outcome.c.at_us.between(bindparam("first_us"), bindparam("last_us")))
    .order_by(_asked.c.key, _outcome.c.at_us, _outcome.c.seq)
)
_AFTER = prepare(
    select(_outcome.c.seq, *_columns)
    .where(_outcome.c.seq > bindparam("after_seq"))
    .order_by(_outcome.c.seq)
    .limit(bindparam("limit"))
)


def append_outcomes(c: Connection, rows: Sequence[OutcomeRow]) -> int:
    """Add events; one whose `event` is known already is passed over, whatever else it says.

    An id that was merged stands for its person.

    Returns:
        How many were new.
    """
    before, people = run(c, _LAST)[0][0], merges.people(c, [row.customer for row in rows])
    rows = [replace(row, customer=people.get(row.customer, row.customer)) for row in rows] if people else rows
    run_many(c, _INSERT, [_values(row) for row in rows])
    queue_reached(c, before)
    ledger.settle(c, before)
    return int(run(c, _NEW, before=before)[0][0])


def outcomes_of(c: Connection, decisions: Collection[int], window_us: int) -> dict[int, list[OutcomeRow]]:
    """Outcomes that belong to decisions, for those that have any.

    An outcome that names a decision belongs to it alone; one that names none belongs to every decision of its
    customer in whose window it falls.

    Args:
        decisions: their `seq`.
        window_us: length of the attribution window from `at_us` on, both ends included.

    Returns:
        By `seq`, in order of time.
    """
    found: dict[int, list[OutcomeRow]] = {}
    for seq, *values in run(c, _OF, wanted=as_ids(decisions), window_us=window_us):
        found.setdefault(seq, []).append(OutcomeRow(*values))
    return found


def of_decisions(
    c: Connection, customers: Sequence[str], id: Callable[[int], str], first_us: int, last_us: int
) -> dict[int, list[OutcomeRow]]:
    """As `outcomes_of`, for decisions made at one moment that have no rows.

    Args:
        customers: of each decision.
        id: of the decision of that index.
        first_us, last_us: the moment, and the end of the attribution window.

    Returns:
        By index, in order of time.
    """
    found: dict[int, list[OutcomeRow]] = {}
    given = {"wanted": as_ids(customers), "first_us": first_us, "last_us": last_us}
    for i, *values in run(c, _OF_CUSTOMERS, **given):
        one = OutcomeRow(*values)
        if one.decision is None or one.decision == id(i):
            found.setdefault(i, []).append(one)
    return found


def outcomes_iter(c: Connection, after_seq: int, limit: int) -> list[tuple[int, OutcomeRow]]:
    """At most `limit` (number, outcome) after number `after_seq`, as they arrived. Empty at the end."""
    found = run(c, _AFTER, after_seq=after_seq, limit=limit)
    return [(seq, OutcomeRow(*values)) for seq, *values in found]
