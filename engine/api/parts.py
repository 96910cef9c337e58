"""What a running server is made of: opened when its event loop starts, closed when it stops."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.types import Scope

from engine.api.archive import Archive
from engine.api.catalogue import Catalogue
from engine.api.desk import Desk
from engine.api.intake import Intake
from engine.api.metrics import Metrics
from engine.service import Service
from engine.settings import Settings
from engine.store import Store, open_store

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts the endpoints use."""

    settings: Settings
    store: Store
    desk: Desk
    intake: Intake
    archive: Archive
    catalogue: Catalogue
    metrics: Metrics


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Parts]:
    """Open the store and everything that works on it, within a running event loop.

    What waits to be written when the block ends is written and answered first.
    """
    store, metrics, loop = open_store(settings.store), Metrics(), asyncio.get_running_loop()
    service = Service(store, settings.group, metrics.group.observe, lambda work: on_loop(loop, work))
    intake = Intake(store)
    try:
        service.prepare()
        gc.collect()
        gc.freeze()  # programs, rules and libraries stay: the collector need not walk over them again
        desk = Desk(service, settings.deadline_ms, metrics)
        yield Parts(settings, store, desk, intake, Archive(store), Catalogue(), metrics)
    finally:
        await run_in_threadpool(service.close)
        intake.close()
        store.close()


def on_loop(loop: asyncio.AbstractEventLoop, work: Callable[[], T]) -> T:
    """Do some work in the loop's thread and wait for it.

    Two threads that both compute hand Python's lock to and fro every few milliseconds, and each answer sent
    waits for it. One thread that computes, beside others that wait for the disk, serves several times more.
    """
    done: Future[T] = Future()

    def do() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # whatever it is, the thread that waits has to know
            done.set_exception(error)

    loop.call_soon_threadsafe(do)
    return done.result()


def parts(scope: Scope) -> Parts:
    """The parts of the server that got a request."""
    return scope["app"].state.parts  # type: ignore[no-any-return]
