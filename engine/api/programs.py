"""`GET /v1/programs/{name}/versions`, `/audit` and `/budgets`: what there is, by whom, and what is left.

A program is applied on the command line only: the server asks nobody who they are.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from engine.api.body import json_response
from engine.api.moments import now
from engine.api.parts import parts
from engine.applied import stored_program
from engine.budget.account import Account, accounts
from engine.calendar import microseconds
from engine.plan.history import Entry, ProgramVersion, entries
from engine.plan.history import versions as every_version
from engine.store import Store
from engine.values import check_id

router = APIRouter()
NEWEST = 100


@router.get("/v1/programs/{name}/versions")
async def versions(name: str, request: Request) -> Response:
    """Every version of a program, the current one first."""
    check_id(name, "program", "path")
    return json_response(await run_in_threadpool(_versions, parts(request.scope).store, name))


@router.get("/v1/programs/{name}/audit")
async def audit(name: str, request: Request) -> Response:
    """Who made which version of a program current, when, and what it changed; the newest 100."""
    check_id(name, "program", "path")
    return json_response(await run_in_threadpool(_audit, parts(request.scope).store, name))


@router.get("/v1/programs/{name}/budgets")
async def budgets(name: str, request: Request) -> Response:
    """What of each budget is used, reserved and left, and what one more unit would earn."""
    check_id(name, "program", "path")
    return json_response(await run_in_threadpool(_budgets, parts(request.scope).store, name))


def _versions(store: Store, name: str) -> list[ProgramVersion]:
    with store.read() as connection:
        return every_version(connection, name)


def _audit(store: Store, name: str) -> list[Entry]:
    with store.read() as connection:
        return entries(connection, name, NEWEST)


def _budgets(store: Store, name: str) -> list[Account]:
    with store.read() as connection:
        return accounts(connection, stored_program(connection, name), microseconds(now()))
