"""`POST /v1/track`, `/v1/identify`, `/v1/batch`: events as Segment's libraries send them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import parse_qs

import msgspec
from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import Response
from starlette.types import Scope
from xxhash import xxh3_128_hexdigest

from engine.api.body import decode, json_response, read, refuse_repeated
from engine.api.customers import check_types
from engine.api.decisions import Question, answered
from engine.api.moments import check_moment, now
from engine.api.parts import parts
from engine.api.source import source
from engine.calendar import microseconds
from engine.domain import Program
from engine.errors import InputError, NotFoundError, nearest
from engine.reply import Decision
from engine.request import Request as Asked
from engine.segment import Message, Parcel, events, features
from engine.track import Event, IdentifyEvent, OutcomeEvent, track
from engine.values import ID_LENGTH

router = APIRouter()


class Taken(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was taken in: outcomes that are `new` or `duplicates`, customers of whom something is now known.

    `merged` ids turned out to be somebody known by another. `skipped` messages tell nothing that is kept
    (page, screen, group). `decision` is the one that the event set off.
    """

    success: bool
    outcomes: int
    new: int
    duplicates: int
    customers: int
    skipped: int
    merged: int = 0
    decision: Decision | None = None


_message, _parcel = msgspec.json.Decoder(Message), msgspec.json.Decoder(Parcel)
T = TypeVar("T")


async def _read(request: Request, decoder: msgspec.json.Decoder[T]) -> T:
    source(request.scope)  # nothing is read of who is not known
    body = await read(request.scope, request.receive)
    found = decode(decoder, body)
    refuse_repeated(body, 0)
    return found


@router.post("/v1/track")
async def on_track(request: Request) -> Response:
    """Something a customer did. With ?decide=PROGRAM the answer holds the decision that it sets off."""
    started = time.perf_counter()
    message = await _read(request, _message)
    received, server = now(), parts(request.scope)
    told = events(message, "track", received, "body")
    taken, program = await _take(request.scope, told, 0, _program(request))
    if program is not None:
        outcome = next(event for event in told if isinstance(event, OutcomeEvent))
        question = Question(outcome.customer, program.name, explain=True)
        asked = Asked(
            outcome.customer, program.name, _key(outcome.event), received, features(program, message)
        )
        decision = await answered(server, asked, question, started)
        taken = msgspec.structs.replace(taken, decision=decision)
    return json_response(taken)


@router.post("/v1/identify")
async def on_identify(request: Request) -> Response:
    """What is now known of a customer: traits laid over the attributes. The next decision goes by them."""
    message = await _read(request, _message)
    taken, _ = await _take(request.scope, events(message, "identify", now(), "body"), 0, None)
    return json_response(taken)


@router.post("/v1/alias")
async def on_alias(request: Request) -> Response:
    """Two ids are one person: what was known under previousId belongs to userId from now on."""
    message = await _read(request, _message)
    taken, _ = await _take(request.scope, events(message, "alias", now(), "body"), 0, None)
    return json_response(taken)


@router.post("/v1/batch")
async def on_batch(request: Request) -> Response:
    """Many messages at once, each with its type; all of them are taken in, or none."""
    messages = (await _read(request, _parcel)).messages()
    received = now()
    found = [
        events(one, None, received, f"body, batch message {number}") for number, one in enumerate(messages)
    ]
    told = [event for one in found for event in one]
    taken, _ = await _take(request.scope, told, sum(not one for one in found), None)
    return json_response(taken)


async def _take(
    scope: Scope, told: Sequence[Event], skipped: int, decide: str | None
) -> tuple[Taken, Program | None]:
    """Store events; returns the program that is to decide too, if one is named.

    Raises:
        InputError: nothing is stored.
    """
    for event in told:
        if isinstance(event, OutcomeEvent):
            check_moment(event.at, "body")
    server, at_us, sent_by = parts(scope), microseconds(now()), source(scope)

    def store(connection: Connection) -> tuple[Taken, Program | None]:
        current = server.catalogue.current(connection)
        program = None if decide is None else _named(current, decide)
        for event in told:
            if isinstance(event, IdentifyEvent):
                check_types(current, event.attributes)
        found = track(connection, told, at_us, sent_by)
        outcomes = found.outcomes + found.duplicates
        counts = (outcomes, found.outcomes, found.duplicates, found.customers, skipped, found.merged)
        return Taken(True, *counts), program

    taken, program = await server.intake.write(store)
    server.metrics.outcomes.inc(taken.outcomes)
    return taken, program


def _program(request: Request) -> str | None:
    """The program named in the query. Raises `InputError` for anything else there."""
    query = parse_qs(request.url.query, keep_blank_values=True)
    for name, values in query.items():
        if name != "decide":
            raise InputError(f"query: {name[:40]!r} is not known.{nearest(name, ['decide'])}")
        if len(values) > 1:
            raise InputError("query: decide stands twice; name one program.")
    return query["decide"][0] if query else None


def _named(current: Sequence[Program], name: str) -> Program:
    found = {program.name: program for program in current}
    if name not in found:
        raise NotFoundError(
            f"query: decide == {name[:40]!r}, there is no such program.{nearest(name, found)}"
        )
    return found[name]


def _key(event: str) -> str:
    """The decision's key: the same for the same message, so that a retry gets the same decision."""
    key = f"track:{event}"
    return key if len(key) <= ID_LENGTH else f"track:{xxh3_128_hexdigest(event.encode())}"
