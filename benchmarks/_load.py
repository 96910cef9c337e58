"""A small load client: so many keep-alive connections, each asking again as soon as it is answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

Requests = Callable[[], bytes]


@dataclass(slots=True)
class Load:
    """What one run measured: seconds of each answer, how many were not 200 or fell back, how long it took."""

    waits: list[float] = field(default_factory=list)
    failed: int = 0
    fallbacks: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.waits) / self.seconds

    def percentile(self, share: float) -> float:
        """Milliseconds that `share` of the answers took at most."""
        ordered = sorted(self.waits)
        return ordered[round(share * (len(ordered) - 1))] * 1e3


class _Caller(asyncio.Protocol):
    """One connection. Answers are small and carry a content-length."""

    def __init__(self, next_request: Requests, load: Load, until: float) -> None:
        self._next, self._load, self._until = next_request, load, until
        self._buffer = b""
        self.finished = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        length = self._buffer.lower().index(b"content-length:") + 15
        if len(self._buffer) < head + 4 + int(self._buffer[length : self._buffer.index(b"\r", length)]):
            return
        now = time.perf_counter()
        self._load.waits.append(now - self._asked)
        self._load.failed += self._buffer[9:12] != b"200"
        self._load.fallbacks += b'"fallback":true' in self._buffer
        self._buffer = b""
        if now < self._until:
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.finished.done():
            self.finished.set_result(None)

    def _ask(self) -> None:
        self._asked = time.perf_counter()
        self._transport.write(self._next())


def load(host: str, port: int, next_request: Requests, connections: int, seconds: float) -> Load:
    """Ask for `seconds` over `connections`."""
    return asyncio.run(_load(host, port, next_request, connections, seconds))


async def _load(host: str, port: int, next_request: Requests, connections: int, seconds: float) -> Load:
    measured, start = Load(), time.perf_counter()
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: _Caller(next_request, measured, start + seconds), host, port)
        for _ in range(connections)
    ]
    await asyncio.gather(*(caller.finished for _, caller in made))
    measured.seconds = time.perf_counter() - start
    return measured


def post(host: str, path: str, body: bytes) -> bytes:
    """A whole POST request of a JSON body."""
    head = f"POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: "
    return head.encode() + b"%d\r\n\r\n" % len(body) + body
