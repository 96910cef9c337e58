"""Bodies in, bodies out: read within limits, decoded strictly, answered as JSON."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any, TypeVar

import msgspec
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from engine.api.problem import MEDIA_TYPE, MalformedError, MediaTypeError, Problem, TooLargeError
from engine.errors import InputError
from engine.unfit import refuse_repeated as refuse_twice
from engine.unfit import unfit

BODY_BYTES = 262_144
DEPTH = 32
T = TypeVar("T")
Headers = list[tuple[bytes, bytes]]
JSON: tuple[bytes, bytes] = (b"content-type", b"application/json")
_TAKEN = (b"application/json", b"application/*")
PROBLEM: tuple[bytes, bytes] = (b"content-type", MEDIA_TYPE.encode())
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NO_BRACKET = re.compile(rb"[^\[\]{}]+")
encode = msgspec.json.Encoder().encode


async def read(scope: Scope, receive: Receive) -> bytes:
    """The whole body, never more than `BODY_BYTES` of it in memory.

    Raises:
        MediaTypeError: it is declared to be something other than JSON.
        TooLargeError: it is longer than 256 kB; the rest is not read.
        ClientDisconnect: the caller has gone.
    """
    check_media_type(header(scope, b"content-type"))
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body", False) and len(body) <= BODY_BYTES:
        message = await receive()
        body += message.get("body", b"")
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    if len(body) > BODY_BYTES:
        raise TooLargeError(
            f"body: longer than {BODY_BYTES:,} bytes (256 kB), the most that is read; send less at once."
        )
    return body


def check_media_type(declared: bytes | None) -> None:
    """Raise `MediaTypeError` if a body is declared to be something other than JSON."""
    if declared is not None and declared not in _TAKEN and _media_type(declared) not in _TAKEN:
        raise MediaTypeError(
            f"Content-Type == {declared[:80].decode('latin-1')!r}, must be application/json; send JSON."
        )


def _media_type(declared: bytes) -> bytes:
    """Without its parameters and in small letters: its case means nothing (RFC 9110, 8.3.1)."""
    return declared.partition(b";")[0].strip().lower()


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first header of that (lower-case) name."""
    for key, value in scope["headers"]:
        if key == name:
            return value  # type: ignore[no-any-return]
    return None


def decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """The value in a body.

    Raises:
        MalformedError: the body is no JSON text.
        InputError: it is JSON of another shape, or too deep; names the field.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        if deep := _too_deep(body):
            raise InputError(f"body: {deep}; send it flat.") from None
        with suppress(ValueError):  # what follows the mistake may be no JSON
            refuse_repeated(body, 0)
        raise InputError(f"{unfit(decoder, body, error, 'body')} /docs shows the shape.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError(
            f"body: {_too_deep(body) or error}; send JSON in UTF-8, without NaN, Infinity or half surrogates."
        ) from None


def refuse_repeated(body: bytes, keys: int) -> None:
    """As `engine.unfit.refuse_repeated`, of a body."""
    refuse_twice(body, keys, "body")


def _too_deep(body: bytes) -> str:
    """In words, if the brackets of a body that is refused anyway are nested deeper than `DEPTH`."""
    depth = 0
    for bracket in _NO_BRACKET.sub(b"", _STRING.sub(b"", body)):
        depth += 1 if bracket in b"[{" else -1
        if depth > DEPTH:
            return f"nested deeper than {DEPTH}, which is the most that is read"
    return ""


async def respond(send: Send, status: int, body: bytes, headers: Headers) -> None:
    """Send a whole answer."""
    start: MutableMapping[str, Any] = {"type": "http.response.start", "status": status, "headers": headers}
    headers.append((b"content-length", b"%d" % len(body)))
    await send(start)
    await send({"type": "http.response.body", "body": body})


async def respond_json(send: Send, value: Any, *headers: tuple[bytes, bytes]) -> None:
    """Send 200 and a value as JSON."""
    await respond(send, 200, encode(value), [JSON, *headers])


async def respond_problem(send: Send, found: Problem) -> None:
    """Send a problem detail."""
    await respond(send, found.status, encode(found), [PROBLEM])


def json_response(value: Any, status: int = 200) -> Response:
    """A value as JSON, for the plain endpoints."""
    return Response(encode(value), status, media_type="application/json")


def problem_response(found: Problem) -> Response:
    """A problem detail, for the plain endpoints."""
    return Response(encode(found), found.status, media_type=MEDIA_TYPE)
