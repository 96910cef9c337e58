"""A door of its own for decisions, in front of uvicorn's: a request that comes whole is read where it lies.

uvicorn makes a scope, a task, an event and two writes of every request, which costs more than a decision in a
large group. A POST to `/v1/decisions` that lies whole in one read of the socket, and whose head says nothing
but the ordinary, is taken out before all that, and answered with one write. Everything else is uvicorn's, in
the same order: requests sent before they were answered, bodies in pieces, other heads, other addresses.
"""

from __future__ import annotations

import re
from collections.abc import Coroutine
from http import HTTPStatus
from typing import Any

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from engine.api.body import BODY_BYTES, PROBLEM, Headers, check_media_type, encode
from engine.api.decisions import DECISIONS, Direct
from engine.api.problem import MediaTypeError, problem, problem_of

_START = b"POST %b HTTP/1.1\r\n" % DECISIONS.encode()
_HEAD = re.compile(rb"((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\x00-\x08\x0a-\x1f\x7f]*\r\n)+)\r\n")
_NOT_ORDINARY = re.compile(rb"\n(?:transfer-encoding|expect|upgrade|connection:(?![ \t]*keep-alive[ \t]*\r))")
_NAMED = {name: re.compile(rb"\n%b:[ \t]*([^\r]*?)[ \t]*\r" % name, re.IGNORECASE) for name in (
    b"content-length", b"content-type", b"idempotency-key",
)}  # fmt: skip
_LENGTH = re.compile(rb"[0-9]{1,7}")
_STATUS = {one.value: b"HTTP/1.1 %d %b\r\n" % (one.value, one.phrase.encode()) for one in HTTPStatus}
log = structlog.get_logger()


class Whole:
    """A request for a decision that lies whole in one read: its body, type and key as they stand."""

    __slots__ = ("body", "key", "media_type")

    def __init__(self, body: bytes, media_type: bytes | None, key: bytes | None) -> None:
        self.body, self.media_type, self.key = body, media_type, key


def whole(data: bytes) -> Whole | None:
    """The request in what was read; None if there is less in it, or more, or anything but the ordinary."""
    if not data.startswith(_START):
        return None
    found = _HEAD.match(data, len(_START))
    if found is None:
        return None
    head = data[len(_START) - 1 : found.end()]
    plain = head.lower()
    if plain.count(b"\ncontent-length:") != 1 or _NOT_ORDINARY.search(plain) is not None:
        return None
    length = _named(head, b"content-length")
    if length is None or _LENGTH.fullmatch(length) is None or int(length) > BODY_BYTES:
        return None
    if len(data) - found.end() != int(length):
        return None
    media_type = _named(head, b"content-type") if b"\ncontent-type:" in plain else None
    key = _named(head, b"idempotency-key") if b"\nidempotency-key:" in plain else None
    return Whole(data[found.end() :], media_type, key)


def _named(head: bytes, name: bytes) -> bytes | None:
    found = _NAMED[name].search(head)
    return None if found is None else found[1]


class Door(HttpToolsProtocol):
    """uvicorn's protocol, and the short way for decisions beside it.

    The parts of the server (`engine.api.parts`) are found under "parts" in the application's state.
    """

    _within = False  # uvicorn's parser has read the beginning of a request
    _answering = False  # a decision is being made for what came by the short way
    _leaving = False  # the server is stopping: close when that is told
    _early = b""  # what came meanwhile
    _idle_until_s = 0.0  # after an answer: when the connection has been idle for too long
    _dated: tuple[Any, bytes] = (None, b"")

    def data_received(self, data: bytes) -> None:
        """Take a whole request for a decision the short way, anything else uvicorn's."""
        if self._answering:
            self._early += data
            self.flow.pause_reading()
            return
        if not self._within and (self.cycle is None or self.cycle.response_complete):
            found = None if self.pipeline or self.flow.write_paused else whole(data)
            if found is not None:
                self._ask(found)
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """uvicorn's parser is at the beginning of a request."""
        self._within = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """uvicorn's parser is at the end of one."""
        self._within = False
        super().on_message_complete()

    def shutdown(self) -> None:
        """The server is stopping: what was asked is still answered."""
        if self._answering:
            self._leaving = True
        else:
            super().shutdown()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that has been idle for too long; the short way sets no timer for each answer."""
        left_s = self._idle_until_s - self.loop.time()
        if self._answering or left_s > 0.0:
            self._look_in(max(left_s, 0.0) or self.timeout_keep_alive)
        else:
            super().timeout_keep_alive_handler()

    def _look_in(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _ask(self, found: Whole) -> None:
        self._answering = True
        try:
            check_media_type(found.media_type)
            Direct(self.app_state["parts"], found.body, found.key, self._tell, self._spawn)
        except MediaTypeError as error:
            refused = problem_of(error)
            self._tell(refused.status, encode(refused), [PROBLEM])
        except Exception as error:  # whatever it is, the caller gets an answer
            log.error("a request for a decision failed", exc_info=error)
            said = problem("unexpected", f"{type(error).__name__}; the server's log says more.")
            self._tell(said.status, encode(said), [PROBLEM])

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = self.loop.create_task(coroutine)
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def _tell(self, status: int, body: bytes, headers: Headers) -> None:
        self._answering = False
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        head = [_STATUS[status], self._date(), b"content-length: %d\r\n" % len(body)]
        head += [b"%b: %b\r\n" % one for one in headers]
        if self._leaving:
            head.append(b"connection: close\r\n")
        self.transport.write(b"".join([*head, b"\r\n", body]))
        if self._leaving:
            self.transport.close()
            return
        self._idle_until_s = self.loop.time() + self.timeout_keep_alive
        if self.timeout_keep_alive_task is None:
            self._look_in(self.timeout_keep_alive)
        if self._early:
            early, self._early = self._early, b""
            self.flow.resume_reading()
            self.data_received(early)

    def _date(self) -> bytes:
        """The headers that every answer of the server has, joined once a second."""
        given = self.server_state.default_headers
        if Door._dated[0] is not given:
            Door._dated = given, b"".join([b"%b: %b\r\n" % one for one in given])
        return Door._dated[1]
