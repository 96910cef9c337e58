"""What became of the customers decided for since a moment: the raw material of a program's guardrail."""

from __future__ import annotations

from sqlalchemy import Connection, and_, bindparam, func, select

from engine.store import folds
from engine.store.statement import prepare, run
from engine.store.tables import table
from engine.store.withdrawn import is_withdrawn

_decision, _outcome = table("decision"), table("outcome")
_decided = (
    select(
        _decision.c.customer,
        func.min(_decision.c.arm).label("arm"),
        func.min(_decision.c.at_us).label("first_us"),
    )
    .where(
        _decision.c.program == bindparam("program"),
        _decision.c.at_us >= bindparam("since_us"),
        _decision.c.at_us <= bindparam("at_us"),
        ~is_withdrawn(),
    )
    .group_by(_decision.c.customer)
    .subquery()
)
_ARMS = prepare(select(_decided.c.arm, func.count()).group_by(_decided.c.arm))
_OUTCOMES = prepare(
    select(_decided.c.arm, _outcome.c.customer, _outcome.c.kind, func.count(), func.sum(_outcome.c.value))
    .select_from(
        _decided.join(
            _outcome,
            and_(
                _outcome.c.customer == _decided.c.customer,
                _outcome.c.at_us >= _decided.c.first_us,
                _outcome.c.at_us <= bindparam("at_us"),
            ),
        )
    )
    .group_by(_decided.c.arm, _outcome.c.customer, _outcome.c.kind)
)


def arms_since(c: Connection, program: str, since_us: int, at_us: int) -> dict[str, int]:
    """How many customers of each arm were decided for."""
    folds.program(c, program)
    return dict(run(c, _ARMS, program=program, since_us=since_us, at_us=at_us))


def outcomes_since(
    c: Connection, program: str, since_us: int, at_us: int
) -> list[tuple[str, str, str, int, float]]:
    """(arm, customer, kind, count, value) of what followed their first decision since then."""
    folds.program(c, program)
    return run(c, _OUTCOMES, program=program, since_us=since_us, at_us=at_us)
