from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from engine.errors import StoreError
from engine.store import Store, open_store, sqlite
from engine.store.customers import customer_ids, customers, put_customers
from tests.store.made import customer


def test_what_was_written_is_there_after_closing_and_opening(tmp_path: Path) -> None:
    first = open_store(tmp_path / "store.db")
    with first.write() as c:
        put_customers(c, [customer("c1", attributes={"recency": 3})])
    first.close()
    second = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    with second.read() as c:
        assert customers(c, ["c1"])["c1"].attributes == {"recency": 3}
    second.close()


def test_every_connection_flushes_to_disk_at_commit(store: Store) -> None:
    for transaction in (store.write, store.read):
        with transaction() as c:
            assert c.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
            assert c.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"


def test_an_exception_inside_a_write_undoes_all_of_it(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.write() as c:
        put_customers(c, [customer("c1")])
        raise ZeroDivisionError
    with store.read() as c:
        assert customers(c, ["c1"]) == {}


def test_a_reader_sees_one_moment_while_others_write(store: Store) -> None:
    with store.read() as reading:
        assert customers(reading, ["c1"]) == {}
        with store.write() as writing:
            put_customers(writing, [customer("c1")])
        assert customers(reading, ["c1"]) == {}
    with store.read() as reading:
        assert list(customers(reading, ["c1"])) == ["c1"]


def test_a_reader_cannot_write(store: Store) -> None:
    with pytest.raises(StoreError, match="readonly"), store.read() as c:
        put_customers(c, [customer("c1")])


def test_writers_in_many_threads_take_turns_and_lose_nothing(store: Store) -> None:
    def add(worker: int) -> None:
        for number in range(20):
            with store.write() as c:
                stored = customers(c, ["c1"]).get("c1", customer("c1", attributes={"count": 0}))
                count = {"count": stored.attributes["count"] + 1, f"w{worker}": number}
                put_customers(c, [customer("c1", attributes=count)])

    threads = [threading.Thread(target=add, args=(worker,)) for worker in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    with store.read() as c:
        assert customers(c, ["c1"])["c1"].attributes["count"] == 80


def test_a_write_inside_a_write_is_refused_instead_of_hanging(store: Store) -> None:
    with pytest.raises(StoreError, match="writing already"), store.write(), store.write():
        pass


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"), store.write():
        pass
    with pytest.raises(StoreError, match="closed"), store.read():
        pass


@pytest.mark.parametrize("name", ["sqlite://", "sqlite:///:memory:", ":memory:", "postgresql://host/db"])
def test_a_store_that_would_not_last_is_refused(name: str) -> None:
    with pytest.raises(StoreError, match="must be the path of a file"):
        open_store(name)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no folder"):
        open_store(tmp_path / "missing" / "store.db")


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear customer, " * 100)
    with pytest.raises(StoreError, match="not a database"):
        open_store(path)
    assert path.read_text() == "Dear customer, " * 100


@pytest.mark.parametrize("version", [(3, 40, 1), (3, 51, 2)])
def test_a_sqlite_that_can_lose_commits_is_refused(version: tuple[int, ...]) -> None:
    with pytest.raises(StoreError, match="can lose commits"):
        sqlite.check_version(version)


def test_another_process_that_holds_the_lock_is_reported(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_SETTINGS", ("PRAGMA busy_timeout = 50", "PRAGMA synchronous = FULL"))
    other = open_store(tmp_path / "other.db")
    holder = open_store(tmp_path / "other.db")
    with holder.write(), pytest.raises(StoreError, match="Another process has been writing"), other.write():
        pass
    holder.close()
    other.close()


def test_many_processes_may_make_the_same_store_at_once(tmp_path: Path) -> None:
    program = "import sys; from engine.store import open_store; open_store(sys.argv[1]).close()"
    command = [sys.executable, "-c", program, str(tmp_path / "store.db")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, env=environment) for _ in range(4)]
    assert [(one.communicate()[1], one.returncode) for one in started] == [(b"", 0)] * 4


def test_a_transaction_begun_at_once_may_be_ended_by_another_thread(store: Store) -> None:
    connection = store.begin()
    assert connection is not None
    put_customers(connection, [customer("c1")])
    assert store.begin() is None, "somebody is writing"
    threading.Thread(target=store.end).start()
    with store.write() as c:
        assert list(customer_ids(c)) == ["c1"]


def test_a_transaction_that_ends_with_an_error_is_undone(store: Store) -> None:
    connection = store.begin()
    assert connection is not None
    put_customers(connection, [customer("c1")])
    with pytest.raises(ValueError, match="a bug"):
        store.end(ValueError("a bug"))
    with store.write() as c:
        assert list(customer_ids(c)) == []


def test_a_transaction_does_not_begin_while_another_process_writes(store: Store) -> None:
    other = open_store(store.path)
    with other.write():
        assert store.begin() is None
    connection = store.begin()
    assert connection is not None
    store.end()
    other.close()
