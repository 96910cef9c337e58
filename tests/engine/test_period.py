from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.calendar import instant, microseconds
from engine.period import Period, following, shortest_us, start, starts

UNITS = ("minute", "hour", "day", "week", "month")
ODD = (  # midnights that are skipped or come twice, days that never were
    "Europe/Oslo", "America/New_York", "America/Sao_Paulo", "America/Havana", "Africa/Cairo",
    "Pacific/Apia", "Pacific/Kwajalein", "Asia/Kathmandu", "America/Scoresbysund", "Asia/Beirut",
)  # fmt: skip
FIRST, LAST = (microseconds(datetime(year, 1, 1, tzinfo=UTC)) for year in (1970, 2199))
zones = st.one_of(st.sampled_from(ODD), st.sampled_from(sorted(available_timezones())))
periods = st.builds(Period, st.integers(1, 5), st.sampled_from(UNITS))
times = st.integers(FIRST, LAST)
DAY, WEEK, MONTH, QUARTER = Period(1, "day"), Period(1, "week"), Period(1, "month"), Period(3, "month")


@settings(deadline=None, max_examples=200)
@given(periods, zones, times, st.integers(1, 4))
def test_periods_follow_each_other_without_gap_or_overlap(
    period: Period, zone: str, at_us: int, count: int
) -> None:
    first = start(period, zone, at_us)
    ends = following(period, zone, first, count)
    assert ends[0] == first <= at_us < ends[1]
    assert start(period, zone, first) == first == start(period, zone, ends[1] - 1)
    assert start(period, zone, ends[1]) >= ends[1] > first
    assert list(ends) == sorted(ends)


@settings(deadline=None, max_examples=60)
@given(periods, zones, times, st.lists(st.integers(0, 90 * 24 * 60), max_size=20))
def test_many_instants_have_the_periods_that_each_has(
    period: Period, zone: str, at_us: int, minutes: list[int]
) -> None:
    at = np.array([at_us + one * 60_000_000 for one in minutes], dtype=np.int64)
    assert starts(period, zone, at).tolist() == [start(period, zone, one) for one in at.tolist()]


@pytest.mark.parametrize("zone", sorted({*ODD, "Europe/Lisbon", "Australia/Lord_Howe", "UTC"}))
def test_a_day_is_a_date_of_the_zones_wall_clock(zone: str) -> None:
    """Every half hour of four years in which clocks were changed at all odd hours, or a day was left out."""
    for year in (1993, 2011, 2018, 2026):
        at = datetime(year, 1, 1, tzinfo=UTC)
        half_hours = microseconds(at) + np.arange(2 * 24 * 366) * 1_800_000_000
        first = starts(DAY, zone, half_hours)
        dates = [instant(one).astimezone(ZoneInfo(zone)).date() for one in half_hours.tolist()]
        together = [(a == b) == (one == other) for (a, b), (one, other) in
                    zip(pairwise(first.tolist()), pairwise(dates), strict=True)]  # fmt: skip
        assert all(together)


@pytest.mark.parametrize(
    ("period", "zone", "at", "first", "end"),
    [
        (DAY, "UTC", "2026-11-25T12:30Z", "2026-11-25T00:00Z", "2026-11-26T00:00Z"),
        (WEEK, "UTC", "2026-11-25T12:30Z", "2026-11-23T00:00Z", "2026-11-30T00:00Z"),
        (Period(5, "hour"), "Europe/Oslo", "1970-01-01T07:00Z", "1970-01-01T05:00Z", "1970-01-01T10:00Z"),
        (DAY, "Europe/Oslo", "2026-03-29T12:00Z", "2026-03-28T23:00Z", "2026-03-29T22:00Z"),  # 23 hours
        (DAY, "Europe/Oslo", "2026-10-25T12:00Z", "2026-10-24T22:00Z", "2026-10-25T23:00Z"),  # 25 hours
        (WEEK, "America/New_York", "2026-11-02T04:59Z", "2026-10-26T04:00Z", "2026-11-02T05:00Z"),
        (MONTH, "Europe/Oslo", "2026-10-31T22:59Z", "2026-09-30T22:00Z", "2026-10-31T23:00Z"),
        (MONTH, "Europe/Oslo", "2026-10-31T23:00Z", "2026-10-31T23:00Z", "2026-11-30T23:00Z"),
        (MONTH, "UTC", "2028-02-29T23:59Z", "2028-02-01T00:00Z", "2028-03-01T00:00Z"),
        (QUARTER, "UTC", "2026-11-25T12:30Z", "2026-10-01T00:00Z", "2027-01-01T00:00Z"),
        (Period(12, "month"), "UTC", "2026-11-25T12:30Z", "2026-01-01T00:00Z", "2027-01-01T00:00Z"),
        (DAY, "America/Sao_Paulo", "2018-11-04T12:00Z", "2018-11-04T03:00Z", "2018-11-05T02:00Z"),
        (DAY, "Pacific/Apia", "2011-12-30T10:00Z", "2011-12-30T10:00Z", "2011-12-31T10:00Z"),
    ],
)  # fmt: skip
def test_a_period_starts_and_ends_when_it_does_on_the_wall(
    period: Period, zone: str, at: str, first: str, end: str
) -> None:
    one = start(period, zone, microseconds(datetime.fromisoformat(at)))
    found = [instant(us) for us in (one, *following(period, zone, one, 1)[1:])]
    assert found[0] == datetime.fromisoformat(first)
    assert instant(start(period, zone, microseconds(found[1]))) == found[1] == datetime.fromisoformat(end)


@settings(deadline=None, max_examples=60)
@given(periods, zones, st.integers(FIRST, LAST))
def test_no_period_is_shorter_than_the_shortest_but_a_day_that_never_was(
    period: Period, zone: str, at_us: int
) -> None:
    first, end = following(period, zone, start(period, zone, at_us), 1)
    left_out = {date(2011, 12, 30), date(1993, 8, 21)}
    days = {(instant(end) + timedelta(days=i)).date() for i in range(-40, 3)}
    assert end - first >= shortest_us(period) or left_out & days
