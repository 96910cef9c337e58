"""The audit: a line for every change of which version of a program is current. It is only added to.

A guardrail that takes a program back to an earlier snapshot adds one as well; its version stays.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from operator import attrgetter

from sqlalchemy import Connection, bindparam, select

from engine.store.statement import prepare, prepare_insert, run, run_many
from engine.store.tables import table


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Who did what, when.

    Attributes:
        who: as the caller says, or the user of the operating system.
        how: by which means: "apply", "rollback", "-p", "promote", "guardrail".
        version_before, sha256_before: what was current; None where there was none.
        changes: the difference in words, one change a line.
        seq: place in the audit, given by the store; 0 before it is stored.
    """

    at_us: int
    who: str
    how: str
    program: str
    version_before: int | None
    version_after: int
    sha256_before: str | None
    sha256_after: str
    changes: str
    note: str
    seq: int = 0


_audit = table("audit")
_FIELDS = [one.name for one in fields(AuditRow)]
_values = attrgetter(*_FIELDS[:-1])
_INSERT = prepare_insert(_audit, _FIELDS[:-1])
_newest = (
    select(*(_audit.c[name] for name in _FIELDS)).order_by(_audit.c.seq.desc()).limit(bindparam("limit"))
)
_LINES = prepare(_newest)
_NEWEST_OF = prepare(_newest.where(_audit.c.program == bindparam("program")))


def append_audit(c: Connection, row: AuditRow) -> None:
    """Add a line."""
    run_many(c, _INSERT, [_values(row)])


def audit(c: Connection, program: str | None, limit: int) -> list[AuditRow]:
    """The newest lines, of one program or of all, newest first."""
    statement = _LINES if program is None else _NEWEST_OF
    return [AuditRow(*values) for values in run(c, statement, program=program, limit=limit)]
