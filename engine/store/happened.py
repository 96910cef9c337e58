"""What happened to customers, with the contact each outcome follows from: for cool-downs and rules."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, bindparam, column, func, literal_column, or_, select

from engine.store import folds
from engine.store.sqlite import among
from engine.store.sqlite import ids as as_ids
from engine.store.statement import Statement, prepare, run
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
Asked = tuple[str, int, str, str]
Latest = tuple[int, int, str, int]  # place in what was asked, instant, channel, place of the outcome
_FOUND = msgspec.json.Decoder(tuple[int, str, int])
_asked = func.json_each(bindparam("wanted")).table_valued(column("key"), column("value"), name="wanted")
_of = [func.json_extract(_asked.c.value, f"$[{i}]") for i in range(4)]  # customer, instant, offer, kind
_this = and_(_outcome.c.customer == _of[0], _outcome.c.kind == _of[3], _outcome.c.at_us <= _of[1])


def _latest(*joined: ColumnElement[bool]) -> Statement:
    """Place in `wanted`, and the newest outcome that follows from a contact so joined; NULL if none does."""
    newest = (
        select(func.json_array(_outcome.c.at_us, _decision.c.channel, _outcome.c.seq))
        .select_from(_outcome.join(_decision, and_(_ours, _contact, _decision.c.offer == _of[2], *joined)))
        .where(_this)
        .order_by(_outcome.c.at_us.desc(), _decision.c.channel.desc(), _outcome.c.seq.desc())
        .limit(literal_column("1"))
        .correlate(_asked)
    )
    return prepare(select(_asked.c.key, newest.scalar_subquery()).select_from(_asked))


_LATEST_NAMED = _latest(_decision.c.id == _outcome.c.decision)
_LATEST_UNNAMED = _latest(_outcome.c.decision.is_(None), _in_window)


_kinds = func.json_each(bindparam("kinds")).table_valued("value", name="kinds")
_BARE = prepare(
    select(_outcome.c.customer, _outcome.c.at_us, _outcome.c.kind, _outcome.c.seq, _outcome.c.decision).where(
        among(_outcome.c.customer),
        _outcome.c.at_us <= bindparam("until_us"),
        or_(_outcome.c.at_us >= bindparam("since_us"), _outcome.c.kind.in_(select(_kinds.c.value))),
    )
)
_SENT = select(
    _decision.c.customer, _decision.c.at_us, _sent_us, _decision.c.offer, _decision.c.channel, _decision.c.id
).where(_contact)
_SENT_SINCE = prepare(_SENT.where(among(_decision.c.customer), _decision.c.at_us >= bindparam("since_us")))
_SENT_UNDER = prepare(_SENT.where(among(_decision.c.id)))


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


def latest(c: Connection, asked: Sequence[Asked], window_us: int) -> list[Latest]:
    """The newest outcome of each kind asked for that follows from a contact with the offer, if there is one.

    As in `happened`, but however long ago: what is read of a customer are outcomes of that kind alone, from
    the newest back to the first that does.

    Args:
        asked: customer, instant it has to have happened by, offer, kind.

    Returns:
        In no order, the place in `asked` with each; of those at one instant the last by channel and place.
    """
    folds.customers(c, {customer for customer, *_ in asked})
    wanted = msgspec.json.encode(asked).decode()
    rows = [
        *run(c, _LATEST_NAMED, wanted=wanted),
        *run(c, _LATEST_UNNAMED, wanted=wanted, window_us=window_us),
    ]
    return [(place, *_FOUND.decode(found)) for place, found in rows if found is not None]


BareRow = tuple[str, int, str, int, str | None]  # customer, instant, kind, place of the outcome, decision
SentRow = tuple[str, int, int, str, str, str]  # customer, decided and sent when, offer, channel, id


def bare(
    c: Connection, customer_ids: Collection[str], since_us: int, until_us: int, ever: Collection[str]
) -> list[BareRow]:
    """Outcomes of those customers between two instants, and those of some kinds however long before."""
    return run(
        c, _BARE, wanted=as_ids(customer_ids), since_us=since_us, until_us=until_us, kinds=as_ids(ever)
    )


def sent_since(c: Connection, customer_ids: Collection[str], since_us: int) -> list[SentRow]:
    """Contacts of those customers that were decided since then and have rows; none that was withdrawn."""
    return run(c, _SENT_SINCE, wanted=as_ids(customer_ids), since_us=since_us)


def sent_under(c: Connection, ids: Collection[str]) -> list[SentRow]:
    """Contacts of those ids that have rows; none that was withdrawn."""
    return run(c, _SENT_UNDER, wanted=as_ids(ids))
