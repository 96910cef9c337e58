"""The door for decisions in front of uvicorn's: the same answers, however a request comes."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st

from engine.api.app import create_app
from engine.api.door import Door, whole
from engine.settings import Settings

HEAD = b"POST /v1/decisions HTTP/1.1\r\nhost: h\r\n"
JSON = b"content-type: application/json\r\n"


def asked(key: str, head: bytes = HEAD + JSON, **more: Any) -> bytes:
    """A request for a decision, as it stands on the wire."""
    body = json.dumps({"customer": "c30", "program": "spring", "key": key, **more}).encode()
    return head + b"content-length: %d\r\n\r\n" % len(body) + body


@pytest.fixture(scope="module")
def port(settings: Settings) -> Iterator[int]:
    """A server with the door, on a port of its own."""
    with serving(settings) as found:
        yield found


@contextmanager
def serving(settings: Settings, idle_s: int = 5) -> Iterator[int]:
    """The port of a server with the door, which closes connections that are idle for so long."""
    app = create_app(settings)
    config = uvicorn.Config(app, port=0, http=Door, log_config=None, lifespan="on", timeout_keep_alive=idle_s)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


Answer = tuple[int, dict[str, str], bytes]


def exchange(port: int, *pieces: bytes, answers: int = 1) -> list[Answer]:
    """Send pieces one after another, read so many answers."""

    async def talk() -> list[Answer]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.02 if len(pieces) > 1 else 0)
        found = [await asyncio.wait_for(_answer(reader), 30) for _ in range(answers)]
        writer.close()
        return found

    return asyncio.run(talk())


async def _answer(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    return int(head[0].split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


def told(answer: Answer) -> tuple[int, dict[str, str], dict[str, Any]]:
    """An answer without what differs from second to second."""
    status, headers, body = answer
    return status, {name: value for name, value in headers.items() if name != "date"}, json.loads(body)


def slow(request: bytes) -> bytes:
    """The same request in a head that the door leaves to uvicorn."""
    return request.replace(b"\r\nhost: h", b"\r\nconnection: keep-alive, x-more\r\nhost: h")


@pytest.mark.parametrize(
    "request_",
    [
        asked("same", explain=True),
        asked("same", explain=True, funnel=True),  # told before
        asked("same", context={"age": 41}),  # 422
        asked("same", at="2026-11-24T09:00:00Z"),  # 422
        asked("unknown", program="nowhere"),  # 404
        asked("c\u0007"),  # 422
        asked("k", HEAD + b"content-type: text/plain\r\n"),  # 415
        asked("k", HEAD + JSON + b"idempotency-key: other\r\n"),  # 409
        asked("k", HEAD + JSON + b"idempotency-key: \xff\r\n"),  # 422
        HEAD + JSON + b"content-length: 1\r\n\r\n{",  # 400
        HEAD + b"content-length: 0\r\n\r\n",  # 400
    ],
)
def test_the_short_way_answers_as_uvicorns_does(port: int, request_: bytes) -> None:
    exchange(port, asked("same", explain=True))
    assert whole(request_) is not None and whole(slow(request_)) is None
    assert told(exchange(port, request_)[0]) == told(exchange(port, slow(request_))[0])


def test_the_key_of_a_header_counts_and_one_that_is_made_up_is_told(port: int) -> None:
    body = b'{"customer":"c30","program":"spring"}'
    rest = b"content-length: %d\r\n\r\n" % len(body) + body
    named, unnamed = exchange(port, HEAD + b"Idempotency-Key:  Its own \r\n" + rest + HEAD + rest, answers=2)
    assert named[0] == 200 and "idempotency-key" not in named[1]
    again = exchange(port, asked("Its own"))[0]
    assert (
        again[1]["idempotent-replayed"] == "true" and json.loads(again[2])["id"] == json.loads(named[2])["id"]
    )
    assert len(unnamed[1]["idempotency-key"]) == 32


def test_a_request_may_come_in_any_pieces_between_others(port: int) -> None:
    first, second, third = (asked(f"piece-{i}") for i in range(3))
    live = b"GET /livez HTTP/1.1\r\nhost: h\r\n\r\n"
    whole_line = first + live + second
    for cut in (1, len(HEAD), len(first) - 1, len(first), len(first) + 9, len(first + live) + 30):
        found = exchange(port, whole_line[:cut], whole_line[cut:], third, answers=4)
        assert [status for status, _, _ in found] == [200] * 4
        keys = [json.loads(body)["id"] for _, _, body in (found[0], found[2], found[3])]
        assert len(set(keys)) == 3


def test_a_body_that_looks_like_a_request_is_a_body(port: int) -> None:
    inner = asked("inner")
    head = b"POST /v1/outcomes HTTP/1.1\r\nhost: h\r\n" + JSON + b"content-length: %d\r\n\r\n" % len(inner)
    (answer,) = exchange(port, head, inner)
    assert answer[0] == 400
    assert exchange(port, asked("inner"))[0][1].get("idempotent-replayed") is None


def test_what_is_sent_before_it_is_answered_is_answered_in_turn(port: int) -> None:
    keys = [f"ahead-{i}" for i in range(20)]
    found = exchange(port, b"".join(map(asked, keys)), answers=20)
    again = [exchange(port, asked(key))[0] for key in keys]
    assert [json.loads(one[2])["id"] for one in found] == [json.loads(one[2])["id"] for one in again]
    one_by_one = exchange(port, *(asked(f"{key} again") for key in keys[:5]), answers=5)
    assert [one[0] for one in one_by_one] == [200] * 5


def test_a_connection_is_closed_once_it_has_been_idle_for_so_long_since_its_last_answer(
    settings: Settings,
) -> None:
    async def talk(port: int) -> float:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in range(2):
            await asyncio.sleep(0.5 * number)
            writer.write(asked(f"idle-{number}"))
            await _answer(reader)
        answered_s = asyncio.get_running_loop().time()
        assert await asyncio.wait_for(reader.read(), 30) == b""
        writer.close()
        return asyncio.get_running_loop().time() - answered_s

    with serving(settings, idle_s=2) as port:
        assert asyncio.run(talk(port)) > 1.9


def test_a_caller_who_hangs_up_costs_nobody_an_answer(port: int) -> None:
    exchange(port, asked("gone"), answers=0)
    assert exchange(port, asked("after"))[0][0] == 200


ORDINARY = asked("k", HEAD + JSON + b"connection: keep-alive\r\n")


@pytest.mark.parametrize(
    "request_",
    [
        ORDINARY + b"x",
        ORDINARY[:-1],
        ORDINARY.replace(b"POST", b"GET"),
        ORDINARY.replace(b"/v1/decisions ", b"/v1/decisions?x=1 "),
        ORDINARY.replace(b"HTTP/1.1", b"HTTP/1.0"),
        ORDINARY.replace(b"keep-alive", b"close"),
        ORDINARY.replace(b"keep-alive", b"keep-alive\r\ntransfer-encoding: chunked"),
        ORDINARY.replace(b"keep-alive", b"keep-alive\r\nExpect: 100-continue"),
        ORDINARY.replace(b"keep-alive", b"keep-alive\r\nUpgrade: h2c"),
        ORDINARY.replace(b"keep-alive", b"keep-alive\r\nContent-Length: 3"),
        ORDINARY.replace(b"keep-alive", b"keep-alive\r\n folded"),
        ORDINARY.replace(b"keep-alive", b"keep-alive\r\nname : x"),
        ORDINARY.replace(b"keep-alive", b"keep-alive\nbare: x"),
        ORDINARY.replace(b"keep-alive", b"keep-alive\r\nx: \x00"),
        ORDINARY.replace(b"content-length: ", b"content-length: +"),
        ORDINARY.replace(b"content-length: ", b"content-length: 0x"),
    ],
)
def test_anything_but_the_ordinary_is_left_to_uvicorn(request_: bytes) -> None:
    assert whole(ORDINARY) is not None
    assert whole(request_) is None


_value = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=30)


@given(st.binary(max_size=300), _value, _value)
def test_what_is_taken_out_is_what_was_put_in(body: bytes, key: str, media_type: str) -> None:
    more = {b"idempotency-key": key.encode("latin-1"), b"Content-Type": media_type.encode("latin-1")}
    head = HEAD + b"".join(b"%b: %b\r\n" % one for one in more.items())
    found = whole(head + b"content-length: %d\r\n\r\n" % len(body) + body)
    assert found is not None
    assert (found.body, found.key, found.media_type) == (body, *(one.strip(b" \t") for one in more.values()))
