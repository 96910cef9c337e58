"""The desk over a store whose disk is as slow as a test wants it to be."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import Connection

from engine.api.caller import Missed
from engine.api.desk import Desk
from engine.api.metrics import Metrics
from engine.decide import ConflictError, Decided
from engine.errors import StoreError
from engine.replay import replay
from engine.reply import reply
from engine.request import Request
from engine.service import Service
from engine.store import Store, decisions, open_store
from engine.unsent import told_nothing, withdraw
from policies import kernel
from tests.engine.programs import applied, people, spring
from tests.store.made import due

AT = datetime(2026, 11, 24, 9, tzinfo=UTC)
GENEROUS_MS = 30_000


class Disk:
    """A store whose transactions begin and end when they are let."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.beginning, self.commit = threading.Event(), threading.Event()
        self.broken = self.failing = False
        self.let()

    def let(self) -> None:
        """Let everything through."""
        self.beginning.set()
        self.commit.set()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A write transaction that is told to have ended only when `commit` is set."""
        assert self.beginning.wait(30)
        if self.broken:
            raise StoreError("store.db: database or disk is full. Nothing was written.")
        with self._store.write() as connection:
            yield connection
        assert self.commit.wait(30)

    def begin(self) -> Connection | None:
        """A transaction begun at once, if it may."""
        if self.broken:
            raise StoreError("store.db: database or disk is full. Nothing was written.")
        return self._store.begin() if self.beginning.is_set() else None

    def end(self, error: BaseException | None = None) -> None:
        """As `write` ends, or as it does on a disk that is full."""
        self._store.end(StoreError("store.db: disk full. Nothing was written.") if self.failing else error)
        assert self.commit.wait(30)

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with the program spring and 40 customers; no decision waits for a kernel to be loaded."""
    kernel.prepare()
    made = open_store(tmp_path / "store.db")
    with made.write() as c:
        applied(c)
        people(c, 40)
    yield made
    made.close()


Story = Callable[[Desk, Disk, Metrics], Awaitable[None]]


def told(store: Store, deadline_ms: int, story: Story) -> None:
    """Live a story with a desk, and close it."""

    async def whole() -> None:
        disk, metrics = Disk(store), Metrics()
        desk = Desk(Service(cast(Store, disk)), 64, deadline_ms, metrics)
        try:
            await story(desk, disk, metrics)
        finally:
            disk.let()
            await desk.close()

    asyncio.run(whole())


def request(key: str = "k1") -> Request:
    return Request("c30", "spring", key, AT)


def logged(store: Store, *keys: str) -> list[str]:
    with store.read() as c:
        return sorted(decisions.decisions_by_key(c, "spring", keys))


def test_a_request_that_nobody_took_up_is_answered_at_the_deadline(store: Store) -> None:
    async def story(desk: Desk, disk: Disk, metrics: Metrics) -> None:
        disk.beginning.clear()
        answer = await desk.decide(request())
        assert isinstance(answer, Missed) and answer.cause == "deadline"
        assert "20 ms" in answer.reason

    told(store, 20, story)


def test_a_decision_whose_commit_is_under_way_is_waited_for_a_little_longer(store: Store) -> None:
    async def story(desk: Desk, disk: Disk, metrics: Metrics) -> None:
        disk.commit.clear()
        asyncio.get_running_loop().call_later(0.75, disk.let)
        assert isinstance(await desk.decide(request()), Decided)

    told(store, 500, story)


def test_a_decision_is_put_into_words_while_it_is_written_and_told_once_it_is_durable(store: Store) -> None:
    async def story(desk: Desk, disk: Disk, metrics: Metrics) -> None:
        disk.commit.clear()
        worded: asyncio.Future[Decided] = asyncio.get_running_loop().create_future()
        asked = asyncio.ensure_future(desk.decide(request(), worded.set_result))
        decided = await asyncio.wait_for(worded, 10)
        await asyncio.sleep(0.05)
        assert not asked.done()
        disk.let()
        assert await asked is decided

    told(store, GENEROUS_MS, story)


def test_a_decision_put_into_words_that_is_never_durable_is_not_told(store: Store) -> None:
    async def story(desk: Desk, disk: Disk, metrics: Metrics) -> None:
        disk.failing = True
        worded: list[Decided] = []
        answer = await desk.decide(request(), worded.append)
        disk.failing = False
        assert worded and isinstance(answer, Missed) and answer.cause == "store"

    told(store, GENEROUS_MS, story)


def test_a_decision_that_cannot_be_written_is_not_told_and_the_next_one_is(store: Store) -> None:
    async def story(desk: Desk, disk: Disk, metrics: Metrics) -> None:
        with store.write() as c:
            c.exec_driver_sql("ALTER TABLE pending RENAME TO gone")
        answer = await desk.decide(request())
        assert isinstance(answer, Missed) and answer.cause == "store"
        with store.write() as c:
            c.exec_driver_sql("ALTER TABLE gone RENAME TO pending")
        assert isinstance(await desk.decide(request("k2")), Decided)

    told(store, GENEROUS_MS, story)
    with store.read() as c:
        assert told_nothing(decisions.decisions_by_key(c, "spring", ["k1"])["k1"])


def test_a_commit_that_stalls_is_answered_without_and_counted_as_late(store: Store) -> None:
    async def story(desk: Desk, disk: Disk, metrics: Metrics) -> None:
        disk.commit.clear()
        answer = await desk.decide(request())
        assert isinstance(answer, Missed) and answer.cause == "deadline"
        disk.let()
        await desk.close()
        assert "nextbest_late_decisions_total 1.0" in metrics.text().decode()

    told(store, 50, story)


def test_a_caller_who_was_told_that_nothing_is_sent_is_told_so_again(store: Store) -> None:
    async def story(desk: Desk, disk: Disk, metrics: Metrics) -> None:
        disk.beginning.clear()
        assert isinstance(await desk.decide(request()), Missed)
        disk.let()
        await settled(store, "k1")

    told(store, 20, story)
    assert_nothing_for_ever(store)


def test_a_decision_logged_too_late_is_withdrawn_and_is_no_contact(store: Store) -> None:
    async def story(desk: Desk, disk: Disk, metrics: Metrics) -> None:
        disk.commit.clear()
        assert isinstance(await desk.decide(request()), Missed)
        disk.let()
        await settled(store, "k1")

    told(store, 50, story)
    assert_nothing_for_ever(store)


def test_a_request_that_a_failing_store_lost_is_on_record_once_the_store_is_back(store: Store) -> None:
    async def story(desk: Desk, disk: Disk, metrics: Metrics) -> None:
        disk.broken = True
        answer = await desk.decide(request())
        assert isinstance(answer, Missed) and answer.cause == "store"
        disk.broken = False
        assert isinstance(await desk.decide(request("k2")), Decided)
        assert logged(store, "k1", "k2") == ["k1", "k2"]

    told(store, GENEROUS_MS, story)
    with store.write() as c:
        withdraw(c, list(decisions.decisions_by_key(c, "spring", ["k2"]).values()))
    assert_nothing_for_ever(store)


@pytest.mark.parametrize("trouble", ["another writer", "a broken disk"])
def test_a_repeat_has_its_answer_while_the_log_cannot_be_written(store: Store, trouble: str) -> None:
    async def story(desk: Desk, disk: Disk, metrics: Metrics) -> None:
        before = Service(store)
        with store.write() as c:
            (first,) = before.answer(c, [request()])
        assert isinstance(first, Decided)
        if trouble == "another writer":
            disk.beginning.clear()
        else:
            disk.broken = True
        other = Request("c31", "spring", "k1", AT)
        asked = (desk.decide(one) for one in (request(), request("k2"), request(), other))
        again, new, third, refused = await asyncio.gather(*asked, return_exceptions=True)
        for one in (again, third):
            assert isinstance(one, Decided) and one.replayed and one.row.id == first.row.id
        assert isinstance(new, Missed)
        assert isinstance(refused, ConflictError)
        disk.broken = False
        disk.let()
        await settled(store, "k2")
        with store.read() as c:
            assert not told_nothing(decisions.decisions_by_key(c, "spring", ["k1"])["k1"])

    told(store, 50, story)


def test_a_repeat_whose_group_stalls_has_its_answer(store: Store) -> None:
    async def story(desk: Desk, disk: Disk, metrics: Metrics) -> None:
        with store.write() as c:
            (first,) = Service(store).answer(c, [request()])
        disk.commit.clear()
        asked = (desk.decide(one) for one in (request("k2"), request(), request("k2")))
        new, again, same = await asyncio.gather(*asked)
        assert isinstance(new, Missed) and isinstance(same, Missed)
        assert isinstance(again, Decided) and isinstance(first, Decided) and again.row.id == first.row.id
        disk.let()
        await settled(store, "k2")

    told(store, 50, story)


def test_a_repeat_is_not_told_of_a_decision_that_is_about_to_be_withdrawn(store: Store) -> None:
    async def story(desk: Desk, disk: Disk, metrics: Metrics) -> None:
        disk.commit.clear()  # on disk, but not known to be
        first = asyncio.ensure_future(desk.decide(request()))
        while not logged(store, "k1"):
            await asyncio.sleep(0.001)
        assert isinstance(await desk.decide(request()), Missed)
        assert isinstance(await first, Missed)
        disk.let()
        await settled(store, "k1")

    told(store, 50, story)
    assert_nothing_for_ever(store)


async def settled(store: Store, key: str) -> None:
    """Wait until the log says that nothing was sent."""
    for _ in range(1000):
        with store.read() as c:
            row = decisions.decisions_by_key(c, "spring", [key]).get(key)
        if row is not None and told_nothing(row):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the log does not say that nothing was sent")


def assert_nothing_for_ever(store: Store) -> None:
    """The key k1 is answered with nothing, which counts as no contact, is not learnt, and replays."""

    async def story(desk: Desk, disk: Disk, metrics: Metrics) -> None:
        again = await desk.decide(request())
        assert isinstance(again, Decided) and again.replayed
        said = reply(again.row, spring(), True)
        assert (said.action, said.fallback, said.policy, said.propensity) == (None, True, "no_action", 1.0)

    told(store, GENEROUS_MS, story)
    with store.read() as c:
        row = decisions.decisions_by_key(c, "spring", ["k1"])["k1"]
        assert decisions.contacts(c, ["c30"], 0) == []
        assert [one.seq for one in due(c, "spring", 1 << 62, 9) if one.id == row.id] == []
        assert replay(c, row.id).differences == ()


def test_callers_that_wait_share_one_commit_and_all_are_answered(store: Store) -> None:
    async def story(desk: Desk, disk: Disk, metrics: Metrics) -> None:
        disk.beginning.clear()
        asyncio.get_running_loop().call_later(0.05, disk.let)
        keys = [f"k{i}" for i in range(50)]
        answers = await asyncio.gather(*(desk.decide(request(key)) for key in keys))
        assert [one.row.key for one in answers if isinstance(one, Decided)] == keys
        assert "nextbest_decision_group_count 1.0" in metrics.text().decode()

    told(store, GENEROUS_MS, story)
    assert len(logged(store, *[f"k{i}" for i in range(50)])) == 50


def test_what_waits_is_answered_before_the_desk_closes(store: Store) -> None:
    async def story(desk: Desk, disk: Disk, metrics: Metrics) -> None:
        disk.beginning.clear()
        asked = asyncio.create_task(desk.decide(request()))
        await asyncio.sleep(0)
        disk.let()
        await desk.close()
        assert isinstance(await asked, Decided)
        assert isinstance(await desk.decide(request("k2")), Missed)

    told(store, GENEROUS_MS, story)
    assert logged(store, "k1", "k2") == ["k1"]
