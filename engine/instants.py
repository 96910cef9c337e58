"""Instants as the store keeps them: microseconds since 1970 UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def microseconds(at: datetime) -> int:
    """Microseconds since 1970 UTC, exactly."""
    return (at - EPOCH) // MICROSECOND


def instant(at_us: int) -> datetime:
    """The UTC instant of a microsecond count."""
    return EPOCH + at_us * MICROSECOND
