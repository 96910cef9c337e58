from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import Connection

from engine.errors import StoreError
from engine.store import Store, open_store
from engine.store.customers import customer_ids, put_customers
from engine.store.writer import Writer
from tests.store.made import customer


def put(c: Connection, items: list[str]) -> list[str | Exception]:
    """Stores a customer for every item; 'bad' is refused, 'broken' breaks the group."""
    if "broken" in items:
        put_customers(c, [customer(one) for one in items])
        raise RuntimeError("broken group")
    put_customers(c, [customer(one) for one in items if one != "bad"])
    return [ValueError("bad item") if one == "bad" else f"stored {one}" for one in items]


def stored(store: Store) -> list[str]:
    with store.read() as c:
        return list(customer_ids(c))


class Gate:
    """A handle that waits to be let go, so that a test knows what is in a group."""

    def __init__(self) -> None:
        self.entered, self.go = threading.Event(), threading.Event()
        self.groups: list[list[str]] = []

    def __call__(self, c: Connection, items: list[str]) -> list[str | Exception]:
        self.groups.append(items)
        self.entered.set()
        assert self.go.wait(10)
        return put(c, items)


def test_every_caller_gets_the_result_of_its_own_item(store: Store) -> None:
    writer = Writer(store, put)
    futures = {name: writer.submit(name) for name in ("a", "b", "c")}
    assert {name: one.result(10) for name, one in futures.items()} == {n: f"stored {n}" for n in "abc"}
    writer.close()


def test_those_who_wait_share_one_transaction_up_to_the_largest_group(store: Store) -> None:
    gate = Gate()
    writer = Writer(store, gate, max_group=3)
    first = writer.submit("first")
    assert gate.entered.wait(10)
    rest = [writer.submit(name) for name in "abcd"]
    gate.go.set()
    for one in (first, *rest):
        one.result(10)
    writer.close()
    assert gate.groups == [["first"], ["a", "b", "c"], ["d"]]


def test_a_result_comes_only_after_the_commit(store: Store) -> None:
    gate = Gate()
    writer = Writer(store, gate)
    seen: list[list[str]] = []
    writer.submit("a").add_done_callback(lambda _: seen.append(stored(store)))
    assert gate.entered.wait(10) and seen == []
    gate.go.set()
    writer.close()
    assert seen == [["a"]]


def test_results_come_in_the_order_of_submission(store: Store) -> None:
    gate, order = Gate(), list[int]()
    writer = Writer(store, gate, max_group=7)
    futures = [writer.submit(str(number)) for number in range(100)]
    for number, future in enumerate(futures):
        future.add_done_callback(lambda _, number=number: order.append(number))  # type: ignore[misc]
    gate.go.set()
    writer.close()
    assert order == list(range(100))


def test_an_exception_among_the_results_goes_to_its_caller_alone(store: Store) -> None:
    gate = Gate()
    writer = Writer(store, gate)
    held = writer.submit("held")
    assert gate.entered.wait(10)
    good, bad, better = (writer.submit(name) for name in ("good", "bad", "better"))
    gate.go.set()
    assert [one.result(10) for one in (held, good, better)] == ["stored held", "stored good", "stored better"]
    with pytest.raises(ValueError, match="bad item"):
        bad.result(10)
    writer.close()
    assert stored(store) == ["better", "good", "held"]


def test_a_group_that_breaks_writes_nothing_and_the_next_goes_on(store: Store) -> None:
    gate = Gate()
    writer = Writer(store, gate)
    held = writer.submit("held")
    assert gate.entered.wait(10)
    lost = [writer.submit(name) for name in ("a", "broken", "b")]
    gate.go.set()
    for one in lost:
        with pytest.raises(RuntimeError, match="broken group"):
            one.result(10)
    assert held.result(10) == "stored held"
    assert writer.submit("later").result(10) == "stored later"
    writer.close()
    assert stored(store) == ["held", "later"]


def test_a_commit_that_fails_is_told_to_its_callers(store: Store) -> None:
    def spoil(c: Connection, items: list[str]) -> list[str | Exception]:
        results = put(c, items)
        if "spoil" in items:
            c.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
            c.exec_driver_sql("CREATE TABLE a (x INTEGER PRIMARY KEY)")
            c.exec_driver_sql("CREATE TABLE b (x INTEGER REFERENCES a (x))")
            c.exec_driver_sql("INSERT INTO b VALUES (1)")
        return results

    with store.write() as c:
        raw = c.connection.driver_connection
    assert raw is not None
    raw.execute("PRAGMA foreign_keys = ON")
    writer = Writer(store, spoil)
    with pytest.raises(StoreError, match=r"FOREIGN KEY constraint failed.*Nothing was written"):
        writer.submit("spoil").result(10)
    assert writer.submit("fine").result(10) == "stored fine"
    writer.close()
    assert stored(store) == ["fine"]


def test_a_handle_that_forgets_a_result_writes_nothing(store: Store) -> None:
    def forgetful(c: Connection, items: list[str]) -> list[str | Exception]:
        return put(c, items)[1:]

    writer = Writer(store, forgetful)
    with pytest.raises(StoreError, match="0 results for 1 items"):
        writer.submit("a").result(10)
    writer.close()
    assert stored(store) == []


def test_a_cancelled_item_is_not_written(store: Store) -> None:
    gate = Gate()
    writer = Writer(store, gate)
    held = writer.submit("held")
    assert gate.entered.wait(10)
    given_up, kept = writer.submit("given up"), writer.submit("kept")
    assert given_up.cancel() and not held.cancel()
    gate.go.set()
    kept.result(10)
    writer.close()
    assert stored(store) == ["held", "kept"]


def test_closing_writes_all_that_waits_and_refuses_the_rest(store: Store) -> None:
    writer = Writer(store, put, max_group=4)
    futures = [writer.submit(f"c{number:03}") for number in range(50)]
    writer.close()
    writer.close()
    assert all(one.done() for one in futures) and len(stored(store)) == 50
    with pytest.raises(StoreError, match="writer is closed"):
        writer.submit("late")


def test_waiting_a_little_makes_one_group_of_what_comes_meanwhile(store: Store) -> None:
    gate = Gate()
    gate.go.set()
    writer = Writer(store, gate, max_group=3, max_wait_s=10.0)
    futures = [writer.submit(name) for name in "abc"]
    for one in futures:
        one.result(10)
    writer.close()
    assert gate.groups == [["a", "b", "c"]]


def test_a_wait_for_more_ends(store: Store) -> None:
    writer = Writer(store, put, max_wait_s=0.01)
    assert writer.submit("alone").result(10) == "stored alone"
    writer.close()


KILLS = 4
LOAD = """
import itertools, os, sys, threading
from engine.store import open_store
from engine.store.decisions import append_decisions, decisions_by_key
from engine.store.writer import Writer
from tests.store.made import decision

def handle(c, numbers):
    append_decisions(c, [decision(n) for n in numbers])
    return numbers

writer = Writer(open_store(sys.argv[1]), handle)
numbers = itertools.count(int(sys.argv[2]))

def call():
    while True:
        os.write(1, b"%d\\n" % writer.submit(next(numbers)).result())

for _ in range(16):
    threading.Thread(target=call).start()
"""


def test_no_acknowledged_decision_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    acknowledged: list[int] = []
    for kill in range(KILLS):
        command = [sys.executable, "-c", LOAD, str(path), str(1 + kill * 1_000_000)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
        acknowledged += killed_under_load(process, 0.03 + 0.1 * kill)
    store = open_store(path)
    with store.read() as c:
        found = c.exec_driver_sql("SELECT key FROM decision").scalars().all()
        assert c.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
        assert c.exec_driver_sql("SELECT count(*) FROM pending").scalar_one() == len(found)
    store.close()
    assert len(acknowledged) > 200
    assert {f"key-{number}" for number in acknowledged} <= set(found)
    assert len(found) == len(set(found)) <= len(acknowledged) + KILLS * 16


def killed_under_load(process: subprocess.Popen[bytes], after_s: float) -> list[int]:
    """Numbers the process acknowledged, from its first to the moment of its death."""
    assert process.stdout is not None
    first = process.stdout.readline()
    time.sleep(after_s)
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().rpartition(b"\n")[0]
    process.stdout.close()
    process.wait()
    return [int(line) for line in (first + rest).split()]
