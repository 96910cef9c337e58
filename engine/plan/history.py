"""The audit and the versions of programs as they are told, over HTTP and as JSON."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Connection

from engine.calendar import instant
from engine.errors import NotFoundError, nearest
from engine.store import programs
from engine.store.audit import AuditRow, audit


class Entry(msgspec.Struct, frozen=True):
    """A line of the audit; `version_before` and `sha256_before` are null for a new program."""

    at: datetime
    who: str
    how: str
    note: str
    program: str
    version_before: int | None
    version_after: int
    sha256_before: str | None
    sha256_after: str
    changes: list[str]


class ProgramVersion(msgspec.Struct, frozen=True):
    """A version of a program, and when it was made current last."""

    version: int
    current: bool
    sha256: str
    source: str
    applied_at: datetime


def entries(connection: Connection, program: str | None, limit: int) -> list[Entry]:
    """The newest lines of the audit, newest first. Raises `NotFoundError` if there is no such program."""
    if program is not None:
        _check(connection, program)
    return [_entry(row) for row in audit(connection, program, limit)]


def versions(connection: Connection, program: str) -> list[ProgramVersion]:
    """Every version of a program, the current one first. Raises `NotFoundError`."""
    _check(connection, program)
    rows = programs.versions(connection, program)
    return [
        ProgramVersion(row.version, i == 0, row.sha256, row.source, instant(row.applied_us))
        for i, row in enumerate(rows)
    ]


def _check(connection: Connection, program: str) -> None:
    known = programs.program_names(connection)
    if program not in known:
        raise NotFoundError(f"The store has no program '{program}'.{nearest(program, known)}")


def _entry(row: AuditRow) -> Entry:
    return Entry(
        instant(row.at_us),
        row.who,
        row.how,
        row.note,
        row.program,
        row.version_before,
        row.version_after,
        row.sha256_before,
        row.sha256_after,
        row.changes.splitlines(),
    )
