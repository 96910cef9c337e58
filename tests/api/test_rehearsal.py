"""The first who ask a fresh server are decided for like all others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection

from engine.api.parts import running
from engine.api.rehearsal import rehearse
from engine.decide import Decided, Log
from engine.request import Request
from engine.service import Service
from engine.settings import Settings
from engine.store import Store, decisions, open_store
from engine.store.assignments import assignments_iter
from tests.api.test_process import serving
from tests.engine.programs import applied, people


class Watched(Service):
    """A service that keeps what it answered."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.answers: list[list[Decided | Exception]] = []

    def answer(
        self, connection: Connection, requests: Sequence[Request], log: Log | None = None
    ) -> list[Decided | Exception]:
        self.answers.append(super().answer(connection, requests, log))
        return self.answers[-1]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(tmp_path / "store.db")
    with made.write() as c:
        applied(c)
        people(c, 40)
    yield made
    made.close()


def assert_empty(store: Store) -> None:
    with store.read() as c:
        assert decisions.decisions_iter(c, "spring", 0, 9) == []
        assert list(assignments_iter(c, "spring")) == []


def test_a_rehearsal_decides_for_one_and_for_many_and_leaves_nothing_behind(store: Store) -> None:
    service = Watched(store)
    rehearse(service)
    assert [len(group) for group in service.answers] == [1, 20]
    assert all(isinstance(one, Decided) and one.made for group in service.answers for one in group)
    assert_empty(store)


def test_a_server_starts_without_a_rehearsal_while_somebody_else_is_writing(store: Store) -> None:
    service = Watched(store)
    with store.write():
        rehearse(service)
    assert service.answers == []


def test_a_server_has_rehearsed_before_it_takes_requests(store: Store) -> None:
    rehearsed: list[Service] = []

    async def started() -> None:
        async with running(Settings(store=store.path)):
            assert len(rehearsed) == 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.api.parts.rehearse", rehearsed.append)
        asyncio.run(started())


def test_those_who_ask_a_fresh_server_first_and_all_at_once_are_decided_for(tmp_path: Path) -> None:
    with serving(tmp_path, deadline_ms=5000) as server, ThreadPoolExecutor(20) as callers:
        told = list(callers.map(server.decide, [f"first-{i}" for i in range(20)]))
    assert [one["fallback"] for one in told] == [False] * 20
