"""Requests to situations.

The stored arm, profile, predictions and contacts of each customer, in four look-ups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Connection

from engine.assign import assign, unit_hash
from engine.calendar import MICROSECOND, microseconds
from engine.contact import longest_window
from engine.domain import ArmName, AttributeType, Program
from engine.request import Request
from engine.situation import Contact, Situation
from engine.store import assignments, customers, decisions, predictions
from engine.store.rows import AssignmentRow, CustomerRow, PredictionRow
from engine.values import fits, types

_WEEK = timedelta(days=7)


def arms_of(connection: Connection, program: Program, ids: Sequence[str], at: datetime) -> list[ArmName]:
    """The stored arm of each customer; whoever is new is assigned now, and for ever."""
    known = cast(dict[str, ArmName], assignments.assignments(connection, program.name, ids))
    new = [customer for customer in dict.fromkeys(ids) if customer not in known]
    if new:
        fresh = dict(zip(new, assign(program, new), strict=True))
        at_us = microseconds(at)
        assignments.put_assignments(
            connection,
            [
                AssignmentRow(
                    program.name, customer, arm, program.salt, _signed(program.salt, customer), at_us
                )
                for customer, arm in fresh.items()
            ],
        )
        known = {**known, **fresh}
    return [known[customer] for customer in ids]


def _signed(salt: str, customer: str) -> int:
    """The hash a customer is assigned by, as the signed 64 bits a database holds."""
    hashed = unit_hash(salt, customer)
    return hashed - (1 << 64) if hashed >> 63 else hashed


def gather(
    connection: Connection, program: Program, requests: Sequence[Request], arms: Sequence[ArmName]
) -> list[Situation]:
    """What the store knows of the customers of these requests, with each request's own context on top."""
    ids = [request.customer for request in requests]
    profiles = customers.customers(connection, ids)
    scores = predictions.predictions(connection, ids) if program.predictions else {}
    at_us = [microseconds(request.at) for request in requests]
    caps = [*program.caps, *(cap for channel in program.channels for cap in channel.caps)]
    latest = timedelta(
        days=1 + max(slot.days for slot in program.slots)
    )  # a contact is sent after its decision
    back = max(longest_window(caps), _WEEK) + latest
    history: dict[str, list[Contact]] = {}
    for row in decisions.contacts(connection, ids, min(at_us) - back // MICROSECOND):
        history.setdefault(row.customer, []).append(Contact(row.at_us, row.offer, row.channel))
    unknown = CustomerRow("", {}, {}, None, 0)
    found = [profiles.get(customer, unknown) for customer in ids]
    known = types(program)
    return [
        Situation(
            request.customer,
            request.key,
            at,
            arm,
            _known(known, profile.attributes, scores.get(request.customer, {}), request.context),
            dict(profile.consent),
            history.get(request.customer, []),
            profile.zone,
            explore=request.explore,
        )
        for request, at, arm, profile in zip(requests, at_us, arms, found, strict=True)
    ]


def _known(
    types: Mapping[str, AttributeType],
    attributes: Mapping[str, Any],
    scores: Mapping[str, PredictionRow],
    request: Mapping[str, Any],
) -> dict[str, Any]:
    """The values that are known, the request's before the prediction's before the profile's.

    A stored value that is not of the type the program declares counts as not known.
    """
    stored = {**attributes, **{model: row.score for model, row in scores.items()}}
    sound = {name: value for name, value in stored.items() if name in types and fits(types[name], value)}
    return {name: value for name, value in {**sound, **request}.items() if value is not None}
