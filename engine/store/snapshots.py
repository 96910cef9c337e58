"""Snapshots of what policies have learnt."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, func, select

from engine.store.rows import SnapshotRow
from engine.store.statement import execute, prepare, prepare_insert, run
from engine.store.tables import table

_snapshot = table("snapshot")
_COLUMNS = ("program", "version", "sha256", "body", "created_us", "reason")
_INSERT = prepare_insert(_snapshot, _COLUMNS)
_NEWEST = prepare(
    select(func.coalesce(func.max(_snapshot.c.version), 0)).where(_snapshot.c.program == bindparam("program"))
)
_of_program = select(*(_snapshot.c[name] for name in _COLUMNS)).where(
    _snapshot.c.program == bindparam("program")
)
_LATEST = prepare(_of_program.order_by(_snapshot.c.version.desc()).limit(1))
_VERSION = prepare(_of_program.where(_snapshot.c.version == bindparam("version")))
_VERSIONS = prepare(
    select(_snapshot.c.version)
    .where(_snapshot.c.program == bindparam("program"))
    .order_by(_snapshot.c.version)
)


def put_snapshot(c: Connection, program: str, body: bytes, sha256: str, at_us: int, reason: str) -> int:
    """Publish a snapshot. Returns its version: one more than the newest of the program."""
    version = int(run(c, _NEWEST, program=program)[0][0]) + 1
    values = {"program": program, "version": version, "sha256": sha256, "body": body}
    execute(c, _INSERT, **values, created_us=at_us, reason=reason)
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
