"""A caller of the real application over a real store, without a network: its event loop runs in a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx
from fastapi import FastAPI

from engine.api.parts import Parts

T = TypeVar("T")
JSON = {"content-type": "application/json"}


class Client:
    """Asks the application; every method waits for the answer."""

    def __init__(self, app: FastAPI, loop: asyncio.AbstractEventLoop) -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._http = httpx.AsyncClient(transport=transport, base_url="http://test")
        self._loop = loop
        self.app = app

    @property
    def parts(self) -> Parts:
        """The parts of the running server."""
        found: Parts = self.app.state.parts
        return found

    def get(self, path: str) -> httpx.Response:
        """GET."""
        return self.wait(self._http.get(path))

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Any method with a JSON body, which may be bytes or an iterator of bytes as they stand."""
        return self.wait(self._ask(method, path, body, headers))

    def decide(self, body: Any, **headers: str) -> httpx.Response:
        """POST /v1/decisions."""
        return self.ask("POST", "/v1/decisions", body, **headers)

    def decide_all(self, bodies: Sequence[Any]) -> list[httpx.Response]:
        """POST /v1/decisions, all at the same time."""

        async def all_of_them() -> list[httpx.Response]:
            return await asyncio.gather(*(self._ask("POST", "/v1/decisions", body, {}) for body in bodies))

        return self.wait(all_of_them())

    def wait(self, asked: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine of the server's loop."""
        return asyncio.run_coroutine_threadsafe(asked, self._loop).result(60)

    async def _ask(self, method: str, path: str, body: Any, headers: dict[str, str]) -> httpx.Response:
        named = JSON | {name.replace("_", "-"): value for name, value in headers.items()}
        if body is None or isinstance(body, bytes | AsyncIterator):
            return await self._http.request(method, path, content=body, headers=named)
        return await self._http.request(method, path, json=body, headers=named)


@contextmanager
def calling(app: FastAPI) -> Iterator[Client]:
    """A client of the application while its lifespan lasts."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    client = Client(app, loop)
    lifespan = app.router.lifespan_context(app)
    try:
        client.wait(lifespan.__aenter__())
        try:
            yield client
        finally:
            client.wait(lifespan.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
