"""A group of decisions is committed first and flushed after: what was acknowledged is on disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from engine.errors import StoreError
from engine.store import Store, open_store, sqlite
from engine.store.customers import customer_ids, put_customers
from engine.store.store import MOVING
from tests.store.made import customer


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(tmp_path / "store.db")
    yield made
    made.close()


class Disk:
    """Counts how often a store has its write-ahead log flushed by its own call; fails if it is told to."""

    def __init__(self, store: Store, patch: pytest.MonkeyPatch) -> None:
        self._log, self.flushed, self.failing = Path(f"{store.path}-wal"), 0, False
        patch.setattr(sqlite, "_sync", self._sync)

    def _sync(self, file: int) -> None:
        assert os.path.samestat(os.fstat(file), self._log.stat())
        if self.failing:
            raise OSError(5, "Input/output error")
        self.flushed += 1


@pytest.fixture
def disk(store: Store, monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(store, monkeypatch)


def begun(store: Store) -> Connection:
    connection = store.begin()
    assert connection is not None
    return connection


def group(store: Store, number: int) -> bool:
    """Store a customer as a group of decisions is; whether it was committed before it was flushed."""
    put_customers(begun(store), [customer(f"c{number:03}")])
    ahead = store.write_ahead()
    store.end()
    return ahead


def known(store: Store) -> list[str]:
    with store.read() as c:
        return list(customer_ids(c))


def flushes(c: Connection) -> int:
    """What SQLite flushes by itself: 2 every commit, 1 only when it moves the log."""
    return int(c.exec_driver_sql("PRAGMA synchronous").scalar_one())


def test_every_group_is_flushed_once_by_sqlite_or_by_the_store(store: Store, disk: Disk) -> None:
    for number in range(2 * MOVING):
        flushed, connection = disk.flushed, begun(store)
        by_sqlite = flushes(connection) == 2
        put_customers(connection, [customer(f"c{number:03}")])
        assert store.write_ahead() is not by_sqlite
        assert disk.flushed == flushed
        store.end()
        assert disk.flushed == flushed + (not by_sqlite)
        assert by_sqlite is (number % MOVING < 2)
    assert len(known(store)) == 2 * MOVING


def test_a_group_is_seen_by_others_once_it_is_committed_and_nobody_writes_until_it_is_flushed(
    store: Store, disk: Disk
) -> None:
    for number in range(2):
        group(store, number)
    put_customers(begun(store), [customer("c002")])
    assert known(store) == ["c000", "c001"]
    assert store.write_ahead()
    assert known(store) == ["c000", "c001", "c002"]
    assert store.begin() is None
    store.end()


def test_whatever_else_writes_is_flushed_by_sqlite_before_and_after_groups(store: Store, disk: Disk) -> None:
    for number in range(4):
        group(store, number)
        with store.write() as c:
            assert flushes(c) == 2
            assert c.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar_one() == sqlite.MOVED_PAGES


def test_a_flush_that_fails_is_told_and_the_log_begun_anew_before_anything_is_written(
    store: Store, disk: Disk
) -> None:
    assert [group(store, number) for number in range(3)] == [False, False, True]
    disk.failing = True
    put_customers(begun(store), [customer("c003")])
    assert store.write_ahead()
    with pytest.raises(StoreError, match=r"Input/output error\. Look after the disk"):
        store.end()
    disk.failing = False
    assert store.begin() is None
    with store.write() as c:
        assert Path(f"{store.path}-wal").stat().st_size == 0
        assert flushes(c) == 2
        put_customers(c, [customer("c004")])
    assert [group(store, number) for number in (5, 6, 7)] == [False, False, True]
    assert known(store) == [f"c{number:03}" for number in range(8)]


def test_a_log_that_somebody_reads_is_not_begun_anew_and_nothing_is_written(store: Store, disk: Disk) -> None:
    for number in range(3):
        group(store, number)
    disk.failing = True
    with pytest.raises(StoreError):
        group(store, 3)
    with store.read() as reading:
        list(customer_ids(reading))
        put_off = pytest.MonkeyPatch()
        put_off.setattr(sqlite, "BUSY_MS", 20)
        with pytest.raises(StoreError, match="somebody is reading"), store.write():
            pass
        put_off.undo()
    with store.write() as c:
        put_customers(c, [customer("c004")])
    assert known(store) == [f"c{number:03}" for number in range(5)]


def test_an_error_before_the_commit_undoes_the_group(store: Store, disk: Disk) -> None:
    for number in range(3):
        group(store, number)
    put_customers(begun(store), [customer("c003")])
    with pytest.raises(ZeroDivisionError):
        store.end(ZeroDivisionError())
    assert known(store) == ["c000", "c001", "c002"]
    assert group(store, 3) is False
