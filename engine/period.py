"""Stretches of the calendar that come again and again: where the one of an instant starts and ends.

Periods follow each other without gap or overlap, whatever a zone's clocks do: one lasts from the instant it
starts until the next one starts. Minutes and hours are counted from 1970 UTC and always last as long. Days,
weeks and months go by the calendar of a zone, from midnight: weeks start on Monday, several months together
with January, several days are counted from 1 January 1970 and several weeks from the Monday after it. A
midnight that the clocks skip is the moment they change; of one that comes twice the first counts.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np

from engine.instants import instant, microseconds
from policies.base import Ints

PeriodUnit = Literal["minute", "hour", "day", "week", "month"]

_MINUTE_US = 60_000_000
_HOUR_US = 60 * _MINUTE_US
_DAY_US = 24 * _HOUR_US
_CLOCK_US: dict[PeriodUnit, int] = {"minute": _MINUTE_US, "hour": _HOUR_US}
_LEAST_DAYS: dict[PeriodUnit, int] = {"day": 1, "week": 7, "month": 28}
_FIRST = date(1970, 1, 1).toordinal()
_MONDAY = date(1970, 1, 5).toordinal()
_CHANGED_US = 3 * _HOUR_US  # a day with a changed clock is that much shorter at most


@dataclass(frozen=True, slots=True)
class Period:
    """So many minutes, hours, days, weeks or months."""

    count: int
    unit: PeriodUnit


def start(period: Period, zone: str, at_us: int) -> int:
    """Where the period that an instant falls into starts; instants in microseconds UTC."""
    if length := _clock_us(period):
        return at_us // length * length
    near = _near(period, zone, at_us // _HOUR_US)
    return near[bisect_right(near, at_us) - 1]


def starts(period: Period, zone: str, at_us: Ints) -> Ints:
    """Where the periods that instants fall into start; of the same shape."""
    if length := _clock_us(period):
        return at_us // length * length
    if not at_us.size:
        return at_us
    first, last = (_number(period, zone, int(one)) for one in (at_us.min(), at_us.max()))
    known = np.array([_start(period, zone, number) for number in range(first, last + 1)], dtype=np.int64)
    return known[np.searchsorted(known, at_us, side="right") - 1]


@lru_cache(maxsize=4096)
def following(period: Period, zone: str, start_us: int, count: int) -> tuple[int, ...]:
    """(count + 1,) where the period that starts then and the `count` after it start."""
    first = _number(period, zone, start_us)
    return tuple(_start(period, zone, first + i) for i in range(count + 1))


def shortest_us(period: Period) -> int:
    """No period lasts less."""
    return _clock_us(period) or period.count * _LEAST_DAYS[period.unit] * _DAY_US - _CHANGED_US


def _clock_us(period: Period) -> int:
    """How long each lasts by the clock; 0 for those that go by the calendar."""
    return period.count * _CLOCK_US.get(period.unit, 0)


@lru_cache(maxsize=4096)
def _near(period: Period, zone: str, hour: int) -> tuple[int, ...]:
    """Where the periods start that the instants of an hour fall into."""
    first, last = (_number(period, zone, at_us) for at_us in (hour * _HOUR_US, (hour + 1) * _HOUR_US - 1))
    return tuple(_start(period, zone, number) for number in range(first, last + 1))


def _number(period: Period, zone: str, at_us: int) -> int:
    """Which period an instant falls into: the last that has started."""
    if length := _clock_us(period):
        return at_us // length
    number = _by_date(period, instant(at_us).astimezone(ZoneInfo(zone)).date())
    while _start(period, zone, number) > at_us:
        number -= 1
    while _start(period, zone, number + 1) <= at_us:
        number += 1
    return number


def _by_date(period: Period, day: date) -> int:
    match period.unit:
        case "month":
            return (12 * (day.year - 1970) + day.month - 1) // period.count
        case "week":
            return (day.toordinal() - _MONDAY) // (7 * period.count)
        case _:
            return (day.toordinal() - _FIRST) // period.count


def _start(period: Period, zone: str, number: int) -> int:
    """The instant at which the period of that number starts."""
    if length := _clock_us(period):
        return number * length
    midnight = datetime.combine(_first_day(period, number), time(), tzinfo=ZoneInfo(zone))
    return microseconds(midnight)


def _first_day(period: Period, number: int) -> date:
    match period.unit:
        case "month":
            years, months = divmod(number * period.count, 12)
            return date(1970 + years, 1 + months, 1)
        case "week":
            return date.fromordinal(_MONDAY + 7 * period.count * number)
        case _:
            return date.fromordinal(_FIRST + period.count * number)
