"""`POST /v1/outcomes`: what customers did, one or many at once; an event told twice counts once."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from engine.api.body import decode, read, refuse_repeated, respond_json, respond_problem
from engine.api.moments import check_moment, now
from engine.api.parts import parts
from engine.api.problem import problem_of
from engine.api.source import source
from engine.astray import astray
from engine.calendar import microseconds
from engine.errors import NextbestError
from engine.track import OutcomeEvent, check_event, track


class Received(msgspec.Struct, frozen=True, omit_defaults=True):
    """How many outcomes were received, and how many of them were known before by their `event`.

    `warnings` says which of them name a decision they cannot follow, which earn nothing, which say how a
    contact went that was none, and which have a date far ahead; all are kept.
    """

    received: int
    new: int
    duplicates: int
    warnings: list[str] = []


_decoder = msgspec.json.Decoder(OutcomeEvent | list[OutcomeEvent])


class OutcomeRoute:
    """The endpoint as plain ASGI."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Store the outcomes of one request; all of them or none."""
        try:
            sent_by = source(scope)
            events = _events(await read(scope, receive))
            server, at_us = parts(scope), microseconds(now())

            def store(connection: Connection) -> tuple[int, list[str]]:
                return track(connection, events, at_us, sent_by).outcomes, astray(connection, events, at_us)

            new, warnings = await server.intake.write(store)
        except NextbestError as error:
            await respond_problem(send, problem_of(error))
        except ClientDisconnect:
            return
        else:
            server.metrics.outcomes.inc(len(events))
            await respond_json(send, Received(len(events), new, len(events) - new, warnings))


def _events(body: bytes) -> list[OutcomeEvent]:
    """The events of a body, every one checked. Raises `InputError`."""
    found = decode(_decoder, body)
    events = found if isinstance(found, list) else [found]
    refuse_repeated(body, 4 * len(events))
    for number, event in enumerate(events):
        where = f"body, event {number}" if isinstance(found, list) else "body"
        check_event(event, where)
        check_moment(event.at, where)
    return events
