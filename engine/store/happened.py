"""What happened to customers, with the contact each outcome follows from: for cool-downs and rules."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, and_, bindparam, func, literal_column, select

from engine.store import folds
from engine.store.sqlite import among
from engine.store.sqlite import ids as as_ids
from engine.store.statement import prepare, run
from engine.store.tables import table
from engine.store.withdrawn import is_withdrawn

_outcome, _decision = table("outcome"), table("decision")
_sent_us = func.coalesce(_decision.c.send_at_us, _decision.c.at_us)
_columns = [
    _outcome.c.customer,
    _outcome.c.at_us,
    _outcome.c.kind,
    func.coalesce(_decision.c.offer, ""),
    func.coalesce(_decision.c.channel, ""),
    _sent_us,
    _outcome.c.seq,
]
_ours = _decision.c.customer == _outcome.c.customer
_contact = and_(_decision.c.contact == literal_column("1"), ~is_withdrawn())
_wanted = and_(among(_outcome.c.customer), _outcome.c.at_us >= bindparam("since_us"))
_NAMED = prepare(
    select(*_columns)
    .select_from(_outcome.outerjoin(_decision, and_(_decision.c.id == _outcome.c.decision, _ours, _contact)))
    .where(_wanted, _outcome.c.decision.is_not(None))
)
_in_window = and_(
    _decision.c.at_us <= _outcome.c.at_us,
    _decision.c.at_us >= _outcome.c.at_us - bindparam("window_us"),
    _sent_us <= _outcome.c.at_us,
)
_UNNAMED = prepare(
    select(*_columns)
    .select_from(_outcome.outerjoin(_decision, and_(_ours, _in_window, _contact)))
    .where(_wanted, _outcome.c.decision.is_(None))
)


@dataclass(frozen=True, slots=True)
class AfterRow:
    """An outcome, and the contact it follows from: "" and None where it follows from none."""

    customer: str
    at_us: int
    kind: str
    offer: str
    channel: str
    sent_us: int | None
    seq: int


def happened(c: Connection, customer_ids: Collection[str], since_us: int, window_us: int) -> list[AfterRow]:
    """Outcomes of those customers at or after `since_us`, once for each contact they may follow from.

    As in `outcomes_of`: an outcome that names a decision follows from that contact alone; one that names none
    follows from every contact that was sent by then and in whose attribution window it falls.
    """
    folds.customers(c, customer_ids)
    wanted = as_ids(customer_ids)
    named = run(c, _NAMED, wanted=wanted, since_us=since_us)
    unnamed = run(c, _UNNAMED, wanted=wanted, since_us=since_us, window_us=window_us)
    return [AfterRow(*values) for values in (*named, *unnamed)]
