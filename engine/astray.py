"""Outcomes with a date or a decision that cannot be right: they are kept, and the sender is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from engine.calendar import instant, microseconds
from engine.kinds import DELIVERY
from engine.store import decisions, merges
from engine.track import Event, OutcomeEvent

AT_MOST = 20  # sentences; a sender with more of them has one mistake, not many
AHEAD_US = 31 * 86_400_000_000  # what is dated later is a wrong date, not a plan


def astray(connection: Connection, events: Sequence[Event], now_us: int) -> list[str]:
    """A sentence for each outcome that is dated far ahead, or names no decision of its customer, one that was
    made after it, or, of how a contact went, one that sent nothing."""
    outcomes = [event for event in events if isinstance(event, OutcomeEvent)]
    naming = [event for event in outcomes if event.decision is not None]
    said = [*_ahead(outcomes, now_us), *(_sentences(connection, naming) if naming else ())]
    left = len(said) - AT_MOST
    return said if left <= 0 else [*said[:AT_MOST], f"and {left:,} more like these."]


def _ahead(events: Sequence[OutcomeEvent], now_us: int) -> Iterator[str]:
    now, latest = instant(now_us).isoformat(), instant(now_us + AHEAD_US)
    for event in events:
        if event.at > latest:
            said = f"event '{event.event}' is dated {event.at.isoformat()}, now is {now}"
            yield f"{said}: correct the date and tell it under a new event id."


def _sentences(connection: Connection, events: Sequence[OutcomeEvent]) -> Iterator[str]:
    made = decisions.made_for(connection, {event.decision or "" for event in events})
    people = merges.people(connection, {event.customer for event in events})
    for event in events:
        customer, at_us, contact = made.get(event.decision or "", ("", 0, False))
        what = f"event '{event.event}': decision '{event.decision}'"
        if not customer:
            yield f"{what} is not in the store, so the outcome earns nothing; copy the id from the reply."
        elif customer != people.get(event.customer, event.customer):
            yield f"{what} is of another customer than '{event.customer}', so the outcome earns nothing."
        elif microseconds(event.at) < at_us:
            yield f"{what} was made at {instant(at_us).isoformat()}, after the outcome, which earns nothing."
        elif event.kind in DELIVERY and not contact:
            yield f"{what} sent nothing, and yet '{event.kind}' is told of it; look at what your tool sends."
