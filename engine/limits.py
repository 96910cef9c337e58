"""The caps and cool-downs of groups and offers, laid out once: a gate is a slot of one that has any."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

import numpy as np

from engine.contact import Scope, in_words
from engine.domain import Cap, Cooldown, Program
from engine.once import once
from policies.base import Ints

Number = Callable[[str], int]  # numbers a reason of the contact policy
T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Gates:
    """The groups and offers that have limits.

    Attributes:
        scopes: the g groups and offers.
        of: (d, k) the gate of each action by its offer and each group it is in: place of the scope times the
            number of slots, plus the slot; one more than the last where there is none.
    """

    scopes: tuple[Scope, ...]
    of: Ints


def gates(program: Program, number: Number) -> Gates | None:
    """The groups and the offers that have limits, in the file's order; None if there are none."""
    inside: dict[str, set[str]] = {}
    for offer in program.offers:
        for owner in line(program)[offer.name]:
            inside.setdefault(owner, set()).add(offer.name)
    kinds = (("group", program.groups), ("offer", program.offers))
    owners = [(f"{kind} {one.name}", one) for kind, every in kinds for one in every]
    scopes = [
        made
        for owner, one in owners
        if (made := scope(number, owner, one.caps, one.cooldowns, frozenset(inside.get(owner, ()))))
    ]
    if not scopes:
        return None
    slots = [slot.name for slot in program.slots]
    place = {(made.owner, slot): i for i, (made, slot) in enumerate(product(scopes, slots))}
    owned = {"": (), **line(program)}
    named = [[(owner, action.slot) for owner in owned[action.offer]] for action in program.actions]
    return Gates(tuple(scopes), square(named, place))


def scope(
    number: Number,
    owner: str,
    caps: Iterable[Cap],
    cooldowns: Iterable[Cooldown],
    offers: frozenset[str] | None = None,
    channel: str | None = None,
) -> Scope | None:
    """What limits an owner, each limit numbered; None where nothing does."""
    every: list[Cap | Cooldown] = [*caps, *cooldowns]
    limits = [(one, number(f"{owner}: {in_words(one)}")) for one in every]
    return Scope(owner, offers, channel, tuple(limits)) if limits else None


@once
def line(program: Program) -> Mapping[str, tuple[str, ...]]:
    """The groups of each offer, innermost last, and the offer itself, as owners."""
    return {
        offer.name: (
            *(f"group {group.name}" for group in reversed(program.lineage(offer.group))),
            f"offer {offer.name}",
        )
        for offer in program.offers
    }


def square(named: Sequence[Sequence[T]], place: Mapping[T, int]) -> Ints:
    """(d, k) the places of the d things that each of k actions has, and one more than the last for none."""
    found = [[place[one] for one in names if one in place] for names in named]
    depth = max(1, *map(len, found))
    padded = [[*one, *[len(place)] * (depth - len(one))] for one in found]
    return np.ascontiguousarray(np.array(padded, dtype=np.int64).T)
