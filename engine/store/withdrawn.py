"""Decisions withdrawn: logged too late, when their callers had been told that nothing is sent.

The log is never changed. A withdrawn decision stays in it, counts as no contact, uses no budget up and is
never learnt.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, delete, exists, select, tuple_

from engine.store import ledger
from engine.store.sqlite import among, ids, insert_new
from engine.store.statement import execute, prepare
from engine.store.tables import table

_decision, _pending, _withdrawn = table("decision"), table("pending"), table("withdrawn")
_INSERT = prepare(
    insert_new(_withdrawn).from_select(["decision"], select(_decision.c.seq).where(among(_decision.c.id)))
)
_NOT_PENDING = prepare(
    delete(_pending).where(
        tuple_(_pending.c.program, _pending.c.at_us, _pending.c.decision).in_(
            select(_decision.c.program, _decision.c.at_us, _decision.c.seq).where(among(_decision.c.id))
        )
    )
)


def is_withdrawn() -> ColumnElement[bool]:
    """Of a decision: whether it was withdrawn."""
    return exists(select(_withdrawn.c.decision).where(_withdrawn.c.decision == _decision.c.seq))


def withdraw(c: Connection, decisions: Sequence[str]) -> None:
    """Withdraw decisions by their ids; one withdrawn before stays so."""
    execute(c, _INSERT, wanted=ids(decisions))
    execute(c, _NOT_PENDING, wanted=ids(decisions))
    ledger.release(c, decisions)
