"""Snapshots that were learnt elsewhere and wait to be promoted."""

from __future__ import annotations

from dataclasses import dataclass, fields

from sqlalchemy import Connection, and_, bindparam, delete, or_, select, update

from engine.store.statement import execute, prepare, prepare_insert, run
from engine.store.tables import table

_candidate = table("candidate")


@dataclass(frozen=True, slots=True)
class CandidateRow:
    """A snapshot that was learnt elsewhere.

    Attributes:
        origin: the program it was learnt for, where that is of this store, else "".
        source: where it came from, in words.
        taken_us: when it was taken in; it is judged by what was decided from then on.
        until_us: decisions of the program made before it are in what it has learnt; None if none is.
        served_us: when it was promoted, None if it was not.
        lessons: packed `engine.lessons.Lessons` of what it has learnt, None if nobody knows; once it was
            promoted those alone that are not the program's own, where they could be taken out.
    """

    program: str
    name: str
    origin: str
    source: str
    sha256: str
    body: bytes
    taken_us: int
    until_us: int | None
    served_us: int | None
    lessons: bytes | None


_COLUMNS = [one.name for one in fields(CandidateRow)]
_this = (_candidate.c.program == bindparam("program_"), _candidate.c.name == bindparam("name_"))
_INSERT = prepare_insert(_candidate, _COLUMNS)
_LISTED = prepare(
    select(*(_candidate.c[name] for name in _COLUMNS))
    .where(_candidate.c.program == bindparam("program_"))
    .order_by(_candidate.c.taken_us, _candidate.c.name)
)
_DROP = prepare(delete(_candidate).where(*_this))
_SERVE = prepare(
    update(_candidate)
    .where(*_this)
    .values(
        served_us=bindparam("at_us"),
        body=bindparam("left"),
        sha256=bindparam("digest"),
        lessons=bindparam("known"),
    )
)
_RETIRE = prepare(
    delete(_candidate).where(
        _candidate.c.program == bindparam("program_"), _candidate.c.served_us.is_not(None)
    )
)
_may_hold = or_(
    _candidate.c.origin == bindparam("decided_by"),
    and_(_candidate.c.program == bindparam("decided_by"), _candidate.c.until_us > bindparam("first_us")),
)
_SERVING = prepare(
    select(_candidate.c.program, _candidate.c.served_us).where(_may_hold, _candidate.c.served_us.is_not(None))
)
_FORGET = prepare(delete(_candidate).where(_may_hold))


def put(c: Connection, row: CandidateRow) -> None:
    """Take a candidate in."""
    execute(c, _INSERT, **{name: getattr(row, name) for name in _COLUMNS})


def listed(c: Connection, program: str) -> list[CandidateRow]:
    """The candidates of a program, the oldest first."""
    return [CandidateRow(*values) for values in run(c, _LISTED, program_=program)]


def drop(c: Connection, program: str, name: str) -> bool:
    """Drop a candidate; whether there was one."""
    return execute(c, _DROP, program_=program, name_=name) > 0


def serve(c: Connection, row: CandidateRow, at_us: int) -> None:
    """Note that a candidate serves now, by the body and the lessons of the row; another serves no more."""
    execute(c, _RETIRE, program_=row.program)
    given = {"at_us": at_us, "left": row.body, "digest": row.sha256, "known": row.lessons}
    execute(c, _SERVE, program_=row.program, name_=row.name, **given)


def serving(c: Connection, program: str) -> CandidateRow | None:
    """The candidate that what a program serves was begun by, if any."""
    return next((one for one in listed(c, program) if one.served_us is not None), None)


def retire(c: Connection, program: str) -> None:
    """Nothing that a program serves was begun by a candidate any more."""
    execute(c, _RETIRE, program_=program)


def forget(c: Connection, program: str, first_us: int) -> dict[str, int]:
    """Drop candidates that may have somebody in them for whom a program decided from then on.

    Returns:
        The programs that serve such a one, and since when: they have to learn afresh without it.
    """
    due = dict(run(c, _SERVING, decided_by=program, first_us=first_us))
    execute(c, _FORGET, decided_by=program, first_us=first_us)
    return due
