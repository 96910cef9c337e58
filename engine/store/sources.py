"""Who sent which outcome, and which outcomes of a sender are more than a program learns from."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import BigInteger, Connection, bindparam, func, select

from engine.store.sqlite import ids, wanted
from engine.store.statement import prepare, run
from engine.store.tables import table

_outcome = table("outcome")
_period = _outcome.c.received_us // bindparam("window_us", type_=BigInteger)
_placed = (
    select(
        _outcome.c.seq,
        _outcome.c.event,
        _period.label("period"),
        func.row_number().over(partition_by=_period, order_by=_outcome.c.seq).label("place"),
    )
    .where(
        _outcome.c.source == bindparam("source"),
        _outcome.c.received_us >= bindparam("first_us"),
        _outcome.c.received_us < bindparam("last_us"),
        _outcome.c.kind.in_(select(wanted().c.value)),
    )
    .subquery()
)
_BEYOND = prepare(
    select(_placed.c.seq, _placed.c.event, _placed.c.period).where(_placed.c.place > bindparam("most"))
)
_SENT_FOR = prepare(
    select(_outcome.c.source, _outcome.c.received_us)
    .distinct()
    .where(_outcome.c.customer == bindparam("person"), _outcome.c.source != bindparam("nobody"))
)


def beyond(
    c: Connection, source: str, kinds: Collection[str], most: int, window_us: int, received_us: Sequence[int]
) -> list[tuple[int, str]]:
    """(number, event) of the outcomes of a source that are not among its first `most` of their time.

    Times are `window_us` long, start at 1970 and go by when outcomes arrived here; looked at are those in
    which one of `received_us` falls. Outcomes come in the order of arrival, so that one that arrives later
    never moves one that was there.
    """
    periods = {one // window_us for one in received_us}
    found = run(
        c,
        _BEYOND,
        source=source,
        wanted=ids(kinds),
        most=most,
        window_us=window_us,
        first_us=min(periods) * window_us,
        last_us=(max(periods) + 1) * window_us,
    )
    return [(seq, event) for seq, event, period in found if period in periods]


def sent_for(c: Connection, customer: str) -> dict[str, list[int]]:
    """When outcomes of a customer arrived, by source; those that nobody sent are left out."""
    times: dict[str, list[int]] = {}
    for source, received_us in run(c, _SENT_FOR, person=customer, nobody=""):
        times.setdefault(source, []).append(received_us)
    return times
