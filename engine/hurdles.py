"""Every reason that can drop an action of a program, laid out once, so that the funnel is a few array
operations.

Reasons are numbered from 1 in the order in which the stages ask; of all that forbid an action the lowest
counts. A lane is a slot on a channel: its actions are sent at the same moment, and stand or fall together by
consent, the clock and caps.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.calendar import microseconds
from engine.contact import in_words
from engine.domain import Action, Channel, Program, QuietHours, Slot
from engine.rules import Rule
from policies.base import Ints

STAGES = ("eligible", "applicable", "suitable", "consent", "contact policy")
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
        starts: (o,) where the rules of each owner start.
        owners: (3, k) program, offer and channel of each action among the owners; o where that has no rules.
    """

    order: Ints
    number: Numbers
    starts: Ints
    owners: Ints


@dataclass(frozen=True, slots=True)
class SeasonHurdles:
    """s offers with dates.

    Attributes:
        starts_us, ends_us: (s,) first microsecond, and first one after.
        number: (s,) the number of each.
        season: (k,) which of them each action is of; s for none.
    """

    starts_us: Ints
    ends_us: Ints
    number: Numbers
    season: Ints


@dataclass(frozen=True, slots=True)
class Lane:
    """A slot on a channel, and the numbers of what may close it.

    Attributes:
        slot, hours, purpose: places in `Lanes`; for hours and purpose -1 where there is none.
    """

    slot: int
    channel: Channel
    hours: int
    purpose: int
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
        caps: the number of each cap by its words.
        of: (k,) the lane of each action; l for no_action.
    """

    every: tuple[Lane, ...]
    slots: tuple[Slot, ...]
    hours: tuple[QuietHours, ...]
    purposes: tuple[str, ...]
    caps: Mapping[str, int]
    of: Ints


@dataclass(frozen=True, slots=True)
class Hurdles:
    """All hurdles of one program; `reasons` are those of number 1, 2 and on; None where there are none."""

    reasons: tuple[Reason, ...]
    rules: RuleHurdles | None
    seasons: SeasonHurdles | None
    lanes: Lanes


def hurdles(program: Program, rules: Sequence[Rule]) -> Hurdles:
    """Lay out what may drop the actions of a program that has those rules."""
    number = _Numbering()
    by_rule = _rules(program, rules, number)
    seasons = _seasons(program, number)
    lanes = _lanes(program, number)
    return Hurdles(tuple(number.known), by_rule, seasons, lanes)


class _Numbering:
    """Numbers reasons in the order they are first named."""

    def __init__(self) -> None:
        self.known: dict[Reason, int] = {}

    def __call__(self, stage: str, text: str) -> int:
        return self.known.setdefault(Reason(stage, text), len(self.known) + 1)


def _rules(program: Program, rules: Sequence[Rule], number: _Numbering) -> RuleHurdles | None:
    if not rules:
        return None
    asked = sorted(range(len(rules)), key=lambda j: STAGES.index(rules[j].intent))
    numbered = {j: number(rules[j].intent, f"{rules[j].owner}: {rules[j].text}") for j in asked}
    owner = _places(rule.owner for rule in rules)
    order = sorted(numbered, key=lambda j: owner[rules[j].owner])
    owned = [owner[rules[j].owner] for j in order]
    return RuleHurdles(
        np.array(order),
        np.array([numbered[j] for j in order], dtype=np.int32),
        np.searchsorted(owned, range(len(owner))),
        np.array([[owner.get(name, len(owner)) for name in _owners(action)] for action in program.actions]).T,
    )


def _owners(action: Action) -> tuple[str, str, str]:
    """Whose rules an action has to pass; nobody's for no_action."""
    return ("program", f"offer {action.offer}", f"channel {action.channel}") if action.offer else ("", "", "")


def _seasons(program: Program, number: _Numbering) -> SeasonHurdles | None:
    dated = [offer for offer in program.offers if offer.starts is not None or offer.ends is not None]
    if not dated:
        return None
    season = _places(offer.name for offer in dated)
    first, last = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    return SeasonHurdles(
        np.array([microseconds(o.starts) if o.starts else first for o in dated], dtype=np.int64),
        np.array([microseconds(o.ends) if o.ends else last for o in dated], dtype=np.int64),
        np.array([number("eligible", f"offer {o.name}: outside its dates") for o in dated], dtype=np.int32),
        np.array([season.get(action.offer, len(dated)) for action in program.actions]),
    )


def _lanes(program: Program, number: _Numbering) -> Lanes:
    """The lanes; consent is numbered before the slots that pass, then quiet hours, then caps."""
    channels = program.channels
    refused = {c.name: number("consent", f"channel {c.name}: no consent to {c.consent}") for c in channels}
    passed = {s.name: number(STAGES[-1], f"slot {s.name} has passed") for s in program.slots}
    quiet = {c.name: _quiet(c, number) for c in channels}
    slot, hours = _places(s.name for s in program.slots), _places(c.quiet for c in channels if c.quiet)
    purpose, by_name = _places(c.consent for c in channels if c.consent), {c.name: c for c in channels}
    used = _places((action.slot, action.channel) for action in program.actions if action.offer)
    every = [
        Lane(
            slot[at],
            by_name[on],
            _place(hours, by_name[on].quiet),
            _place(purpose, by_name[on].consent),
            refused[on],
            passed[at],
            *quiet[on],
        )
        for at, on in used
    ]
    of = np.array([used.get((a.slot, a.channel), len(every)) for a in program.actions], dtype=np.int64)
    return Lanes(tuple(every), program.slots, tuple(hours), tuple(purpose), _caps(program, number), of)


def _quiet(channel: Channel, number: _Numbering) -> tuple[int, int]:
    why = ("time zone unknown, so every hour is quiet", "quiet hours")
    unknown, quiet = (number(STAGES[-1], f"channel {channel.name}: {one}") for one in why)
    return unknown, quiet


def _caps(program: Program, number: _Numbering) -> dict[str, int]:
    own = [f"{channel.name}: {in_words(cap)}" for channel in program.channels for cap in channel.caps]
    shared = [f"all channels: {in_words(cap)}" for cap in program.caps]
    return {words: number(STAGES[-1], words) for words in own + shared}


def _place(places: Mapping[T, int], name: T | None) -> int:
    """The place of a name, -1 for none."""
    return -1 if name is None else places[name]


def _places(names: Iterable[T]) -> dict[T, int]:
    """The different names, each with its place among them."""
    return {name: i for i, name in enumerate(dict.fromkeys(names))}
