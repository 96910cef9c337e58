"""Outcomes that name a decision they cannot follow: kept, but they earn nothing, so the sender is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from engine.calendar import instant, microseconds
from engine.store import decisions
from engine.track import Event, OutcomeEvent

AT_MOST = 20  # sentences; a sender with more of them has one mistake, not many


def astray(connection: Connection, events: Sequence[Event]) -> list[str]:
    """A sentence for each outcome that names no decision of its customer, or one that was made after it."""
    naming = [event for event in events if isinstance(event, OutcomeEvent) and event.decision is not None]
    if not naming:
        return []
    said = list(_sentences(connection, naming))
    left = len(said) - AT_MOST
    return said if left <= 0 else [*said[:AT_MOST], f"and {left:,} more like these."]


def _sentences(connection: Connection, events: Sequence[OutcomeEvent]) -> Iterator[str]:
    made = decisions.made_for(connection, {event.decision or "" for event in events})
    for event in events:
        customer, at_us = made.get(event.decision or "", ("", 0))
        what = f"event '{event.event}': decision '{event.decision}'"
        if not customer:
            yield f"{what} is not in the store, so the outcome earns nothing; copy the id from the reply."
        elif customer != event.customer:
            yield f"{what} is of another customer than '{event.customer}', so the outcome earns nothing."
        elif microseconds(event.at) < at_us:
            yield f"{what} was made at {instant(at_us).isoformat()}, after the outcome, which earns nothing."
