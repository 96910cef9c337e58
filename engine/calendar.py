"""Send times and quiet hours in the customer's own time zone, right on both nights the clocks change."""

from __future__ import annotations

from collections.abc import Set
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from engine.domain import QuietHours, Slot
from engine.instants import EPOCH as EPOCH
from engine.instants import MICROSECOND as MICROSECOND
from engine.instants import instant as instant
from engine.instants import microseconds as microseconds

WEST, EAST = timedelta(hours=-12), timedelta(hours=14)  # between these is every zone in use


@lru_cache(maxsize=1024)
def known_zone(name: str | None) -> ZoneInfo | None:
    """The zone, or None if it is unknown: the caller then takes the strictest reading."""
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def send_instant(slot: Slot, at: datetime, zone: ZoneInfo | None) -> datetime | None:
    """When a decision at `at` would be sent in `slot`, as a UTC instant; None if the slot has passed.

    A wall time that the clocks skip is read as the same time before the change, an hour later on the wall.
    A zone not known is read as UTC.
    """
    if slot.at is None:
        return at
    local = at.astimezone(zone or UTC)
    wall = datetime.combine(local.date() + timedelta(days=slot.days), slot.at, tzinfo=zone or UTC)
    send = wall.astimezone(UTC)
    return send if send >= at else None


def is_quiet(quiet: QuietHours, send: datetime, zone: ZoneInfo | None) -> bool:
    """Whether `send` falls into quiet hours on the customer's wall clock; an unknown zone is always quiet."""
    if zone is None:
        return True
    wall = send.astimezone(zone).time()
    if quiet.start <= quiet.end:
        return quiet.start <= wall < quiet.end
    return wall >= quiet.start or wall < quiet.end


def is_holiday(holidays: Set[date], send: datetime, zone: ZoneInfo | None) -> bool:
    """Whether `send` falls on a holiday of the customer's calendar; with an unknown zone, on one anywhere."""
    if not holidays:
        return False
    if zone is not None:
        return send.astimezone(zone).date() in holidays
    return not holidays.isdisjoint(((send + WEST).date(), send.date(), (send + EAST).date()))
