"""Customers: attributes, consent and time zone."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, exists, or_, select

from engine.store import folds, merges, parts
from engine.store.rows import CustomerRow
from engine.store.sqlite import among, upsert, wanted
from engine.store.sqlite import ids as as_ids
from engine.store.statement import prepare, prepare_insert, run, run_many, stream
from engine.store.tables import table

_customer = table("customer")
_COLUMNS = list(_customer.columns.keys())
_SELECT = prepare(select(*_customer.columns).where(among(_customer.c.id)))
_UPSERT = prepare_insert(_customer, _COLUMNS, upsert(_customer))
_IDS = prepare(select(_customer.c.id).order_by(_customer.c.id))
_wanted = wanted()
_traces = {"customer": "id"} | dict.fromkeys(("prediction", "decision", "outcome", "merge"), "customer")


def _in(other: Table, column: str) -> ColumnElement[bool]:
    return exists().where(other.c[column] == _wanted.c.value).correlate(_wanted)


_SEEN = prepare(
    select(_wanted.c.value).where(or_(*(_in(table(name), column) for name, column in _traces.items())))
)
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


def put_customers(c: Connection, rows: Sequence[CustomerRow], replace: bool = False) -> None:
    """Store what is now known of customers.

    Given attributes and consents are laid over the stored ones, None takes one away, a zone of None keeps
    the stored one. With `replace` the row stands for all that is known. Rows of one customer count in order;
    an id that was merged stands for its person.
    """
    people = merges.people(c, [row.id for row in rows])
    rows = [msgspec.structs.replace(row, id=people.get(row.id, row.id)) for row in rows] if people else rows
    final = {row.id: row for row in rows} if replace else _merged(c, rows)
    run_many(
        c,
        _UPSERT,
        [(r.id, _encode(r.attributes), _encode(r.consent), r.zone, r.updated_us) for r in final.values()],
    )


def _merged(c: Connection, rows: Sequence[CustomerRow]) -> dict[str, CustomerRow]:
    known = customers(c, [row.id for row in rows])
    for row in rows:
        old = known.get(row.id, CustomerRow(row.id, {}, {}, None, row.updated_us))
        known[row.id] = CustomerRow(
            row.id,
            _laid_over(old.attributes, row.attributes),
            _laid_over(old.consent, row.consent),
            old.zone if row.zone is None else row.zone,
            row.updated_us,
        )
    return known


def _laid_over(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**old, **new}.items() if value is not None}


def customers(c: Connection, ids: Collection[str]) -> dict[str, CustomerRow]:
    """The customers among `ids` that the store knows, by id."""
    folds.profiles(c, ids)
    return {
        id_: CustomerRow(id_, _decode(attributes), _decode(consent), zone, updated_us)
        for id_, attributes, consent, zone, updated_us in run(c, _SELECT, wanted=as_ids(ids))
    }


def seen(c: Connection, ids: Collection[str]) -> set[str]:
    """Those among `ids` of whom the store knows anything: a profile, a score, a decision, an outcome, or
    that they are somebody else.
    """
    return {one for (one,) in run(c, _SEEN, wanted=as_ids(ids))} | parts.held(c, ids)


def customer_ids(c: Connection) -> Iterator[str]:
    """Ids of all customers in order, read as they are asked for."""
    folds.everyone(c)
    for (id_,) in stream(c, _IDS):
        yield id_
