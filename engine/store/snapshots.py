"""Snapshots of what policies have learnt."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, func, literal_column, select, update

from engine.store.rows import ListedRow, SnapshotRow
from engine.store.statement import execute, prepare, prepare_insert, run
from engine.store.tables import table

_snapshot = table("snapshot")
_COLUMNS = ("program", "version", "sha256", "body", "created_us", "reason", "copy_of")
_INSERT = prepare_insert(_snapshot, _COLUMNS)
_NEWEST = prepare(
    select(func.coalesce(func.max(_snapshot.c.version), 0)).where(_snapshot.c.program == bindparam("program"))
)
_of_program = select(*(_snapshot.c[name] for name in _COLUMNS)).where(
    _snapshot.c.program == bindparam("program")
)
_LATEST = prepare(_of_program.order_by(_snapshot.c.version.desc()).limit(1))
_VERSION = prepare(_of_program.where(_snapshot.c.version == bindparam("version")))
_LISTED = prepare(
    select(*(_snapshot.c[name] for name in _COLUMNS if name != "body"), func.length(_snapshot.c.body))
    .where(_snapshot.c.program == bindparam("program"))
    .order_by(_snapshot.c.version)
)
_SERVED_AND_LEARNT = prepare(
    select(_snapshot.c.version, _snapshot.c.copy_of)
    .where(_snapshot.c.program == bindparam("program"))
    .order_by(_snapshot.c.version.desc())
)
_EMPTY = prepare(
    update(_snapshot)
    .where(
        _snapshot.c.program == bindparam("program"),
        _snapshot.c.version < bindparam("before"),
        _snapshot.c.created_us >= bindparam("since_us"),
    )
    .values(body=literal_column("x''"))
)
_VERSIONS = prepare(
    select(_snapshot.c.version)
    .where(_snapshot.c.program == bindparam("program"))
    .order_by(_snapshot.c.version)
)


def put_snapshot(
    c: Connection,
    program: str,
    body: bytes,
    sha256: str,
    at_us: int,
    reason: str,
    copy_of: int | None = None,
) -> int:
    """Publish a snapshot, new or a copy of an earlier one.

    Returns:
        Its version: one more than the newest of the program.
    """
    version = int(run(c, _NEWEST, program=program)[0][0]) + 1
    values = {"program": program, "version": version, "sha256": sha256, "body": body}
    execute(c, _INSERT, **values, created_us=at_us, reason=reason, copy_of=copy_of)
    return version


def snapshot(c: Connection, program: str, version: int | None = None) -> SnapshotRow | None:
    """The newest snapshot of a program, or the one of that version; None if there is none."""
    found = run(c, _LATEST if version is None else _VERSION, program=program, version=version)
    return SnapshotRow(*found[0]) if found else None


def snapshot_versions(c: Connection, program: str) -> list[int]:
    """Versions of all snapshots of a program, oldest first."""
    return [version for (version,) in run(c, _VERSIONS, program=program)]


def newest_version(c: Connection, program: str) -> int:
    """The version of a program's newest snapshot, 0 if it has none."""
    return int(run(c, _NEWEST, program=program)[0][0])


def listed(c: Connection, program: str) -> list[ListedRow]:
    """All snapshots of a program without their bodies, oldest first."""
    return [ListedRow(*values) for values in run(c, _LISTED, program=program)]


def served_and_learnt(c: Connection, program: str) -> tuple[int, int]:
    """The newest snapshot and the newest that was learnt, a copy told as what it is a copy of; 0 for none."""
    rows = run(c, _SERVED_AND_LEARNT, program=program)
    served = (rows[0][1] or rows[0][0]) if rows else 0
    return served, next((version for version, copy_of in rows if copy_of is None), 0)


def empty(c: Connection, program: str, since_us: int, before: int) -> int:
    """Take the content out of the snapshots made since then, those before a version; how many there are."""
    return execute(c, _EMPTY, program=program, since_us=since_us, before=before)
