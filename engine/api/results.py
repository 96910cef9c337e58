"""`GET /v1/experiments/{id}/results`: what a program earned, as `nextbest report` says it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from engine.api.body import json_response
from engine.api.moments import now
from engine.api.parts import parts
from engine.store import Store
from engine.values import check_id

router = APIRouter()


@router.get("/v1/experiments/{id}/results")
async def results(
    id: str,
    request: Request,
    allow_negative: Annotated[
        tuple[str, ...],
        Query(max_length=32, description="kinds of outcome whose values may be below 0, whatever the arm"),
    ] = (),
) -> Response:
    """What the program of that name earned, arm by arm, and whether the figures can be trusted."""
    check_id(id, "program", "path")
    for kind in allow_negative:
        check_id(kind, "kind of outcome", "query parameter allow_negative")
    return json_response(await run_in_threadpool(_results, parts(request.scope).store, id, allow_negative))


def _results(store: Store, name: str, allow_negative: tuple[str, ...]) -> dict[str, Any]:
    from engine.experiments.program import Also, report_program

    with store.read() as connection:
        return report_program(connection, name, now(), also=Also(allow_negative=allow_negative)).as_dict()
