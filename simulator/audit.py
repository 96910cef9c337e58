"""Violations of constraints, counted from what was sent and by code of its own.

Nothing here is shared with the engine that decides (`engine.contact`, `engine.feasible`): an error there must
not hide itself here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from engine.domain import Cap, Program, QuietHours
from policies.base import Ints, Mask
from simulator.world import Customers

NEVER = np.iinfo(np.int64).max  # microseconds of a withdrawal that never came
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Contacts:
    """m contacts of a season.

    Attributes:
        customer: (m,) rows of the customers.
        channel: (m,) positions in the program's channels.
        decided_us: (m,) when it was decided, microseconds UTC.
        send_us: (m,) when it was sent.
    """

    customer: Ints
    channel: Ints
    decided_us: Ints
    send_us: Ints

    def __len__(self) -> int:
        return len(self.customer)

    def take(self, rows: Mask) -> Contacts:
        """Some of them."""
        return Contacts(self.customer[rows], self.channel[rows], self.decided_us[rows], self.send_us[rows])


@dataclass(frozen=True, slots=True)
class Audit:
    """Numbers of contacts that should not have been, by the constraint they broke.

    Attributes:
        caps: contacts that made some window hold more than its cap.
        consent: contacts decided when the channel's consent was not granted or had been withdrawn.
        quiet: contacts sent in the customer's quiet hours.
        holdout: contacts of held-out customers.
        moved: customers who did not keep their arm.
        overtaken: contacts whose consent was withdrawn between the decision and the sending. No violation of
            the engine's: a sender that waits has to ask again.
    """

    caps: int
    consent: int
    quiet: int
    holdout: int
    moved: int
    overtaken: int

    @property
    def violations(self) -> int:
        """All violations together."""
        return self.caps + self.consent + self.quiet + self.holdout + self.moved


def audit(
    program: Program, customers: Customers, contacts: Contacts, held: Mask, moved: int, withdrawn_us: Ints
) -> Audit:
    """Count violations.

    Args:
        customers: n of them.
        held: (n,) True in the holdout.
        moved: customers seen in more than one arm.
        withdrawn_us: (n,) when each withdrew every consent, `NEVER` if not.
    """
    gone = withdrawn_us[contacts.customer]
    needed = [
        (contacts.channel == j, customers.consent[channel.consent][contacts.customer])
        for j, channel in enumerate(program.channels)
        if channel.consent is not None
    ]
    asking = np.zeros(len(contacts), dtype=np.bool_)
    refused = np.zeros(len(contacts), dtype=np.bool_)
    for on_channel, granted in needed:
        asking |= on_channel
        refused |= on_channel & (~granted | (gone <= contacts.decided_us))
    overtaken = asking & ~refused & (gone <= contacts.send_us)
    return Audit(
        _over_caps(program, contacts),
        int(refused.sum()),
        _in_quiet_hours(program, customers, contacts),
        int(held[contacts.customer].sum()),
        moved,
        int(overtaken.sum()),
    )


def _over_caps(program: Program, contacts: Contacts) -> int:
    everywhere = sum(over_cap(cap, contacts.customer, contacts.send_us) for cap in program.caps)
    for j, channel in enumerate(program.channels):
        own = contacts.take(contacts.channel == j)
        everywhere += sum(over_cap(cap, own.customer, own.send_us) for cap in channel.caps)
    return everywhere


def over_cap(cap: Cap, customer: Ints, send_us: Ints) -> int:
    """Contacts that are one too many: the one `count` places before them is less than a window away."""
    order = np.lexsort((send_us, customer))
    who, when = customer[order], send_us[order]
    same = who[cap.count :] == who[: -cap.count]
    near = when[cap.count :] - when[: -cap.count] < cap.window // _MICROSECOND
    return int((same & near).sum())


def _in_quiet_hours(program: Program, customers: Customers, contacts: Contacts) -> int:
    total = 0
    for j, channel in enumerate(program.channels):
        if channel.quiet is not None:
            own = contacts.take(contacts.channel == j)
            total += _disturbed(channel.quiet, customers.zone[own.customer].tolist(), own.send_us.tolist())
    return total


def _disturbed(quiet: QuietHours, zones: Sequence[str], send_us: Sequence[int]) -> int:
    known: dict[tuple[str, int], bool] = {}
    for pair in zip(zones, send_us, strict=True):
        if pair not in known:
            known[pair] = is_quiet(quiet, *pair)
    return sum(known[pair] for pair in zip(zones, send_us, strict=True))


def is_quiet(quiet: QuietHours, zone: str, send_us: int) -> bool:
    """Hours from `start`, counted on the customer's clock, against the length of the quiet hours."""
    wall = (_EPOCH + send_us * _MICROSECOND).astimezone(ZoneInfo(zone))
    minute, start, end = (t.hour * 60 + t.minute for t in (wall, quiet.start, quiet.end))
    return (minute - start) % 1440 < (end - start) % 1440
