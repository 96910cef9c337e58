"""The desk with a service that is as slow as a test wants it to be."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any, cast

from engine.api.desk import Desk, Missed
from engine.api.metrics import Metrics
from engine.decide import Decided
from engine.request import Request
from engine.service import Service

REQUEST = Request("c1", "spring", "k1", datetime(2026, 11, 24, tzinfo=UTC))
ANSWER = cast(Decided, object())


class Slow:
    """Takes requests and never answers by itself."""

    def __init__(self) -> None:
        self.asked: list[Future[Any]] = []

    def submit(self, request: Request) -> Future[Any]:
        self.asked.append(Future())
        return self.asked[-1]


def after(seconds: float, does: Any) -> None:
    asyncio.get_running_loop().call_later(seconds, does)


def test_a_request_that_nobody_took_up_is_withdrawn_at_the_deadline() -> None:
    async def story() -> None:
        slow = Slow()
        answer = await Desk(cast(Service, slow), 10, Metrics()).decide(REQUEST)
        assert isinstance(answer, Missed) and answer.cause == "deadline"
        assert "10 ms" in answer.reason
        assert slow.asked[0].cancelled()

    asyncio.run(story())


def test_a_decision_whose_commit_is_under_way_is_waited_for_a_little_longer() -> None:
    async def story() -> None:
        slow = Slow()
        desk = Desk(cast(Service, slow), 200, Metrics())
        waiting = asyncio.create_task(desk.decide(REQUEST))
        await asyncio.sleep(0.01)
        slow.asked[0].set_running_or_notify_cancel()
        after(0.25, lambda: slow.asked[0].set_result(ANSWER))
        assert await waiting is ANSWER

    asyncio.run(story())


def test_a_commit_that_stalls_is_answered_without_and_counted_as_late() -> None:
    async def story() -> None:
        slow, metrics = Slow(), Metrics()
        desk = Desk(cast(Service, slow), 10, metrics)
        waiting = asyncio.create_task(desk.decide(REQUEST))
        await asyncio.sleep(0)
        slow.asked[0].set_running_or_notify_cancel()
        answer = await waiting
        assert isinstance(answer, Missed) and answer.cause == "deadline"
        slow.asked[0].set_result(ANSWER)
        await asyncio.sleep(0.01)
        assert "nextbest_late_decisions_total 1.0" in metrics.text().decode()

    asyncio.run(story())


def test_answers_that_arrive_from_another_thread_wake_every_caller() -> None:
    async def story() -> None:
        slow = Slow()
        desk = Desk(cast(Service, slow), 60_000, Metrics())
        waiting = [asyncio.create_task(desk.decide(REQUEST)) for _ in range(50)]
        await asyncio.sleep(0.01)

        def answer_all() -> None:
            for one in slow.asked:
                one.set_running_or_notify_cancel()
                one.set_result(ANSWER)

        await asyncio.get_running_loop().run_in_executor(None, answer_all)
        assert await asyncio.gather(*waiting) == [ANSWER] * 50

    asyncio.run(story())
