"""Every reason that can drop an action of a program, laid out once, so that the funnel is a few array
operations.

Reasons are numbered from 1 in the order in which the stages ask; of all that forbid an action the lowest
counts. A lane is a slot on a channel: its actions are sent at the same moment, and stand or fall together by
consent, the clock, and the limits of the channel and of all channels. A gate is a slot of an offer or a group
that has limits of its own.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.calendar import microseconds
from engine.contact import Scope
from engine.domain import Action, Channel, Program, QuietHours, Slot
from engine.limits import Gates, Number, gates, line, scope, square
from engine.rules import Rule
from policies.base import Ints

CONTACT, BUDGET, ARBITRATION = "contact policy", "budget", "arbitration"
STAGES = ("eligible", "applicable", "suitable", "consent", CONTACT, BUDGET, ARBITRATION)
NONE = np.iinfo(np.int32).max  # no reason: above the number of any
Numbers = NDArray[np.int32]
T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an action was dropped: the stage, and the rule or limit in the words of the program file."""

    stage: str
    text: str


@dataclass(frozen=True, slots=True)
class RuleHurdles:
    """r rules, grouped by their o owners.

    Attributes:
        order: (r,) the rules, those of one owner side by side.
        number: (r,) the number of each in that order.
        owner: (r,) the owner of each in that order, one of o.
        owners: (d, k) program, groups, offer and channel of each action among the owners; o where one has
            no rules.
    """

    order: Ints
    number: Numbers
    owner: Ints
    owners: Ints


@dataclass(frozen=True, slots=True)
class SeasonHurdles:
    """The dates of k actions: from when they may be decided, and by when they must have been sent.

    Attributes:
        starts_us, ends_us: (k,) first microsecond, and first one after.
        number: (k,) the number of each; NONE for those without dates.
    """

    starts_us: Ints
    ends_us: Ints
    number: Numbers


@dataclass(frozen=True, slots=True)
class Lane:
    """A slot on a channel, and the numbers of what may close it.

    Attributes:
        slot, hours, purpose, scope: places in `Lanes`; but for the slot -1 where there is none.
    """

    slot: int
    hours: int
    purpose: int
    scope: int
    refused: int
    passed: int
    unknown_zone: int
    quiet: int


@dataclass(frozen=True, slots=True)
class Lanes:
    """The l lanes in use, and what they share.

    Attributes:
        every: the lanes.
        slots, hours, purposes: slots, quiet hours and consent purposes in use.
        scopes: the channels with limits of their own.
        overall: the scope of all channels, None where it has no limits.
        holidays: local dates on which nothing is sent; `holiday` and `somewhere` number the reasons.
        of: (k,) the lane of each action; l for no_action.
        slot: (k,) the slot of each action; as many as there are slots for no_action.
    """

    every: tuple[Lane, ...]
    slots: tuple[Slot, ...]
    hours: tuple[QuietHours, ...]
    purposes: tuple[str, ...]
    scopes: tuple[Scope, ...]
    overall: Scope | None
    holidays: frozenset[date]
    holiday: int
    somewhere: int
    of: Ints
    slot: Ints


@dataclass(frozen=True, slots=True)
class Hurdles:
    """All hurdles of one program; `reasons` are those of number 1, 2 and on; None where there are none."""

    reasons: tuple[Reason, ...]
    rules: RuleHurdles | None
    seasons: SeasonHurdles | None
    lanes: Lanes
    gates: Gates | None


def hurdles(program: Program, rules: Sequence[Rule]) -> Hurdles:
    """Lay out what may drop the actions of a program that has those rules."""
    number = _Numbering()
    by_rule = _rules(program, rules, number)
    seasons = _seasons(program, number)
    lanes = _lanes(program, number)
    closed = gates(program, number.limit)
    return Hurdles(tuple(number.known), by_rule, seasons, lanes, closed)


class _Numbering:
    """Numbers reasons in the order they are first named."""

    def __init__(self) -> None:
        self.known: dict[Reason, int] = {}

    def __call__(self, stage: str, text: str) -> int:
        return self.known.setdefault(Reason(stage, text), len(self.known) + 1)

    def limit(self, text: str) -> int:
        """The number of a reason of the contact policy."""
        return self(CONTACT, text)


def _rules(program: Program, rules: Sequence[Rule], number: _Numbering) -> RuleHurdles | None:
    if not rules:
        return None
    asked = sorted(range(len(rules)), key=lambda j: STAGES.index(rules[j].intent))
    numbered = {j: number(rules[j].intent, f"{rules[j].owner}: {rules[j].text}") for j in asked}
    owner = _places(rule.owner for rule in rules)
    order = sorted(numbered, key=lambda j: owner[rules[j].owner])
    owned = [owner[rules[j].owner] for j in order]
    return RuleHurdles(
        np.array(order, dtype=np.int64),
        np.array([numbered[j] for j in order], dtype=np.int32),
        np.array(owned, dtype=np.int64),
        square([_owners(program, action) for action in program.actions], owner),
    )


def _owners(program: Program, action: Action) -> list[str]:
    """Whose rules an action has to pass; nobody's for no_action."""
    if not action.offer:
        return []
    return ["program", *line(program)[action.offer], f"channel {action.channel}"]


def _seasons(program: Program, number: _Numbering) -> SeasonHurdles | None:
    dated = {offer.name: offer for offer in program.offers if offer.starts or offer.ends}
    if not dated:
        return None
    first, last = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    numbers = {name: number("eligible", f"offer {name}: outside its dates") for name in dated}
    offers = [dated.get(action.offer) for action in program.actions]
    return SeasonHurdles(
        np.array([microseconds(o.starts) if o and o.starts else first for o in offers], dtype=np.int64),
        np.array([microseconds(o.ends) if o and o.ends else last for o in offers], dtype=np.int64),
        np.array([numbers.get(action.offer, NONE) for action in program.actions], dtype=np.int32),
    )


def _lanes(program: Program, numbered: _Numbering) -> Lanes:
    """The lanes; numbered are consent, slots that pass, holidays, quiet hours, then limits."""
    channels, number = program.channels, numbered.limit
    refused = {c.name: numbered("consent", f"channel {c.name}: no consent to {c.consent}") for c in channels}
    passed = {s.name: number(f"slot {s.name} has passed") for s in program.slots}
    holiday, somewhere = _holidays(program, number)
    quiet = {c.name: _quiet(c, number) for c in channels}
    slot, hours = _places(s.name for s in program.slots), _places(c.quiet for c in channels if c.quiet)
    purpose, by_name = _places(c.consent for c in channels if c.consent), {c.name: c for c in channels}
    limited = [one for c in channels if (one := scope(number, c.name, c.caps, c.cooldowns, channel=c.name))]
    own = _places(one.channel for one in limited)
    used = _places((action.slot, action.channel) for action in program.actions if action.offer)
    every = [
        Lane(
            slot[at],
            _place(hours, by_name[on].quiet),
            _place(purpose, by_name[on].consent),
            own.get(on, -1),
            refused[on],
            passed[at],
            *quiet[on],
        )
        for at, on in used
    ]
    return Lanes(
        tuple(every),
        program.slots,
        tuple(hours),
        tuple(purpose),
        tuple(limited),
        scope(number, "all channels", program.caps, program.cooldowns),
        frozenset(program.holidays),
        holiday,
        somewhere,
        np.array([used.get((a.slot, a.channel), len(every)) for a in program.actions], dtype=np.int64),
        np.array([slot.get(a.slot, len(slot)) for a in program.actions], dtype=np.int64),
    )


def _holidays(program: Program, number: Number) -> tuple[int, int]:
    if not program.holidays:
        return NONE, NONE
    why = ("a holiday", "time zone unknown, and a holiday somewhere")
    holiday, somewhere = (number(one) for one in why)
    return holiday, somewhere


def _quiet(channel: Channel, number: Number) -> tuple[int, int]:
    why = ("time zone unknown, so every hour is quiet", "quiet hours")
    unknown, quiet = (number(f"channel {channel.name}: {one}") for one in why)
    return unknown, quiet


def _place(places: Mapping[T, int], name: T | None) -> int:
    """The place of a name, -1 for none."""
    return -1 if name is None else places[name]


def _places(names: Iterable[T]) -> dict[T, int]:
    """The different names, each with its place among them."""
    return {name: i for i, name in enumerate(dict.fromkeys(names))}
