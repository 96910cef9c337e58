from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from engine.contact import Scope, exceeds, first_limit, window_us
from engine.domain import Cap
from engine.situation import Contact

CAP = Cap(2, timedelta(days=7))
DAY = 86_400_000_000
EMAIL = Scope("email", None, "email", ((CAP, 1),))


def most_in_a_window(times: list[int], width: int) -> int:
    """The most contacts in any window (t - width, t], counted one by one."""
    return max((sum(0 <= end - t < width for t in times) for end in times), default=0)


@given(
    st.integers(1, 4),
    st.integers(1, 10),
    st.lists(st.integers(0, 40), max_size=12),
    st.lists(st.integers(0, 40), max_size=12),
)
def test_a_cap_of_k_is_never_k_plus_one_whatever_the_order(
    count: int, days: int, order: list[int], more: list[int]
) -> None:
    cap = Cap(count, timedelta(days=days))
    taken: list[int] = []
    for day in order + more:
        if not exceeds(cap, taken, day * DAY):
            taken.append(day * DAY)
    assert most_in_a_window(taken, window_us(cap)) <= count


@given(st.integers(1, 4), st.lists(st.integers(0, 40), max_size=8), st.integers(0, 40))
def test_a_cap_forbids_only_what_would_break_it(count: int, days: list[int], new: int) -> None:
    cap = Cap(count, timedelta(days=7))
    times = [day * DAY for day in days]
    if most_in_a_window(times, window_us(cap)) <= count:
        breaks = most_in_a_window([*times, new * DAY], window_us(cap)) > count
        assert exceeds(cap, times, new * DAY) is breaks


def test_a_contact_exactly_one_window_ago_no_longer_counts() -> None:
    assert exceeds(CAP, [0, 1], 7 * DAY - 1)
    assert not exceeds(CAP, [0, 1], 7 * DAY + 1)


def test_a_channels_cap_counts_that_channel_only_and_the_overall_cap_all() -> None:
    contacts = [Contact(0, "sale", "sms"), Contact(DAY, "sale", "sms"), Contact(2 * DAY, "news", "sms")]
    everywhere = Scope("all channels", None, None, ((Cap(3, timedelta(days=7)), 2),))
    assert first_limit(EMAIL, contacts, (), [3 * DAY]) == [0]
    assert first_limit(everywhere, contacts, (), [3 * DAY]) == [2]


def test_contacts_exactly_one_window_apart_leave_room_between_them() -> None:
    assert not exceeds(CAP, [0, 7 * DAY], 3 * DAY)
    assert exceeds(CAP, [0, 7 * DAY - 1], 3 * DAY)
    assert not exceeds(CAP, [0, 0], 7 * DAY)
