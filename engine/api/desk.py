"""Where a caller waits for a decision, and is answered in time whatever the store does.

The deadline runs from the moment of asking. When it passes

* and the request's group has not been taken up, the request is withdrawn: nothing is logged, no contact is
  counted, and a repeat of the key is decided anew;
* and its commit is under way, the caller waits up to once more the deadline: almost always the decision is
  on disk a moment later, and then it is the truth. If the disk stalls for longer the caller is told that
  nothing is to be sent. The decision may yet reach the log; it stands for a repeat of the key, is counted in
  the metrics as late, and errs to the safe side: its contact counts for the caps, so nobody is contacted too
  often.

A store that fails (disk full, locked) is answered the same way. Sending nothing honours consent, quiet hours,
caps and the holdout without looking anything up.
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal

import structlog

from engine.api.metrics import Metrics
from engine.decide import Decided
from engine.errors import InputError, StoreError
from engine.request import Request
from engine.service import Service

log = structlog.get_logger()
Cause = Literal["deadline", "store", "unexpected"]


@dataclass(frozen=True, slots=True)
class Missed:
    """No decision of the log could be told: why, in a word and in a sentence."""

    cause: Cause
    reason: str


class Desk:
    """Hands requests of one event loop to the service, and its answers back, many at a time."""

    def __init__(self, service: Service, deadline_ms: int, metrics: Metrics) -> None:
        self._service = service
        self._deadline_s = deadline_ms / 1000
        self._late = Missed("deadline", f"deadline of {deadline_ms} ms passed; nothing is sent")
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._arrived: deque[tuple[asyncio.Future[Future[Decided] | None], Future[Decided]]] = deque()
        self._waking = False

    async def decide(self, request: Request) -> Decided | Missed:
        """The logged decision, or why there is none in time.

        Raises:
            InputError: the request is refused.
        """
        waiting: asyncio.Future[Future[Decided] | None] = self._loop.create_future()
        try:
            asked = self._service.submit(request)
        except StoreError as error:
            return _missed(error, request)
        asked.add_done_callback(lambda done: self._hand_over(waiting, done))
        timer = self._loop.call_later(self._deadline_s, self._overdue, waiting, asked)
        done = await waiting
        timer.cancel()
        return self._late if done is None else _settled(done, request)

    def _hand_over(self, waiting: asyncio.Future[Future[Decided] | None], done: Future[Decided]) -> None:
        """In the writer's thread: the loop is woken once for all that arrive before it looks."""
        if not done.cancelled():
            self._arrived.append((waiting, done))
            if not self._waking:
                self._waking = True
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._waking = False
        while self._arrived:
            waiting, done = self._arrived.popleft()
            if waiting.done():
                self._metrics.late.inc()
                log.warning("a decision was logged after its caller had been answered")
            else:
                waiting.set_result(done)

    def _overdue(self, waiting: asyncio.Future[Future[Decided] | None], asked: Future[Decided]) -> None:
        if asked.cancel():
            _give_up(waiting)
        else:
            self._loop.call_later(self._deadline_s, _give_up, waiting)


def _give_up(waiting: asyncio.Future[Future[Decided] | None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


def _settled(done: Future[Decided], request: Request) -> Decided | Missed:
    error = done.exception()
    return done.result() if error is None else _missed(error, request)


def _missed(error: BaseException, request: Request) -> Missed:
    """A refused request is raised to its caller; anything else is our fault, and nothing is sent."""
    if isinstance(error, InputError):
        raise error
    if isinstance(error, StoreError):
        log.error("the store cannot log a decision", program=request.program, key=request.key, why=str(error))
        return Missed("store", "the store cannot be written; nothing is sent")
    log.error("a decision failed", program=request.program, key=request.key, exc_info=error)
    return Missed("unexpected", "the decision failed; nothing is sent")
