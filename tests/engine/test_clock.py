"""The clock of lanes: what is found for a minute is what each instant of it has."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time

from hypothesis import given, settings
from hypothesis import strategies as st

from engine import clock
from engine.calendar import instant, is_holiday, is_quiet, known_zone, microseconds, send_instant
from engine.domain import QuietHours
from engine.hurdles import NONE, Lanes
from engine.program import loads
from engine.screen import screen
from tests.engine.programs import TEXT

ZONES = (None, "Europe/Oslo", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Monrovia")
NIGHT = datetime(2026, 10, 25, 0, 58, tzinfo=UTC)  # two minutes before Oslo sets its clocks back
EVE = datetime(2026, 12, 24, 22, 58, tzinfo=UTC)  # two minutes before Christmas in Oslo
LIBERIA = datetime(1972, 1, 7, 0, 43, tzinfo=UTC)  # 44 minutes 30 seconds behind till then
PROGRAM = loads(TEXT.encode(), "spring.yaml", 1)

times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 2, 30, 59]), st.sampled_from([0, 0, 0, 15]))
moments = st.builds(
    lambda base, us: microseconds(base) + us,
    st.sampled_from(
        [NIGHT, datetime(2026, 12, 24, 22, 58, tzinfo=UTC), datetime(1972, 1, 7, 0, 43, tzinfo=UTC)]
    ),
    st.sampled_from([0, 1, 59_999_999, 60_000_000, 60_000_001]) | st.integers(0, 300_000_000),
)


def lanes(at: time, quiet: tuple[time, time], holiday: date) -> Lanes:
    channels = tuple(replace(one, quiet=QuietHours(*quiet)) for one in PROGRAM.channels)
    slots = tuple(replace(one, at=None if i == 0 else at) for i, one in enumerate(PROGRAM.slots))
    return screen(replace(PROGRAM, channels=channels, slots=slots, holidays=(holiday,))).hurdles.lanes


@settings(max_examples=60, deadline=None)
@given(
    times,
    st.tuples(times, times),
    st.lists(st.tuples(moments, st.sampled_from(ZONES)), min_size=1, max_size=8),
)
def test_an_instant_is_read_as_if_nobody_had_asked_in_its_minute_before(
    at: time, quiet: tuple[time, time], asked: list[tuple[int, str | None]]
) -> None:
    made = lanes(at, quiet, date(2026, 12, 25))
    for at_us, zone in asked:
        closed, sends = clock.read(made, zone, at_us)
        expected = [send_instant(slot, instant(at_us), known_zone(zone)) for slot in made.slots]
        assert sends == [*(at_us if one is None else microseconds(one) for one in expected), at_us]
        for lane, number in zip(made.every, closed, strict=False):
            send = expected[lane.slot]
            shut = send is None or is_holiday(made.holidays, send, known_zone(zone))
            shut = shut or send is None or is_quiet(made.hours[lane.hours], send, known_zone(zone))
            assert (number != NONE) == shut
        assert closed[-1] == NONE
