"""Requests to situations.

The profile, predictions, contacts and outcomes of each person, in a few look-ups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from engine import derived
from engine.calendar import MICROSECOND, microseconds
from engine.contact import longest_window
from engine.domain import AttributeType, Program
from engine.enrol import Enrolled
from engine.happened import happened, wanted
from engine.once import once
from engine.predictions.staleness import dates, means_of, used
from engine.request import Request
from engine.situation import Contact, Happened, Situation
from engine.store import customers, decisions, predictions
from engine.store.rows import CustomerRow
from engine.values import fits, types

_WEEK = timedelta(days=7)
_UNKNOWN = CustomerRow("", {}, {}, None, 0)


def gather(
    connection: Connection, program: Program, requests: Sequence[Request], enrolled: Enrolled
) -> list[Situation]:
    """What the store knows of the people these requests are for, with each request's own context on top."""
    ids = enrolled.people
    profiles = customers.customers(connection, ids)
    scores = predictions.predictions(connection, ids) if program.predictions else {}
    at_us = [microseconds(request.at) for request in requests]
    known, dated = types(program), bool(program.staleness) or derived.asks_age(program)
    means = means_of(connection, program)
    contacts, outcomes = _past(connection, program, ids, at_us)
    made = []
    for i, (request, person, arm) in enumerate(zip(requests, ids, enrolled.arms, strict=True)):
        profile = profiles.get(person, _UNKNOWN)
        rows = scores.get(person, {})
        said = used(program, rows, at_us[i], means)
        made.append(
            Situation(
                person,
                request.key,
                at_us[i],
                arm,
                _known(known, profile.attributes, said, request.context),
                dict(profile.consent),
                contacts[i],
                profile.zone,
                outcomes[i],
                dates(program, rows, request.context, at_us[i]) if dated else {},
                explore=request.explore,
            )
        )
    return made


def _past(
    connection: Connection, program: Program, ids: Sequence[str], at_us: Sequence[int]
) -> tuple[list[list[Contact]], list[list[Happened]]]:
    """The contacts and the outcomes that the program looks at, of each of n decisions."""
    back_us, look = back(program), wanted(program)
    farther = contacts_back(program)
    history: dict[str, list[Contact]] = {}
    for row in decisions.contacts(connection, ids, min(at_us) - farther):
        history.setdefault(row.customer, []).append(Contact(row.at_us, row.offer, row.channel))
    recent = [
        [one for one in history[customer] if one.at_us >= at - back_us] if customer in history else []
        for customer, at in zip(ids, at_us, strict=True)
    ]
    none: list[list[Happened]] = [[] for _ in ids]
    return recent, happened(connection, look, ids, at_us, history) if look else none


def contacts_back(program: Program) -> int:
    """How long before a decision contacts have to be known: for caps, and for what followed them."""
    look = wanted(program)
    return max(back(program), (look.contacts_us or 0) if look else 0)


@once
def back(program: Program) -> int:
    """How long before a decision contacts count: the longest cap, or a week, and the latest slot."""
    owned = (
        program.caps,
        *(one.caps for one in program.channels),
        *(one.caps for one in program.groups),
        *(one.caps for one in program.offers),
    )
    caps = [cap for caps in owned for cap in caps]
    latest = timedelta(days=1 + max(slot.days for slot in program.slots))  # sent after it is decided
    return (max(longest_window(caps), _WEEK) + latest) // MICROSECOND


def _known(
    types: Mapping[str, AttributeType],
    attributes: Mapping[str, Any],
    scores: Mapping[str, float],
    request: Mapping[str, Any],
) -> dict[str, Any]:
    """The values that are known, the request's before the prediction's before the profile's.

    A stored value that is not of the type the program declares counts as not known.
    """
    if not attributes and not scores and None not in request.values():
        return dict(request)
    stored = {**attributes, **scores}
    sound = {name: value for name, value in stored.items() if name in types and fits(types[name], value)}
    return {name: value for name, value in {**sound, **request}.items() if value is not None}
