"""Is the process alive, can it decide, and what has it counted."""

from __future__ import annotations

import asyncio

import msgspec
from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import Response

from engine.api.body import json_response
from engine.api.metrics import CONTENT_TYPE
from engine.api.parts import parts
from engine.errors import StoreError
from engine.store import health

router = APIRouter()
PATIENCE_S = 2.0


class Alive(msgspec.Struct, frozen=True):
    """The process answers."""

    status: str = "alive"


class Ready(msgspec.Struct, frozen=True):
    """The store takes writes; `programs` gives the version of each program that is ready to decide."""

    status: str
    programs: dict[str, int]


@router.get("/livez")
async def alive() -> Response:
    """200 as long as the process answers."""
    return json_response(Alive())


@router.get("/readyz")
async def ready(request: Request) -> Response:
    """200 if the store takes a write and every program can be read; 503 otherwise."""
    server = parts(request.scope)

    def probe(connection: Connection) -> dict[str, int]:
        current = server.catalogue.current(connection)
        health.touch(connection)
        return {program.name: program.version for program in current}

    try:
        programs = await asyncio.wait_for(server.intake.write(probe), PATIENCE_S)
    except TimeoutError:
        raise StoreError(f"The store has not taken a write for {PATIENCE_S:g} s; ask again.") from None
    return json_response(Ready("ready", programs))


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Counters and histograms in Prometheus' text format."""
    return Response(parts(request.scope).metrics.text(), media_type=CONTENT_TYPE)
