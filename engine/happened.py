"""What happened to a customer lately: the outcomes that cool-downs and rules of a program look at.

Beside the outcomes that were sent in stand two that the engine knows by itself: `sent`, a contact at the
moment it is sent, and `ignored`, a contact that nobody answered. A contact is ignored from 24 hours after it
was sent until an outcome answers it, of any kind that says more than how the delivery went, and that follows
from it (decision record 005): it names the contact's decision, or names none and falls into its window.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import msgspec
from sqlalchemy import Connection

from engine import derived
from engine.calendar import MICROSECOND
from engine.domain import Program
from engine.kinds import DELIVERY, IGNORED, OF_CONTACTS, SENT, cooldowns_of
from engine.once import once
from engine.situation import Contact, Happened
from engine.store import happened as stored
from engine.store.happened import AfterRow

PATIENCE_US = timedelta(hours=24) // MICROSECOND
EVER_US = 1 << 61


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a program looks at.

    Attributes:
        kinds: of its cool-downs, looked at for `back_us` before a decision.
        pairs: (offer, kind) of its rules, the last of each looked at however long ago.
        outcomes: those of `pairs` that are no facts of contacts.
        window_us: the attribution window.
        contacts_us, outcomes_us: how long before a decision they have to be known; None if they need not.
    """

    kinds: frozenset[str]
    back_us: int
    pairs: frozenset[tuple[str, str]]
    outcomes: tuple[tuple[str, str], ...]
    window_us: int
    contacts_us: int | None
    outcomes_us: int | None


@once
def wanted(program: Program) -> Wanted | None:
    """What the program looks at; None if nothing."""
    cooldowns, pairs = cooldowns_of(program), derived.pairs(program)
    if not cooldowns and not pairs:
        return None
    back_us = max((one.window + one.pause for one in cooldowns), default=timedelta(0)) // MICROSECOND
    lately, ever = {one.kind for one in cooldowns}, {kind for _, kind in pairs}
    return Wanted(
        frozenset(lately),
        back_us,
        pairs,
        tuple(sorted(pair for pair in pairs if pair[1] not in OF_CONTACTS)),
        program.goal.window // MICROSECOND,
        EVER_US if ever & OF_CONTACTS else back_us if lately & OF_CONTACTS else None,
        EVER_US if IGNORED in ever else back_us if lately - {SENT} else None,
    )


def happened(
    connection: Connection,
    look: Wanted,
    customers: Sequence[str],
    at_us: Sequence[int],
    contacts: Mapping[str, Sequence[Contact]],
) -> list[list[Happened]]:
    """What each customer has done by the time of a decision, in order of time.

    Args:
        customers, at_us: of the n decisions.
        contacts: of each customer, as far back as `look.contacts_us` says.
    """
    rows: dict[str, list[AfterRow]] = {}
    if look.outcomes_us is not None:
        for row in stored.happened(connection, customers, min(at_us) - look.outcomes_us, look.window_us):
            rows.setdefault(row.customer, []).append(row)
    last = _last(connection, look, customers, at_us) if look.outcomes else [[] for _ in customers]
    return [
        _seen(
            look,
            at,
            [row for row in rows.get(customer, ()) if row.at_us <= at],
            contacts.get(customer, ()),
            found,
        )
        for customer, at, found in zip(customers, at_us, last, strict=True)
    ]


def _last(
    connection: Connection, look: Wanted, customers: Sequence[str], at_us: Sequence[int]
) -> list[list[Happened]]:
    """The last outcome of each kind that the rules ask of an offer, of each of n decisions."""
    made: list[list[Happened]] = [[] for _ in customers]
    n = len(look.outcomes)
    asked = [(who, at, *pair) for who, at in zip(customers, at_us, strict=True) for pair in look.outcomes]
    for place, then_us, channel, seq in stored.latest(connection, asked, look.window_us):
        offer, kind = look.outcomes[place % n]
        made[place // n].append(Happened(then_us, kind, offer, channel, seq))
    return made


def _seen(
    look: Wanted,
    at_us: int,
    after: Sequence[AfterRow],
    contacts: Sequence[Contact],
    last: Sequence[Happened] = (),
) -> list[Happened]:
    """What of it the program looks at; `last` are the outcomes that its rules ask for."""
    every = [
        *{
            *last,
            *(
                Happened(row.at_us, row.kind, row.offer, row.channel, row.seq)
                for row in after
                if row.kind not in OF_CONTACTS
            ),
        },
        *(_fact(one, SENT) for one in contacts if one.at_us <= at_us),
        *(_fact(one, IGNORED) for one in _ignored(at_us, after, contacts)),
    ]
    every.sort(key=msgspec.structs.astuple)
    newest = {(one.offer, one.kind): i for i, one in enumerate(every)}
    asked = {newest[pair] for pair in look.pairs if pair in newest}
    since = at_us - look.back_us
    return [
        one for i, one in enumerate(every) if (one.kind in look.kinds and one.at_us >= since) or i in asked
    ]


def _ignored(at_us: int, after: Sequence[AfterRow], contacts: Sequence[Contact]) -> Iterator[Contact]:
    """The contacts that nobody has answered in time."""
    answered = {
        (row.sent_us, row.offer, row.channel) for row in after if row.kind not in DELIVERY | OF_CONTACTS
    }
    for one in contacts:
        if one.at_us <= at_us - PATIENCE_US and (one.at_us, one.offer, one.channel) not in answered:
            yield one


def _fact(contact: Contact, kind: str) -> Happened:
    return Happened(contact.at_us, kind, contact.offer, contact.channel)
