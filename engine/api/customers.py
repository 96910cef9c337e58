"""`/v1/customers/{id}`: what is known of a customer; changed, looked up, forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from engine.api.body import decode, json_response, read, refuse_repeated
from engine.api.decisions import Feature
from engine.api.moments import now
from engine.api.parts import parts
from engine.calendar import instant, microseconds
from engine.domain import Program
from engine.erase import TakenBack, buried, take_back
from engine.erase import erase as erase_customer
from engine.errors import InputError, NotFoundError
from engine.merge import merge as merge_ids
from engine.store import Store, customers, merges, predictions
from engine.store.rows import CustomerRow, PredictionRow
from engine.track import check_zone
from engine.values import Id, check_id, checked, types

router = APIRouter()
AT_MOST = 256


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is now known: laid over what was known before; null takes an attribute or a consent away."""

    attributes: dict[Id, Feature] = {}
    consent: dict[Id, bool | None] = {}
    zone: str | None = None


class Score(msgspec.Struct, frozen=True):
    """The newest score of a model."""

    score: float
    version: str
    as_of: datetime


class Customer(msgspec.Struct, frozen=True):
    """What is known of a customer."""

    customer: str
    attributes: dict[str, Any]
    consent: dict[str, Any]
    zone: str | None
    predictions: dict[str, Score]
    updated_at: datetime


class MergeAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The id that turned out to be somebody known by another."""

    customer: Id


class MergeReply(msgspec.Struct, frozen=True):
    """Whom both ids stand for, whether that is new, and the programs in which they were in different arms."""

    customer: str
    new: bool
    contaminated: list[str]


_decoder, _merge_decoder = msgspec.json.Decoder(Change), msgspec.json.Decoder(MergeAsked)


@router.patch("/v1/customers/{id}")
async def change(id: str, request: Request) -> Response:
    """Lay attributes, consents and the time zone over what is known; the next decision goes by them."""
    check_id(id, "customer", "path")
    body = await read(request.scope, request.receive)
    changed = decode(_decoder, body)
    refuse_repeated(body, len(changed.attributes) + len(changed.consent) + 1)
    _check(changed)
    server = parts(request.scope)
    at_us = microseconds(now())

    def store(connection: Connection) -> Customer:
        check_types(server.catalogue.current(connection), changed.attributes)
        row = CustomerRow(id, changed.attributes, changed.consent, changed.zone, at_us)
        customers.put_customers(connection, [row])
        return _found(connection, id)

    return json_response(await server.intake.write(store))


@router.post("/v1/customers/{id}/merge")
async def merge(id: str, request: Request) -> Response:
    """Another id turns out to be this customer: histories, consents and caps are joined, one arm serves."""
    check_id(id, "customer", "path")
    body = await read(request.scope, request.receive)
    told = decode(_merge_decoder, body)
    refuse_repeated(body, 1)
    check_id(told.customer, "customer", "body")

    def store(connection: Connection) -> MergeReply:
        done = merge_ids(connection, told.customer, id, now(), "api")
        return MergeReply(done.person, done.new, list(done.contaminated))

    return json_response(await parts(request.scope).intake.write(store))


@router.get("/v1/customers/{id}")
async def look_up(id: str, request: Request) -> Response:
    """What is known of a customer."""
    check_id(id, "customer", "path")

    def read_store(store: Store) -> Customer:
        with store.read() as connection:
            return _found(connection, id)

    return json_response(await run_in_threadpool(read_store, parts(request.scope).store))


@router.delete("/v1/customers/{id}")
async def erase(id: str, request: Request) -> Response:
    """Erase a customer: profile, scores, decisions, outcomes, and what policies have learnt from them."""
    check_id(id, "customer", "path")
    server = parts(request.scope)

    def prepare(store: Store) -> dict[str, TakenBack]:
        with store.read() as connection:
            return take_back(connection, id)

    prepared, tombstone = await run_in_threadpool(prepare, server.store), buried()
    await server.intake.write(lambda connection: erase_customer(connection, id, tombstone, now(), prepared))
    return Response(status_code=204)


def _check(changed: Change) -> None:
    for name, given in (("attributes", changed.attributes), ("consent", changed.consent)):
        if len(given) > AT_MOST:
            raise InputError(f"body: {len(given)} {name} given, at most {AT_MOST} are taken; send fewer.")
        for key in given:
            check_id(key, f"a name among {name}", "body")
    if changed.zone is not None:
        check_zone(changed.zone, "body")


def check_types(current: Iterable[Program], attributes: Mapping[str, Feature]) -> None:
    """Refuse a value that a program which knows the attribute could not take."""
    for program in current:
        known = types(program)
        ours = {name: value for name, value in attributes.items() if name in known}
        checked(program, ours, f"body, program '{program.name}'")


def _found(connection: Connection, id: str) -> Customer:
    id = merges.person_of(connection, id)
    row = customers.customers(connection, [id]).get(id)
    if row is None:
        raise _unknown(id)
    scores = predictions.predictions(connection, [id]).get(id, {})
    return Customer(
        row.id,
        dict(row.attributes),
        dict(row.consent),
        row.zone,
        {model: _score(one) for model, one in scores.items()},
        instant(row.updated_us),
    )


def _score(row: PredictionRow) -> Score:
    return Score(row.score, row.version, instant(row.as_of_us))


def _unknown(id: str) -> NotFoundError:
    return NotFoundError(f"customer {id[:40]!r} is not in the store; PATCH makes a new one.")
