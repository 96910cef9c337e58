"""Times at the border of the server: aware, and within the years that calendars can be reckoned in."""

from __future__ import annotations

from datetime import UTC, datetime

from engine.errors import InputError

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def check_moment(at: datetime, where: str) -> datetime:
    """The time itself. Raises `InputError` if it is before 1970 or after 2199."""
    if not EARLIEST <= at < LATEST:
        raise InputError(f"{where}: at == {str(at)!r}, must be from 1970 to 2199; correct it.")
    return at


def now() -> datetime:
    """The clock, read at the edge and nowhere else; to the millisecond, which requests of a group share."""
    read = datetime.now(UTC)
    return read.replace(microsecond=read.microsecond // 1000 * 1000)
