"""What a running server is made of: opened when its event loop starts, closed when it stops."""

from __future__ import annotations

import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.types import Scope

from engine.api.archive import Archive
from engine.api.catalogue import Catalogue
from engine.api.desk import Desk
from engine.api.intake import Intake
from engine.api.metrics import Metrics
from engine.api.rehearsal import rehearse
from engine.senders import Senders
from engine.service import Service
from engine.settings import Settings
from engine.store import Store, open_store

HANDOVER_S = 0.0002  # Python's lock is asked for by the scribe once a group, and by learning all the time
YOUNG = 50_000  # objects made before the collector looks for cycles; a group of decisions makes thousands


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
    senders: Senders | None


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Parts]:
    """Open the store and everything that works on it, within a running event loop.

    What waits to be written when the block ends is written and answered first.
    """
    senders = Senders(settings.senders) if settings.senders else None
    store, metrics, handover_s = open_store(settings.store), Metrics(), sys.getswitchinterval()
    service = Service(store)
    desk = Desk(service, settings.group, settings.deadline_ms, metrics)
    intake = Intake(store)
    try:
        service.prepare()
        rehearse(service)
        gc.collect()
        gc.freeze()  # programs, rules and libraries stay: the collector need not walk over them again
        gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
        sys.setswitchinterval(HANDOVER_S)
        yield Parts(settings, store, desk, intake, Archive(store), Catalogue(), metrics, senders)
    finally:
        sys.setswitchinterval(handover_s)
        await desk.close()
        service.close()
        intake.close()
        store.close()


def parts(scope: Scope) -> Parts:
    """The parts of the server that got a request."""
    return scope["app"].state.parts  # type: ignore[no-any-return]
