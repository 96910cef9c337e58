"""The short written forms of a program file: "2 per 7 days", "14 days", "21:00-08:00", "18:30"."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import cast
from zoneinfo import ZoneInfo, available_timezones

from engine.domain import Cap, Cooldown, QuietHours, Quota
from engine.errors import nearest
from engine.period import Period, PeriodUnit

_UNITS = {"minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_LENGTH = re.compile(r"(?:([1-9][0-9]{0,4}) )?(minute|hour|day|week)s?")
_PERIOD = re.compile(r"(?:([1-9][0-9]{0,4}) )?(minute|hour|day|week|month)s?")
_MOST: dict[PeriodUnit, int] = {"minute": 5_270_400, "hour": 87_840, "day": 3660, "week": 522, "month": 120}
_CAP = re.compile(r"([1-9][0-9]{0,3}) per (.+)")
_FLOW = re.compile(r"([1-9][0-9]{0,8}) per (.+)")
_QUOTA = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)(?: per (.+))?")
_COOLDOWN = re.compile(
    r"([A-Za-z0-9_.-]{1,64})(?: ([1-9][0-9]{0,3}) times?)?(?: in ([0-9a-z ]+))?: pause (.+)"
)
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def window(text: object) -> timedelta:
    """A length of time such as "14 days", "36 hours" or "week"."""
    found = _LENGTH.fullmatch(text) if isinstance(text, str) else None
    if not found:
        months = isinstance(text, str) and re.fullmatch(r"([1-9][0-9]* )?(month|year)s?", text)
        hint = "; months and years differ in length, so say how many days" if months else ""
        raise ValueError(f'must be a length of time such as "14 days", "36 hours" or "2 weeks"{hint}')
    length = timedelta(seconds=int(found[1] or 1) * _UNITS[found[2]])
    if length > timedelta(days=3660):
        raise ValueError("must be at most 10 years")
    return length


def period(text: object) -> Period:
    """A stretch of the calendar such as "day", "week", "month" or "3 months"."""
    found = _PERIOD.fullmatch(text) if isinstance(text, str) else None
    if not found:
        raise ValueError('must be a stretch of the calendar such as "day", "week", "month" or "14 days"')
    count, unit = int(found[1] or 1), cast(PeriodUnit, found[2])
    if count > _MOST[unit]:
        raise ValueError("must be at most 10 years")
    if unit == "day" and count % 7 == 0:
        return Period(count // 7, "week")
    return Period(count // 60, "hour") if unit == "minute" and count % 60 == 0 else Period(count, unit)


def zone(text: object) -> str:
    """A time zone by its IANA name, such as "Europe/Oslo"."""
    if text == "UTC":
        return "UTC"
    known = available_timezones()
    if isinstance(text, str) and text in known:
        return text
    raise ValueError(no_zone(text if isinstance(text, str) else ""))


def no_zone(text: str) -> str:
    """What a text that is no time zone must be, with the nearest that is one."""
    hint = nearest(text, available_timezones()) if text else ""
    hint = f".{hint.rstrip('?')}?" if "Did you mean" in hint else ""
    return f'must be the name of a time zone, such as "Europe/Oslo" or "UTC"{hint}'


def cap(text: object) -> Cap:
    """A contact cap such as "2 per 7 days"."""
    found = _CAP.fullmatch(text) if isinstance(text, str) else None
    if not found:
        raise ValueError('must be a count per length of time, such as "2 per 7 days"')
    return Cap(int(found[1]), window(found[2]))


def flow(text: object) -> Cap:
    """What may come from one source, such as "20000 per day"."""
    found = _FLOW.fullmatch(text) if isinstance(text, str) else None
    if not found:
        raise ValueError('must be a count per length of time, such as "20000 per day"')
    return Cap(int(found[1]), window(found[2]))


def cooldown(text: object) -> Cooldown:
    """A cool-down such as "ignored 2 times in 30 days: pause 60 days"."""
    found = _COOLDOWN.fullmatch(text) if isinstance(text, str) else None
    if not found:
        raise ValueError(
            "must say after what to pause, and how long, in quotes, "
            'such as "ignored 2 times in 30 days: pause 60 days" or "purchase: pause 90 days"'
        )
    kind, count, within, length = found.groups()
    pause = window(length)
    return Cooldown(kind, int(count or 1), window(within) if within else pause, pause)


def quota(given: object) -> Quota:
    """An amount, in all or in each stretch of the calendar: 500, or "5000 per month"."""
    found = _QUOTA.fullmatch(given) if isinstance(given, str) else None
    if isinstance(given, bool) or not (found or isinstance(given, int | float)):
        raise ValueError(
            'must be an amount, such as 500, or one per day, week or month, such as "5000 per week"'
        )
    amount = float(found[1]) if found else float(given)  # type: ignore[arg-type]
    if not 0 < amount < math.inf:
        raise ValueError("must be more than 0 and finite; leave the limit out for none")
    return Quota(amount, period(found[2]) if found and found[2] else None)


def whole(given: object) -> Quota:
    """A quota of pieces or contacts, of which there are no halves."""
    found = quota(given)
    if found.amount % 1:
        raise ValueError("must be a whole number")
    return found


def wall_time(text: object) -> time:
    """A local wall time, "HH:MM"."""
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    if not found:
        raise ValueError('must be a time of day from "00:00" to "23:59", such as "18:30"')
    return time(int(found[1]), int(found[2]))


def quiet(text: object) -> QuietHours:
    """Quiet hours such as "21:00-08:00"; they may cross midnight."""
    parts = text.split("-") if isinstance(text, str) else []
    if len(parts) != 2 or not all(_TIME.fullmatch(part.strip()) for part in parts):
        raise ValueError('must be two times of day, such as "21:00-08:00"')
    start, end = (wall_time(part.strip()) for part in parts)
    if start == end:
        raise ValueError("must not start and end at the same time; leave it out for no quiet hours")
    return QuietHours(start, end)


def day(text: object) -> date:
    """A local date such as "2026-12-25"."""
    try:
        if isinstance(text, str) and _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise ValueError('must be a date such as "2026-12-25"')


def start(text: object) -> datetime:
    """The first moment: a date counts from its midnight; without a zone where none is written."""
    return _instant(text)


def end(text: object) -> datetime:
    """The moment after the last: a date counts to its end; without a zone where none is written."""
    whole_day = isinstance(text, str) and _DATE.fullmatch(text)
    return _instant(text) + timedelta(days=1 if whole_day else 0)


def _instant(text: object) -> datetime:
    try:
        at = datetime.fromisoformat(text if isinstance(text, str) else "")
    except ValueError:
        raise ValueError('must be a date such as "2026-11-24" or a time "2026-11-24T08:00+01:00"') from None
    if not 1900 <= at.year < 3000:
        raise ValueError("must be from the year 1900 to 2999; leave it out for no such limit")
    return at.astimezone(UTC) if at.tzinfo else at


def moment(at: datetime, zone: str) -> datetime:
    """The instant of a moment, on the zone's wall clock, which it is of if it says no other."""
    return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))).astimezone(ZoneInfo(zone))
