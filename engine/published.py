"""What was published of a program's policy, and going back to an earlier snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from engine.applied import stored_program
from engine.calendar import instant
from engine.canary import check_canary
from engine.errors import NotFoundError, RefusedError, StoreError
from engine.learn import issue
from engine.live import live
from engine.store import snapshots
from engine.store.rows import ListedRow
from policies.snapshot import SnapshotError


@dataclass(frozen=True, slots=True)
class Published:
    """One snapshot of a list. `bytes` is 0 where its content was erased; one of them `serves`, if any."""

    version: int
    at: datetime
    reason: str
    sha256: str
    bytes: int
    serves: bool


def published(connection: Connection, name: str) -> list[Published]:
    """All snapshots of a program, oldest first."""
    rows = snapshots.listed(connection, name)
    serving = live(connection, name).snapshot_version if rows else 0
    return [_told(row, row.version == serving) for row in rows]


def roll_back(connection: Connection, name: str, number: int, at: datetime) -> int:
    """Publish an earlier snapshot again, as the newest one; nothing that was published is changed.

    Learning stops with it, since what is marked as learnt is not what this snapshot has; see `engine.learn`.

    Returns:
        The version of the copy.

    Raises:
        NotFoundError: there is no such snapshot.
        RefusedError: it is damaged, was erased, or cannot decide for the newest customers of the log.
    """
    program = stored_program(connection, name)
    row = snapshots.snapshot(connection, name, number) if number > 0 else None
    if row is None:
        known = ", ".join(map(str, snapshots.snapshot_versions(connection, name)[-12:])) or "none"
        raise NotFoundError(f"snapshot {number} of program '{name}' is not in the store. Known: {known}.")
    try:
        live(connection, name, snapshot=number)
    except (SnapshotError, StoreError) as error:
        raise RefusedError(f"snapshot {number} is not published again: {error}") from error
    check_canary(connection, program, row.body)
    return issue(connection, name, row.body, at, f"rollback to {number}", row.copy_of or number)


def _told(row: ListedRow, serves: bool) -> Published:
    return Published(row.version, instant(row.created_us), row.reason, row.sha256, row.bytes, serves)
