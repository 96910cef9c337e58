"""The decisions that sent an offer, for what became of them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, literal_column, select

from engine.store import folds
from engine.store.blocks import resolved
from engine.store.statement import prepare, run
from engine.store.tables import table
from engine.store.withdrawn import is_withdrawn

_decision = table("decision")
_SENT = prepare(
    select(*(_decision.c[name] for name in ("seq", "customer", "propensity", "situation")))
    .where(
        _decision.c.program == bindparam("program"),
        _decision.c.seq > bindparam("after_seq"),
        _decision.c.offer == bindparam("offer"),
        _decision.c.at_us < bindparam("before_us"),
        _decision.c.contact == literal_column("1"),
        _decision.c.fallback.is_(None),
        ~is_withdrawn(),
    )
    .order_by(_decision.c.seq)
    .limit(bindparam("limit"))
)


@dataclass(frozen=True, slots=True)
class SentRow:
    """A decision that contacted its customer with an offer; `situation` is what it was decided on."""

    seq: int
    customer: str
    propensity: float
    situation: bytes


def sent(
    c: Connection, program: str, offer: str, before_us: int, after_seq: int, limit: int
) -> list[SentRow]:
    """At most `limit` decisions of a program that sent an offer and were made before `before_us`.

    In the log's order, after number `after_seq`; none that a fallback made, none withdrawn. Empty at the end.
    """
    folds.program(c, program)
    found = run(c, _SENT, program=program, offer=offer, before_us=before_us, after_seq=after_seq, limit=limit)
    situations = resolved(c, [values[-1] for values in found])
    return [
        SentRow(seq, customer, propensity, situation)
        for (seq, customer, propensity, _), situation in zip(found, situations, strict=True)
    ]
