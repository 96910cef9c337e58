from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.calendar import instant, is_quiet, known_zone, microseconds, send_instant
from engine.domain import QuietHours, Slot

OSLO = ZoneInfo("Europe/Oslo")
NIGHT = QuietHours(time(21), time(8))
TONIGHT = Slot("tonight", time(18, 30))


@given(st.datetimes(timezones=st.just(UTC)))
def test_microseconds_and_instants_are_inverse(at: datetime) -> None:
    assert instant(microseconds(at)) == at


def test_a_slot_is_the_customers_own_evening() -> None:
    at = datetime(2026, 11, 24, 8, tzinfo=UTC)
    assert send_instant(TONIGHT, at, OSLO) == datetime(2026, 11, 24, 17, 30, tzinfo=UTC)
    assert send_instant(TONIGHT, at, ZoneInfo("America/New_York")) == datetime(
        2026, 11, 24, 23, 30, tzinfo=UTC
    )


def test_a_slot_that_has_passed_is_none() -> None:
    assert send_instant(TONIGHT, datetime(2026, 11, 24, 18, tzinfo=UTC), OSLO) is None


def test_a_slot_keeps_its_wall_time_over_both_clock_changes() -> None:
    morning = Slot("morning", time(8, 30), 1)
    spring = send_instant(morning, datetime(2026, 3, 28, 12, tzinfo=UTC), OSLO)
    autumn = send_instant(morning, datetime(2026, 10, 24, 12, tzinfo=UTC), OSLO)
    assert spring == datetime(2026, 3, 29, 6, 30, tzinfo=UTC)
    assert autumn == datetime(2026, 10, 25, 7, 30, tzinfo=UTC)


def test_a_wall_time_the_clocks_skip_is_an_hour_later() -> None:
    skipped = Slot("night", time(2, 30), 1)
    sent = send_instant(skipped, datetime(2026, 3, 28, 12, tzinfo=UTC), OSLO)
    assert sent is not None
    assert sent.astimezone(OSLO).time() == time(3, 30)


@pytest.mark.parametrize(
    ("hour", "quiet"), [(20, False), (21, True), (23, True), (0, True), (7, True), (8, False)]
)
def test_quiet_hours_cross_midnight(hour: int, quiet: bool) -> None:
    assert is_quiet(NIGHT, datetime(2026, 11, 24, hour, tzinfo=OSLO).astimezone(UTC), OSLO) is quiet


def test_quiet_hours_hold_on_both_clock_change_nights() -> None:
    for day in (datetime(2026, 3, 29, tzinfo=OSLO), datetime(2026, 10, 25, tzinfo=OSLO)):
        start = day.astimezone(UTC)
        for minute in range(0, 25 * 60, 15):
            send = start + timedelta(minutes=minute)
            wall = send.astimezone(OSLO).time()
            assert is_quiet(NIGHT, send, OSLO) is (wall >= time(21) or wall < time(8))


def test_an_unknown_zone_is_always_quiet() -> None:
    assert known_zone("Europe/Nowhere") is None
    assert known_zone(None) is None
    assert is_quiet(NIGHT, datetime(2026, 11, 24, 12, tzinfo=UTC), None)
