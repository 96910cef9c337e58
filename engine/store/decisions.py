"""The decision log: append, find again by key or id, read through, and who was contacted when."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Any

from pysqlite3 import dbapi2
from sqlalchemy import Connection, bindparam, func, insert, literal_column, select

from engine.errors import StoreError
from engine.store import folds
from engine.store.blocks import resolved
from engine.store.rows import ContactRow, DecisionRow
from engine.store.sqlite import among
from engine.store.sqlite import ids as as_ids
from engine.store.statement import execute, insert_together, prepare, prepare_insert, run, run_many
from engine.store.tables import table
from engine.store.withdrawn import is_withdrawn

_decision = table("decision")
_pending = table("pending")
_FIELDS = DecisionRow.__struct_fields__
_GIVEN = _FIELDS[:-2]  # all but what the store adds
_columns = [*(_decision.c[name] for name in (*_GIVEN, "seq")), is_withdrawn()]
_values = attrgetter(*_GIVEN)
_TRUTHS = tuple(_FIELDS.index(name) for name in ("contact", "explored", "withdrawn"))
_SITUATION = _FIELDS.index("situation")

_INSERT = prepare_insert(_decision, _GIVEN)
_FEW = 256  # rows that are inserted many a statement
_LAST = prepare(select(func.coalesce(func.max(_decision.c.seq), 0)))
_ADDED = prepare(select(func.count()).select_from(_decision).where(_decision.c.seq > bindparam("before")))
_MAKE_PENDING = prepare(
    insert(_pending).from_select(
        ["program", "at_us", "decision"],
        select(_decision.c.program, _decision.c.at_us, _decision.c.seq).where(
            _decision.c.seq > bindparam("before"), _decision.c.fallback.is_(None)
        ),
    )
)
_BY_KEY = prepare(
    select(*_columns).where(_decision.c.program == bindparam("program"), among(_decision.c.key))
)
_USED = prepare(
    select(_decision.c.key).where(_decision.c.program == bindparam("program"), among(_decision.c.key))
)
_BY_ID = prepare(select(*_columns).where(_decision.c.id == bindparam("id")))
_MADE_FOR = prepare(
    select(
        _decision.c.id, _decision.c.customer, _decision.c.at_us, _decision.c.contact, is_withdrawn()
    ).where(among(_decision.c.id))
)
_NUMBERED = prepare(select(*_columns).where(among(_decision.c.seq)))
_AFTER = prepare(
    select(*_columns)
    .where(_decision.c.program == bindparam("program"), _decision.c.seq > bindparam("after_seq"))
    .order_by(_decision.c.seq)
    .limit(bindparam("limit"))
)
_sent_us = func.coalesce(_decision.c.send_at_us, _decision.c.at_us)
_CONTACTS = prepare(
    select(_decision.c.customer, _sent_us, _decision.c.program, _decision.c.offer, _decision.c.channel).where(
        among(_decision.c.customer),
        _sent_us >= bindparam("since_us"),
        _decision.c.contact == literal_column("1"),
        ~is_withdrawn(),
    )
)


def append_decisions(c: Connection, rows: Sequence[DecisionRow]) -> None:
    """Add decisions to the end of the log. Those without fallback wait for learning from now on.

    Raises:
        StoreError: an id, or a key of its program, is in the log already; nothing is to be committed then.
    """
    append_values(c, [_values(row) for row in rows])


def append_values(c: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """As `append_decisions`, for rows that are tuples of all fields of a `DecisionRow` but the last."""
    before = run(c, _LAST)[0][0]
    try:
        _insert(c, rows, before)
    except dbapi2.IntegrityError as error:
        raise StoreError(f"A decision cannot be logged: {error}.{_culprit(c, rows, before)}") from error
    execute(c, _MAKE_PENDING, before=before)


def _insert(c: Connection, rows: Sequence[tuple[Any, ...]], before: int) -> None:
    if len(rows) > _FEW:
        run_many(c, _INSERT, rows)
        return
    try:
        insert_together(c, _INSERT, rows)
    except dbapi2.IntegrityError:  # one by one, so that it is known which
        run_many(c, _INSERT, rows[run(c, _ADDED, before=before)[0][0] :])


def _culprit(c: Connection, rows: Sequence[tuple[Any, ...]], before: int) -> str:
    """The row that broke a rule: rows are added in order, so it is the first that is not there."""
    added = run(c, _ADDED, before=before)[0][0]
    if not 0 <= added < len(rows):
        return ""
    id, program, key = rows[added][:3]
    return f" Decision '{id}', program '{program}', key '{key}'."


def decisions_by_key(c: Connection, program: str, keys: Collection[str]) -> dict[str, DecisionRow]:
    """The decisions made under those keys, by key; keys not used yet are missing."""
    folds.keys(c, program, keys)
    return rows_by_key(c, program, keys)


def rows_by_key(c: Connection, program: str, keys: Collection[str]) -> dict[str, DecisionRow]:
    """As `decisions_by_key`, of rows alone: no fold is looked into, so no transaction is waited for."""
    return {row.key: row for row in _rows(c, run(c, _BY_KEY, program=program, wanted=as_ids(keys)))}


def used_keys(c: Connection, program: str, keys: Collection[str]) -> set[str]:
    """Those of some keys under which a row of the log was made; folds are not looked into."""
    return {key for (key,) in run(c, _USED, program=program, wanted=as_ids(keys))}


def decision(c: Connection, id: str) -> DecisionRow | None:
    """The decision with that id, None if there is none."""
    folds.ids(c, [id])
    found = _rows(c, run(c, _BY_ID, id=id))
    return found[0] if found else None


def made_for(c: Connection, ids: Collection[str]) -> dict[str, tuple[str, int, bool]]:
    """By id, the customer a decision is of, the moment it was made for, and whether it is a contact; only of
    those in the store."""
    folds.ids(c, ids)
    found = run(c, _MADE_FOR, wanted=as_ids(ids))
    return {
        id: (customer, at_us, bool(sent) and not withdrawn) for id, customer, at_us, sent, withdrawn in found
    }


def decisions_iter(c: Connection, program: str, after_seq: int, limit: int) -> list[DecisionRow]:
    """At most `limit` decisions of a program after `after_seq`, in the log's order. Empty at its end."""
    folds.program(c, program)
    return _rows(c, run(c, _AFTER, program=program, after_seq=after_seq, limit=limit))


def numbered(c: Connection, seqs: Sequence[int]) -> list[DecisionRow]:
    """Rows of the log by their numbers, in that order."""
    found = {row.seq: row for row in _rows(c, run(c, _NUMBERED, wanted=as_ids(seqs)))}
    return [found[seq] for seq in seqs]


def contacts(c: Connection, customer_ids: Collection[str], since_us: int) -> list[ContactRow]:
    """Contacts of those customers sent at or after `since_us`, over all programs; none of the holdout.

    A withdrawn decision is none either.

    Each comes with the time it is sent, which may be later than its decision, and later than now. It counts
    however long before it was decided: no cap can miss a contact that another program scheduled.
    """
    folds.customers(c, customer_ids)
    found = run(c, _CONTACTS, wanted=as_ids(customer_ids), since_us=since_us)
    return [ContactRow(*values) for values in found]


def _rows(c: Connection, found: Sequence[Sequence[Any]]) -> list[DecisionRow]:
    made = []
    situations = resolved(c, [values[_SITUATION] for values in found])
    for values, situation in zip(found, situations, strict=True):
        row = list(values)
        for place in _TRUTHS:
            row[place] = bool(row[place])
        row[_SITUATION] = situation
        made.append(DecisionRow(*row))
    return made
