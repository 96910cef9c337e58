"""`/v1/predictions/{model}`: scores of many customers come in; what is known of their versions goes out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

import msgspec
from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from engine.api.body import decode, json_response, read, refuse_repeated
from engine.api.moments import check_moment, now
from engine.api.parts import parts
from engine.calendar import microseconds
from engine.errors import InputError
from engine.predictions.intake import Arrival, check_rows, take_in
from engine.predictions.report import Versions, versions
from engine.predictions.versions import About
from engine.program import forms
from engine.store import Store
from engine.store.rows import PredictionRow
from engine.track import Instant
from engine.values import LARGEST, Id, check_id

router = APIRouter()


Figure = Annotated[
    float, msgspec.Meta(extra_json_schema={"exclusiveMinimum": -LARGEST, "exclusiveMaximum": LARGEST})
]


Length = Annotated[
    str,
    msgspec.Meta(extra_json_schema={"pattern": "^([1-9][0-9]{0,2} (hours?|days?)|[1-9][0-9]? weeks?)$"}),
]


class CustomerScore(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The score of one customer; `as_of` is that of all if left out."""

    customer: Id
    score: Figure
    as_of: Instant | None = None


class Scores(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Scores of one version of a model, by customer or as a list; `as_of` is now if left out.

    `horizon` is how far ahead they look, such as "30 days"; `target` the offer whose response they predict;
    `probability` refuses any outside 0 to 1. A version may come in many pieces.
    """

    version: Id
    scores: dict[Id, Figure] | list[CustomerScore]
    as_of: Instant | None = None
    horizon: Length | None = None
    target: Id | None = None
    probability: bool = False


_decoder = msgspec.json.Decoder(Scores)


@router.put("/v1/predictions/{model}")
async def put(model: str, request: Request) -> Response:
    """Store scores of a model; all of them or none. Scores stored before are harmless, other ones refused."""
    check_id(model, "model", "path")
    body = await read(request.scope, request.receive)
    given = decode(_decoder, body)
    refuse_repeated(body, 2 + len(given.scores) * (1 if isinstance(given.scores, dict) else 2))
    check_id(given.version, "version", "body")
    rows = _rows(model, given, microseconds(now()))
    about = _about(model, given, hashlib.sha256(body).hexdigest())
    check_rows(about, rows, lambda i: _place(given, i))
    server = parts(request.scope)

    def store(connection: Connection) -> Arrival:
        current = server.catalogue.current(connection)
        return take_in(connection, about, rows, current, "body", lambda i: _place(given, i))

    return json_response(await server.intake.write(store))


@router.get("/v1/predictions/{model}")
async def look_up(model: str, request: Request) -> Response:
    """The versions of a model: when their scores are true, how they spread, how far each drifted."""
    check_id(model, "model", "path")
    server = parts(request.scope)

    def read_store(store: Store) -> Versions:
        with store.read() as connection:
            return versions(connection, model, server.catalogue.current(connection))

    return json_response(await run_in_threadpool(read_store, server.store))


def _about(model: str, given: Scores, sha256: str) -> About:
    if given.target is not None:
        check_id(given.target, "target", "body")
    return About(model, given.version, _horizon(given.horizon), given.target or "", given.probability, sha256)


def _horizon(text: str | None) -> timedelta | None:
    try:
        return None if text is None else forms.window(text)
    except ValueError as error:
        raise InputError(f"body: horizon == {text[:40]!r}, {error}; correct it.") from None  # type: ignore[index]


def _rows(model: str, given: Scores, received_us: int) -> Sequence[PredictionRow]:
    """The scores as rows, every id and number checked. Raises `InputError`."""
    as_of_us = received_us if given.as_of is None else microseconds(check_moment(given.as_of, "body"))
    rows = []
    for customer, score, as_of in _each(given):
        check_id(customer, "customer", "body")
        if not -LARGEST < score < LARGEST:
            raise InputError(
                f"body: the score of {customer!r} == {score!r}, must be within +-{LARGEST:.2g}; correct it."
            )
        dated = as_of_us if as_of is None else microseconds(check_moment(as_of, "body"))
        rows.append(PredictionRow(customer, model, given.version, score, dated, received_us))
    return rows


def _each(given: Scores) -> Sequence[tuple[str, float, Instant | None]]:
    if isinstance(given.scores, dict):
        return [(customer, score, None) for customer, score in given.scores.items()]
    return [(one.customer, one.score, one.as_of) for one in given.scores]


def _place(given: Scores, i: int) -> str:
    return "body" if isinstance(given.scores, dict) else f"body, score {i}"
