"""`GET /v1/experiments/{id}/results`: what a program earned, as `nextbest report` says it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from engine.api.body import json_response
from engine.api.moments import now
from engine.api.parts import parts
from engine.store import Store
from engine.values import check_id

router = APIRouter()


@router.get("/v1/experiments/{id}/results")
async def results(id: str, request: Request) -> Response:
    """What the program of that name earned, arm by arm, and whether the figures can be trusted."""
    check_id(id, "program", "path")
    return json_response(await run_in_threadpool(_results, parts(request.scope).store, id))


def _results(store: Store, name: str) -> dict[str, Any]:
    from engine.experiments.program import report_program

    with store.read() as connection:
        return report_program(connection, name, now()).as_dict()
