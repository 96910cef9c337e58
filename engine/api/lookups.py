"""`GET /v1/decisions/{id}` and `/explanation`: logged decisions told again."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from engine.api.body import json_response
from engine.api.parts import parts

router = APIRouter()


@router.get("/v1/decisions/{id}")
async def look_up(id: str, request: Request) -> Response:
    """A decision of the log, in the shape it was told."""
    return json_response(await run_in_threadpool(parts(request.scope).archive.decision, id))


@router.get("/v1/decisions/{id}/explanation")
async def explanation(id: str, request: Request) -> Response:
    """Why a decision was made as it was: reasons, facts that spoke for it, what became of its rivals."""
    return json_response(await run_in_threadpool(parts(request.scope).archive.explanation, id))
