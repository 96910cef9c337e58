"""Decisions that were not learnt, or learnt with a smaller reward, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, bindparam, delete, func, select

from engine.store.rows import QuarantineRow
from engine.store.sqlite import among, ids, upsert
from engine.store.statement import execute, prepare, prepare_insert, run, run_many
from engine.store.tables import table

_quarantine, _decision = table("quarantine"), table("decision")
_INSERT = prepare_insert(_quarantine, ["program", "decision", "reason", "at_us"], upsert(_quarantine))
_CLEAR = prepare(delete(_quarantine).where(_quarantine.c.program == bindparam("program")))
_SETTLED = prepare(
    delete(_quarantine).where(_quarantine.c.program == bindparam("program"), among(_quarantine.c.decision))
)
_LISTED = prepare(
    select(_decision.c.id, _decision.c.customer, _decision.c.at_us, _quarantine.c.reason)
    .select_from(_quarantine.join(_decision, _decision.c.seq == _quarantine.c.decision))
    .where(_quarantine.c.program == bindparam("program"))
    .order_by(_quarantine.c.decision.desc())
    .limit(bindparam("limit"))
)
_COUNTED = prepare(
    select(func.count()).where(
        _quarantine.c.program == bindparam("program"), _quarantine.c.reason.like(bindparam("like"))
    )
)


def note(c: Connection, program: str, settled: Sequence[int], reasons: Mapping[int, str], at_us: int) -> None:
    """Forget what was noted of some decisions, then note the reasons, by decision."""
    execute(c, _SETTLED, program=program, wanted=ids(settled))
    run_many(c, _INSERT, [(program, decision, reason, at_us) for decision, reason in reasons.items()])


def clear(c: Connection, program: str) -> None:
    """Forget all that was noted of a program."""
    execute(c, _CLEAR, program=program)


def listed(c: Connection, program: str, limit: int) -> list[QuarantineRow]:
    """The newest `limit` decisions noted."""
    return [QuarantineRow(*values) for values in run(c, _LISTED, program=program, limit=limit)]


def counted(c: Connection, program: str, words: str = "") -> int:
    """How many decisions are noted with a reason that has these words in it; all of them for none."""
    return int(run(c, _COUNTED, program=program, like=f"%{words}%")[0][0])
