"""Whether the store takes a write."""

from __future__ import annotations

from sqlalchemy import Connection


def touch(c: Connection) -> None:
    """Write the schema version once more: a real page to a real disk, and nothing changes.

    Raises:
        StoreError: the store cannot be written (by `Store.write`, at the latest when it commits).
    """
    version = int(c.exec_driver_sql("PRAGMA user_version").scalar_one())
    c.exec_driver_sql(f"PRAGMA user_version = {version}")
