"""`POST /v1/decisions`: one decision, durable before it is told, and always an answer."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Annotated, Any

import msgspec
import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from engine.api.body import (
    JSON,
    PROBLEM,
    Headers,
    decode,
    encode,
    header,
    read,
    refuse_repeated,
    respond,
    respond_problem,
)
from engine.api.caller import Answer, Missed
from engine.api.moments import check_moment, now
from engine.api.parts import Parts, parts
from engine.api.problem import problem_of
from engine.calendar import instant, microseconds
from engine.decide import ConflictError, Decided, Made
from engine.errors import ContradictionError, InputError, NextbestError
from engine.explain import funnel_of, reasons
from engine.reply import Decision, reply
from engine.request import Request
from engine.store.rows import DecisionRow
from engine.track import Instant
from engine.values import FEATURES_AT_MOST, Id, check_id

Feature = str | float | int | bool | None
Features = Annotated[
    dict[str, Feature],
    msgspec.Meta(
        description="Attributes of the program known only now; they count before the stored ones.",
        extra_json_schema={"maxProperties": FEATURES_AT_MOST},
    ),
]


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is the next best action for this customer?

    `key` makes a repeat harmless: the same key is answered with the same decision for ever. It may be given
    as the header Idempotency-Key instead; without either a new one is made and told in that header. `at` is
    the moment decided for, now if left out. `explain` asks for the reasons, `funnel` for how many actions
    each stage and rule dropped. With `explore` false the policy takes the action it holds to be best.
    """

    customer: Id
    program: Id
    key: Id | None = None
    at: Instant | None = None
    context: Features = {}
    explain: bool = False
    funnel: bool = False
    explore: bool = True


DECISIONS = "/v1/decisions"
log = structlog.get_logger()
_decoder = msgspec.json.Decoder(Question)
_REPLAYED = (b"idempotent-replayed", b"true")


class DecisionRoute:
    """The endpoint as plain ASGI: decoded and encoded by msgspec, nothing between it and the server."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        started = time.perf_counter()
        try:
            body = await read(scope, receive)
            named = header(scope, b"idempotency-key")
            question, request = _asked(body, named)
            told = await answered(parts(scope), request, question, started)
        except NextbestError as error:
            await respond_problem(send, problem_of(error))
        except ClientDisconnect:
            return
        else:
            await respond(send, 200, encode(told), _headers(question, named, request, told.replayed))


Tell = Callable[[int, bytes, Headers], None]
Spawn = Callable[[Coroutine[Any, Any, None]], None]


class Direct:
    """A caller who is told by a call: for a server that has the whole body at once, and needs no task.

    Args:
        server: its parts.
        body: of the request.
        named: its header Idempotency-Key.
        tell: takes the status, the body and the headers of the answer.
        spawn: runs the coroutine that an answer takes which is neither new nor quick to tell.
    """

    __slots__ = ("_headers", "_question", "_request", "_server", "_spawn", "_started", "_tell", "_worded")

    def __init__(self, server: Parts, body: bytes, named: bytes | None, tell: Tell, spawn: Spawn) -> None:
        self._started = time.perf_counter()
        self._server, self._tell, self._spawn = server, tell, spawn
        self._worded: bytes | None = None
        try:
            self._question, self._request = _asked(body, named)
        except NextbestError as error:
            self._refuse(error)
            return
        self._headers = _headers(self._question, named, self._request, False)
        server.desk.ask(self._request, self)

    def word(self, decided: Decided, /) -> None:
        """Word a decision made just now while it is written."""
        if decided.made is not None:
            with suppress(Exception):  # tried again, and reported, once the decision is durable
                self._worded = encode(_as_made(decided.row, decided.made, self._question))

    def tell(self, answer: Answer, /) -> None:
        """Tell what is worded, or have it worded."""
        if isinstance(answer, InputError):
            self._refuse(answer)
        elif isinstance(answer, Decided) and self._worded is not None:
            self._server.metrics.told(answer.row, False, time.perf_counter() - self._started)
            self._tell(200, self._worded, self._headers)
        else:
            self._spawn(self._settle(answer))

    async def _settle(self, answer: Decided | Missed) -> None:
        try:
            told = await _settled(self._server, self._request, answer, self._question, self._started)
        except NextbestError as error:
            self._refuse(error)
        else:
            replayed = [_REPLAYED] if told.replayed else []
            self._tell(200, encode(told), [*self._headers, *replayed])

    def _refuse(self, error: NextbestError) -> None:
        found = problem_of(error)
        self._tell(found.status, encode(found), [PROBLEM])


def _headers(question: Question, named: bytes | None, request: Request, replayed: bool) -> Headers:
    """Of an answer: its type, the key that was made up, whether it was told before."""
    made_up = question.key is None and named is None
    key = [(b"idempotency-key", request.key.encode())] if made_up else []
    return [JSON, *key, *([_REPLAYED] if replayed else [])]


def _asked(body: bytes, named: bytes | None) -> tuple[Question, Request]:
    """What is asked. Raises `NextbestError`."""
    question = decode(_decoder, body)
    return question, _request(question, named, body)


def _request(question: Question, named: bytes | None, body: bytes) -> Request:
    """The request as the pipeline takes it. Raises `InputError`."""
    given = sum(value is not None for value in (question.key, question.at)) + bool(question.context)
    given += question.explain + question.funnel + (not question.explore)
    refuse_repeated(body, 2 + given + len(question.context))
    check_id(question.customer, "customer", "body")
    check_id(question.program, "program", "body")
    at = now() if question.at is None else check_moment(question.at, "body")
    key = _key(question.key, named)
    return Request(question.customer, question.program, key, at, question.context, question.explore)


def _key(given: str | None, named: bytes | None) -> str:
    if named is None:
        return secrets.token_hex(16) if given is None else check_id(given, "key", "body")
    try:
        key = check_id(named.decode().strip(), "Idempotency-Key", "header")
    except UnicodeDecodeError:
        raise InputError(f"header: Idempotency-Key == {named[:40]!r}, must be UTF-8; correct it.") from None
    if given is not None and given != key:
        raise ContradictionError(
            f"key == {given[:40]!r} in the body, {key[:40]!r} in the header Idempotency-Key; send one."
        )
    return key


async def answered(server: Parts, request: Request, question: Question, started: float) -> Decision:
    """The answer to a request, told as the question asks, and counted. Raises `InputError`."""
    wording = _Wording(question)
    answer = await server.desk.decide(request, wording)
    if isinstance(answer, Decided) and wording.told is not None:
        server.metrics.told(answer.row, False, time.perf_counter() - started)
        return wording.told
    return await _settled(server, request, answer, question, started)


async def _settled(
    server: Parts, request: Request, answer: Decided | Missed, question: Question, started: float
) -> Decision:
    """An answer that nobody has worded yet, told as the question asks, and counted. Raises `InputError`."""
    _refuse_other_time(request, answer, question)
    told = await _told(server, request, answer, question)
    seconds = time.perf_counter() - started
    if isinstance(answer, Missed):
        server.metrics.missed(answer.cause, seconds)
    else:
        server.metrics.told(answer.row, answer.replayed, seconds)
    return told


def _refuse_other_time(request: Request, answer: Decided | Missed, question: Question) -> None:
    """A repeat that names another moment is another request; one that names none means the first."""
    if question.at is None or not isinstance(answer, Decided) or not answer.replayed:
        return
    if answer.row.at_us != microseconds(request.at):
        raise ConflictError(
            f"key '{request.key}' was used before for {instant(answer.row.at_us).isoformat()}, not for at == "
            f"{question.at.isoformat()}; use a new key, or repeat the first request unchanged or without at."
        )


async def _told(server: Parts, request: Request, answer: Decided | Missed, question: Question) -> Decision:
    """The answer; a decision that cannot be told is answered with nothing to send."""
    if isinstance(answer, Missed):
        return nothing(request, answer.reason)
    try:
        return await _as_logged(server, answer, question)
    except Exception as error:  # whatever it is, the caller gets an answer
        log.error("a logged decision cannot be told", id=answer.row.id, exc_info=error)
        server.desk.withdraw(answer)
        return nothing(request, "the logged decision cannot be told; nothing is sent")


async def _as_logged(server: Parts, answer: Decided, question: Question) -> Decision:
    if answer.made is None:
        return await run_in_threadpool(server.archive.again, answer.row, question.explain, question.funnel)
    return _as_made(answer.row, answer.made, question)


def _as_made(row: DecisionRow, made: Made, question: Question) -> Decision:
    said = reasons(made.live, made.choices, made.index) if question.explain else []
    counted = funnel_of(made.choices, made.index) if question.funnel else None
    return reply(row, made.live.program, False, said, counted)


class _Wording:
    """Words a decision made just now before it is durable; `told` is None where it could not."""

    __slots__ = ("question", "told")

    def __init__(self, question: Question) -> None:
        self.question = question
        self.told: Decision | None = None

    def __call__(self, decided: Decided) -> None:
        if decided.made is not None:
            with suppress(Exception):  # tried again, and reported, once the decision is durable
                self.told = _as_made(decided.row, decided.made, self.question)


def nothing(request: Request, reason: str) -> Decision:
    """The last rung of the ladder: nothing is sent, and the answer says so before the log does."""
    return Decision(
        id=None,
        customer=request.customer,
        program=request.program,
        action=None,
        arm=None,
        propensity=1.0,
        explored=False,
        fallback=True,
        replayed=False,
        policy="no_action",
        program_version=None,
        at=request.at,
        expires_at=None,
        reasons=[reason],
    )
