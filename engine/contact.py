"""Caps and cool-downs: what the contacts of a customer, and what followed them, forbid at a send time.

Caps are true rolling windows over the moments at which contacts are sent (decision record 007), cool-downs
pauses after outcomes (record 012).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from engine.calendar import MICROSECOND
from engine.domain import Cap, Cooldown
from engine.kinds import OF_CONTACTS
from engine.situation import Contact, Happened

_UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60))


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose contacts and outcomes count together, and what limits them.

    Attributes:
        owner: as reasons name it: "all channels", "email", "group winter", "offer sale".
        offers: the offers that count; None = every one, of any program.
        channel: the channel that counts; None = every one.
        limits: caps and cool-downs, each with the number of its reason, lowest first.
    """

    owner: str
    offers: frozenset[str] | None
    channel: str | None
    limits: tuple[tuple[Cap | Cooldown, int], ...]

    def counts(self, one: Contact | Happened) -> bool:
        """Whether a contact or an outcome is of this scope."""
        if self.offers is not None:
            return one.offer in self.offers
        return self.channel is None or one.channel == self.channel


def first_limit(
    scope: Scope, contacts: Sequence[Contact], outcomes: Sequence[Happened], sends_us: Sequence[int]
) -> list[int]:
    """For each send time the number of the first limit of the scope that forbids it, 0 where none does."""
    sent = [one.at_us for one in contacts if scope.counts(one)]
    after = [one for one in outcomes if scope.counts(one)]
    if not sent and not after:
        return [0] * len(sends_us)
    return [_first(scope, sent, after, send_us) for send_us in sends_us]


def _first(scope: Scope, sent: Sequence[int], after: Sequence[Happened], send_us: int) -> int:
    for limit, number in scope.limits:
        if exceeds(limit, sent, send_us) if isinstance(limit, Cap) else pauses(limit, after, send_us):
            return number
    return 0


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


def pauses(cooldown: Cooldown, outcomes: Sequence[Happened], send_us: int) -> bool:
    """Whether `send_us` falls into the pause after outcomes of the cool-down's kind.

    Any window (t - w, t] that holds its count of them, the last at t, pauses contact in [t, t + pause).
    An outcome that may follow from several contacts stands once for each, and counts once.
    """
    found = [(one.at_us, one.seq) for one in outcomes if one.kind == cooldown.kind]
    if len(found) < cooldown.count:
        return False
    times = [at_us for at_us, _ in sorted(found if cooldown.kind in OF_CONTACTS else set(found))]
    width, pause = window_us(cooldown), cooldown.pause // MICROSECOND
    first = cooldown.count - 1
    return any(
        last - times[i] < width and last <= send_us < last + pause for i, last in enumerate(times[first:])
    )


def window_us(limit: Cap | Cooldown) -> int:
    """The window of a cap or a cool-down in microseconds."""
    return limit.window // MICROSECOND


def longest_window(caps: Sequence[Cap]) -> timedelta:
    """How far back contact history has to be known."""
    return max((cap.window for cap in caps), default=timedelta(0))


def in_words(limit: Cap | Cooldown) -> str:
    """As the program file says it: `"2 per 7 days"`, `"ignored 2 times in 30 days: pause 60 days"`."""
    if isinstance(limit, Cap):
        return f"{limit.count} per {_length(limit.window)}"
    often = f" {limit.count} times in {_length(limit.window)}" if limit.count > 1 else ""
    return f"{limit.kind}{often}: pause {_length(limit.pause)}"


def _length(length: timedelta) -> str:
    """`"7 days"`, `"36 hours"`: in the largest unit up to a day that it is a whole number of."""
    seconds = int(length.total_seconds())
    unit, size = next((one for one in _UNITS if seconds % one[1] == 0), ("second", 1))
    return f"{seconds // size} {unit}{'' if seconds == size else 's'}"
