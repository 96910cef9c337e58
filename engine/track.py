"""Events come in: outcomes of decisions, and what customers are (identify).

Duplicates by event id are harmless.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection

from engine.applied import stored_program
from engine.calendar import instant, microseconds
from engine.errors import InputError
from engine.merge import merge
from engine.program.forms import no_zone
from engine.store import customers, outcomes, programs
from engine.store.rows import CustomerRow, OutcomeRow
from engine.values import FEATURES_AT_MOST, Id, check_id

LARGEST_VALUE = 1e12
Instant = Annotated[
    datetime,
    msgspec.Meta(
        tz=True,
        description="A time with its zone, from 1970 to 2199.",
        extra_json_schema={"pattern": "^(19[7-9]|20|21)"},
    ),
]
Money = Annotated[
    float, msgspec.Meta(extra_json_schema={"minimum": -LARGEST_VALUE, "maximum": LARGEST_VALUE})
]


class OutcomeEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="outcome"):
    """Something a customer did.

    `event` is the sender's id of it; `decision` the decision it follows, if known.
    """

    event: Id
    customer: Id
    kind: Id
    at: Instant
    value: Money = 0.0
    decision: str | None = None


class IdentifyEvent(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="identify"
):
    """What is now known of a customer; given attributes and consents are laid over the stored ones."""

    customer: str
    attributes: dict[str, str | float | int | bool | None] = {}
    consent: dict[str, bool] = {}
    zone: str | None = None


class MergeEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="merge"):
    """Two ids are one person, known as `into` from now on."""

    customer: str
    into: str


Event = OutcomeEvent | IdentifyEvent | MergeEvent


@dataclass(frozen=True, slots=True)
class Tracked:
    """What came in: new outcomes, outcomes known before, customers identified, ids merged."""

    outcomes: int
    duplicates: int
    customers: int
    merged: int = 0


def check_event(event: Event, where: str) -> None:
    """Raise `InputError` for an event that must not be stored."""
    check_id(event.customer, "customer", where)
    if isinstance(event, OutcomeEvent):
        check_id(event.event, "event", where)
        check_id(event.kind, "kind", where)
        if not math.isfinite(event.value) or abs(event.value) > LARGEST_VALUE:
            raise InputError(
                f"{where}: value == {event.value!r}, must be within +-{LARGEST_VALUE:g}; correct it."
            )
    elif isinstance(event, MergeEvent):
        check_id(event.into, "into", where)
    else:
        _check_names(event, where)
        if event.zone is not None:
            check_zone(event.zone, where)


def _check_names(event: IdentifyEvent, where: str) -> None:
    named: tuple[tuple[str, Mapping[str, Any]], ...] = (
        ("attributes", event.attributes),
        ("consent", event.consent),
    )
    for field, given in named:
        if len(given) > FEATURES_AT_MOST:
            raise InputError(
                f"{where}: {len(given)} {field} given, at most {FEATURES_AT_MOST} are taken; send fewer."
            )
        for name in given:
            check_id(name, f"a name among {field}", where)


def check_zone(zone: str, where: str) -> None:
    """Raise `InputError` unless the zone is one of the time zone database."""
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        remedy = no_zone(zone[:40])
        end = "" if remedy.endswith("?") else "; correct it."
        raise InputError(f"{where}: zone == {zone[:40]!r}, {remedy}{end}") from None


def track(connection: Connection, events: Iterable[Event], received_us: int, source: str = "") -> Tracked:
    """Store checked events of a source in the open transaction; ids are merged before the rest."""
    events = list(events)
    merged = [
        merge(connection, event.customer, event.into, instant(received_us), "event")
        for event in events
        if isinstance(event, MergeEvent)
    ]
    happened = [
        _outcome_row(event, received_us, source) for event in events if isinstance(event, OutcomeEvent)
    ]
    known = [_customer_row(event, received_us) for event in events if isinstance(event, IdentifyEvent)]
    new = outcomes.append_outcomes(connection, happened) if happened else 0
    for batch in _one_each(known):
        customers.put_customers(connection, batch)
    new_merges = sum(one.new for one in merged)
    return Tracked(new, len(happened) - new, len({row.id for row in known}), new_merges)


def kinds_without_worth(connection: Connection, events: Iterable[Event]) -> list[str]:
    """Kinds of outcome among the events that no program of the store has in its goal."""
    goals = [stored_program(connection, name).goal for name in programs.program_names(connection)]
    named = {kind for goal in goals for kind in goal.outcomes}
    return sorted({event.kind for event in events if isinstance(event, OutcomeEvent)} - named)


def _one_each(rows: Sequence[CustomerRow]) -> list[list[CustomerRow]]:
    """Rows in batches in which no customer occurs twice, order kept."""
    batches: list[list[CustomerRow]] = []
    seen: dict[str, int] = {}
    for row in rows:
        turn = seen.get(row.id, 0)
        seen[row.id] = turn + 1
        if turn == len(batches):
            batches.append([])
        batches[turn].append(row)
    return batches


def _outcome_row(event: OutcomeEvent, received_us: int, source: str) -> OutcomeRow:
    return OutcomeRow(
        event.event,
        event.decision,
        event.customer,
        event.kind,
        event.value,
        microseconds(event.at),
        received_us,
        source,
    )


def _customer_row(event: IdentifyEvent, received_us: int) -> CustomerRow:
    attributes: Mapping[str, Any] = event.attributes
    return CustomerRow(event.customer, attributes, event.consent, event.zone, received_us)
