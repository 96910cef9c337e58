"""`PUT /v1/predictions/{model}`: scores of many customers; the next decision goes by them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import Response

from engine.api.body import decode, json_response, read, refuse_repeated
from engine.api.moments import check_moment, now
from engine.api.parts import parts
from engine.calendar import microseconds
from engine.errors import InputError
from engine.store import predictions
from engine.store.rows import PredictionRow
from engine.track import Instant
from engine.values import LARGEST, Id, check_id

router = APIRouter()


class CustomerScore(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The score of one customer."""

    customer: Id
    score: float


class Scores(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Scores of one version of a model, by customer or as a list; `as_of` is now if left out."""

    version: Id
    scores: dict[str, float] | list[CustomerScore]
    as_of: Instant | None = None


class Stored(msgspec.Struct, frozen=True):
    """What was stored, and the programs whose decisions go by this model."""

    model: str
    version: str
    customers: int
    used_by: list[str]


_decoder = msgspec.json.Decoder(Scores)


@router.put("/v1/predictions/{model}")
async def put(model: str, request: Request) -> Response:
    """Store scores of a model; all of them or none."""
    check_id(model, "model", "path")
    body = await read(request.scope, request.receive)
    given = decode(_decoder, body)
    refuse_repeated(body, 2 + len(given.scores) * (1 if isinstance(given.scores, dict) else 2))
    scores = _by_customer(given)
    check_id(given.version, "version", "body")
    received_us = microseconds(now())
    as_of_us = received_us if given.as_of is None else microseconds(check_moment(given.as_of, "body"))
    rows = [
        PredictionRow(customer, model, given.version, score, as_of_us, received_us)
        for customer, score in scores.items()
    ]

    server = parts(request.scope)

    def store(connection: Connection) -> list[str]:
        current = server.catalogue.current(connection)
        predictions.put_predictions(connection, rows)
        return [program.name for program in current if model in program.predictions]

    used_by = await server.intake.write(store)
    return json_response(Stored(model, given.version, len(rows), used_by))


def _by_customer(given: Scores) -> Mapping[str, float]:
    """The scores by customer, every one checked. Raises `InputError`."""
    if isinstance(given.scores, dict):
        scores = given.scores
    else:
        scores = {one.customer: one.score for one in given.scores}
        if len(scores) < len(given.scores):
            raise InputError("body: a customer stands twice in scores; send one score each.")
    for customer, score in scores.items():
        check_id(customer, "customer", "body")
        if not -LARGEST < score < LARGEST:
            raise InputError(
                f"body: the score of {customer!r} == {score!r}, must be within +-{LARGEST:.2g}; correct it."
            )
    return scores
