from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.calendar import instant, is_holiday, is_quiet, known_zone, microseconds, send_instant
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


def changes(zone: ZoneInfo) -> list[datetime]:
    """The hours of 2025 to 2027, in UTC, before which the zone's clocks were changed."""
    hours = [datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=h) for h in range(3 * 365 * 24)]
    offset = [at.astimezone(zone).utcoffset() for at in hours]
    return [at for at, before, after in zip(hours[1:], offset, offset[1:], strict=False) if before != after]


CHANGING = {
    name: (ZoneInfo(name), changes(ZoneInfo(name)))
    for name in (
        "Europe/Oslo",
        "Europe/Dublin",  # winter time is the exception
        "America/New_York",
        "America/St_Johns",
        "America/Santiago",  # at midnight
        "Africa/Cairo",  # at midnight
        "Africa/Casablanca",  # around Ramadan
        "Asia/Beirut",
        "Australia/Lord_Howe",  # by half an hour
        "Pacific/Chatham",
        "America/Nuuk",
    )
}
near_a_change = st.sampled_from(sorted(CHANGING)).flatmap(
    lambda name: st.tuples(
        st.just(CHANGING[name][0]),
        st.sampled_from(CHANGING[name][1]),
        st.integers(-36 * 60, 36 * 60).map(lambda minutes: timedelta(minutes=minutes)),
    )
)
walls = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))


@settings(max_examples=150, deadline=None)
@given(near_a_change, walls, st.integers(0, 2))
def test_a_slot_is_at_its_wall_time_or_where_the_clocks_skip_it_as_much_later(
    moment: tuple[ZoneInfo, datetime, timedelta], wall: time, days: int
) -> None:
    zone, change, apart = moment
    at = change + apart
    send = send_instant(Slot("s", wall, days), at, zone)
    day = at.astimezone(zone).date() + timedelta(days=days)
    wanted = datetime.combine(day, wall)
    minutes = [change + timedelta(minutes=m) for m in range(-3 * 24 * 60, 5 * 24 * 60, 15)]
    exists = [one for one in minutes if one.astimezone(zone).replace(tzinfo=None) == wanted]
    if send is None:
        assert days == 0 and (not exists or min(exists) < at)
    elif exists:
        assert send == min(exists)  # the first, where the clocks show it twice
    else:
        late = send.astimezone(zone).replace(tzinfo=None) - wanted
        assert timedelta(0) < late <= timedelta(hours=1)
    assert send is None or send >= at


@settings(max_examples=200, deadline=None)
@given(near_a_change, walls, walls)
def test_it_is_quiet_exactly_while_the_customers_clock_says_so(
    moment: tuple[ZoneInfo, datetime, timedelta], start: time, end: time
) -> None:
    zone, change, apart = moment
    send = change + apart
    shown = send.astimezone(zone).time()
    hours, now = (start.hour * 60 + start.minute, end.hour * 60 + end.minute), shown.hour * 60 + shown.minute
    length = (hours[1] - hours[0]) % (24 * 60)
    assert is_quiet(QuietHours(start, end), send, zone) is ((now - hours[0]) % (24 * 60) < length)


@settings(max_examples=200, deadline=None)
@given(near_a_change, st.sets(st.integers(-3, 3), max_size=4))
def test_a_holiday_is_a_day_of_the_customers_calendar_and_anyones_if_the_zone_is_unknown(
    moment: tuple[ZoneInfo, datetime, timedelta], apart: set[int]
) -> None:
    zone, change, offset = moment
    send = change + offset
    holidays = {send.date() + timedelta(days=days) for days in apart}
    here = is_holiday(holidays, send, zone)
    assert here is (send.astimezone(zone).date() in holidays)
    assert is_holiday(holidays, send, None) or not here


def test_with_an_unknown_zone_every_day_that_it_is_anywhere_counts() -> None:
    noon = datetime(2026, 12, 25, 11, 30, tzinfo=UTC)
    days = {date(2026, 12, day) for day in range(20, 31) if is_holiday({date(2026, 12, day)}, noon, None)}
    assert days == {date(2026, 12, 24), date(2026, 12, 25), date(2026, 12, 26)}


def test_the_whole_of_a_day_that_is_23_or_25_hours_long_is_the_holiday() -> None:
    for day, hours in ((date(2026, 3, 29), 23), (date(2026, 10, 25), 25)):
        start = datetime.combine(day, time(), OSLO).astimezone(UTC)
        on = [is_holiday({day}, start + timedelta(minutes=15 * i), OSLO) for i in range(-8, 4 * 25 + 8)]
        assert sum(on) == 4 * hours
