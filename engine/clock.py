"""What the clock says of the lanes of a program: which it closes, and when each slot sends.

All that it depends on changes at whole minutes on a wall, so what was found for a minute in a zone serves
whoever else asks in it. Where that is not so, for a slot at 18:30:15 or in the minute in which a zone changes
its clocks, every instant is looked at by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.calendar import instant, is_holiday, is_quiet, known_zone, microseconds, send_instant
from engine.hurdles import NONE, Lane, Lanes
from engine.once import once

_MINUTE_US = 60_000_000
_KEPT = 4096
Minute = tuple[str | None, int]  # a zone, and minutes since 1970 UTC
Sends = list[int | None]  # None: at the instant of the decision
Reading = tuple[list[int], Sends]


def read(lanes: Lanes, zone: str | None, at_us: int) -> tuple[list[int], list[int]]:
    """What closes each lane, and NONE for no_action; when each slot sends, and `at_us` for no_action."""
    minute, over = divmod(at_us, _MINUTE_US)
    found = _of_minute(lanes, (zone, minute)) if over else _at_minute(lanes, (zone, minute))
    closed, sends = found or _reading(lanes, zone, at_us)
    return closed, [at_us if one is None else one for one in sends]


def _of_minute(lanes: Lanes, minute: Minute) -> Reading | None:
    """The reading that holds inside a minute, its first instant left out; None if there is no such one."""
    known = _known(lanes)
    if minute not in known:
        if len(known) >= _KEPT:
            known.clear()
        start_us = minute[1] * _MINUTE_US
        first, last = (_reading(lanes, minute[0], start_us + one) for one in (1, _MINUTE_US - 1))
        known[minute] = first if _whole(lanes) and first == last else None
    return known[minute]


def _at_minute(lanes: Lanes, minute: Minute) -> Reading:
    """The reading at the first instant of a minute, which a batch is often made for."""
    known = _struck(lanes)
    if minute not in known:
        if len(known) >= _KEPT:
            known.clear()
        known[minute] = _reading(lanes, minute[0], minute[1] * _MINUTE_US)
    return known[minute]


@once
def _struck(lanes: Lanes) -> dict[Minute, Reading]:
    return {}


@once
def _known(lanes: Lanes) -> dict[Minute, Reading | None]:
    return {}


@once
def _whole(lanes: Lanes) -> bool:
    """Whether slots and quiet hours begin and end at whole minutes."""
    slots = [slot.at for slot in lanes.slots if slot.at is not None]
    times = [*slots, *(time for hours in lanes.hours for time in (hours.start, hours.end))]
    return all(one.second == one.microsecond == 0 for one in times)


def _reading(lanes: Lanes, zone_name: str | None, at_us: int) -> Reading:
    at, zone = instant(at_us), known_zone(zone_name)
    sends = [send_instant(slot, at, zone) for slot in lanes.slots]
    quiet = [[send is not None and is_quiet(hours, send, zone) for hours in lanes.hours] for send in sends]
    free = lanes.somewhere if zone is None else lanes.holiday
    holiday = [
        free if send is not None and is_holiday(lanes.holidays, send, zone) else NONE for send in sends
    ]
    closed = [
        lane.passed
        if sends[lane.slot] is None
        else min(holiday[lane.slot], _silence(lane, quiet[lane.slot], zone is None))
        for lane in lanes.every
    ]
    return [*closed, NONE], [*(None if send in (None, at) else microseconds(send) for send in sends), None]


def _silence(lane: Lane, quiet: Sequence[bool], unknown: bool) -> int:
    if lane.hours < 0 or not quiet[lane.hours]:
        return NONE
    return lane.unknown_zone if unknown else lane.quiet
