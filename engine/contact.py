"""Caps: true rolling windows over the moments at which contacts are sent."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta

from engine.calendar import MICROSECOND
from engine.domain import Cap, Channel
from engine.situation import Contact


def exceeds(cap: Cap, contacts_us: Collection[int], send_us: int) -> bool:
    """Whether one more contact at `send_us` makes some window of the cap's length hold more than its count.

    Every window (t - w, t] that holds the new contact is looked at, so contacts scheduled later count as
    well: a cap of k is never k + 1, whatever the order in which the contacts were decided.

    Args:
        contacts_us: send times of the contacts the cap counts, microseconds UTC.
        send_us: send time of the new one.
    """
    if len(contacts_us) < cap.count:
        return False
    width = window_us(cap)
    near = sorted([t for t in contacts_us if abs(t - send_us) < width] + [send_us])
    return any(near[i + cap.count] - near[i] < width for i in range(len(near) - cap.count))


def window_us(cap: Cap) -> int:
    """The cap's window in microseconds."""
    return cap.window // MICROSECOND


def longest_window(caps: Sequence[Cap]) -> timedelta:
    """How far back contact history has to be known."""
    return max((cap.window for cap in caps), default=timedelta(0))


def blocking_cap(
    channel: Channel, overall: Sequence[Cap], contacts: Sequence[Contact], send_us: int
) -> str | None:
    """The first cap that forbids a contact on `channel` at `send_us`, in words; None if none does."""
    on_channel = [c.at_us for c in contacts if c.channel == channel.name]
    for cap in channel.caps:
        if exceeds(cap, on_channel, send_us):
            return f"{channel.name}: {in_words(cap)}"
    everywhere = [c.at_us for c in contacts]
    for cap in overall:
        if exceeds(cap, everywhere, send_us):
            return f"all channels: {in_words(cap)}"
    return None


def in_words(cap: Cap) -> str:
    """`"2 per 7 days"`."""
    days = cap.window / timedelta(days=1)
    return f"{cap.count} per {days:g} day{'' if days == 1 else 's'}"
