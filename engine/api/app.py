"""The server: its parts joined, its routes mounted, its errors in words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from engine.api import customers, docs, health, lookups, openapi, predictions, programs, results, segment
from engine.api.body import problem_response
from engine.api.decisions import DECISIONS, DecisionRoute
from engine.api.moments import now
from engine.api.operations import methods
from engine.api.outcomes import OutcomeRoute
from engine.api.parts import Parts, running
from engine.api.problem import problem, problem_of
from engine.api.release import release
from engine.api.teacher import Teacher
from engine.errors import NextbestError
from engine.settings import Settings
from engine.settings import settings as from_environment

_decide = DecisionRoute()
_OFFLINE = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


class Server(FastAPI):
    """FastAPI with a door of its own for decisions: what stands before a route costs more than the route."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["path"] == DECISIONS and scope["method"] == "POST":
            scope["app"] = self
            await _decide(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(settings: Settings | None = None, learn_every_s: float = 0.0) -> FastAPI:
    """The server as an ASGI application.

    Args:
        settings: where the store is and how long a decision may take; from the environment if None.
        learn_every_s: seconds between two rounds of learning; 0 learns nothing.
    """
    chosen = from_environment() if settings is None else settings

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Parts]]:
        async with AsyncExitStack() as stack:
            app.state.parts = await stack.enter_async_context(running(chosen))
            if learn_every_s > 0:
                held = app.state.parts
                stack.callback(Teacher(held.store, learn_every_s, now, held.metrics).close)
            yield {"parts": app.state.parts}

    app = Server(
        title="nextbest",
        version=release(),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    _mount(app)
    _catch(app)
    return app


def _mount(app: FastAPI) -> None:
    """The busy routes first: routes are tried in order."""
    app.router.routes.insert(0, Route(DECISIONS, _decide, methods=["POST"]))
    app.router.routes.insert(1, Route("/v1/outcomes", OutcomeRoute(), methods=["POST"]))
    for module in (lookups, predictions, customers, segment, programs, results, health):
        app.include_router(module.router)
    app.add_route("/docs", _docs)
    app.openapi = openapi.document  # type: ignore[method-assign]


async def _docs(request: Request) -> Response:
    return HTMLResponse(docs.page(), headers={"content-security-policy": _OFFLINE})


def _catch(app: FastAPI) -> None:
    app.add_exception_handler(NextbestError, _ours)
    app.add_exception_handler(HTTPException, _routing)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _unexpected)


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, NextbestError)
    return problem_response(problem_of(error))


async def _routing(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "invalid")
    response = problem_response(
        problem(kind, f"{request.method} {request.url.path}: {error.detail}; see /docs.")
    )
    response.headers.update(error.headers or {})
    if error.status_code == 405:
        response.headers["allow"] = ", ".join(methods(request.url.path))
    return response


async def _invalid(request: Request, error: Exception) -> Response:
    return problem_response(problem("invalid", f"{request.url.path}: {error}; see /docs."))


async def _unexpected(request: Request, error: Exception) -> Response:
    return problem_response(problem("unexpected", f"{type(error).__name__}; the server's log says more."))
