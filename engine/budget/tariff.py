"""What each action draws on which budget, and when the periods of a budget begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from engine import period
from engine.calendar import MICROSECOND, instant, known_zone, microseconds
from engine.domain import Action, Budget, Program
from engine.once import once
from engine.period import Period
from engine.store.ledger import RELEASES
from policies.base import Ints

MICRO = 1_000_000  # the ledger counts whole millionths of a unit: sums come out exact
LARGEST = 2**53  # of an amount in millionths
LIFE_US = -(2**62)  # where the one period of a budget for life starts
_DAY_US = timedelta(days=1) // MICROSECOND
_SLACK_US = 3 * 3_600_000_000  # a day with a changed clock is that much longer at most


@dataclass(frozen=True, slots=True)
class Tariff:
    """One budget of a program, as its k actions see it.

    Attributes:
        quota: millionths there are in each period.
        period: of the calendar, None for the program's whole life.
        zone: whose calendar.
        members: (m,) the actions that draw on it.
        units: (m,) millionths that each of them draws, > 0.
        cost: (k,) millionths that every action draws.
        cheapest, dearest: of `units`.
        periods: how many periods a contact decided now can fall into, the one of now among them.
        ahead_us: how long before a period starts it can first be drawn on.
        before_us: how long before a period ends it can last be drawn on.
        ends_us: when a budget for life can last be drawn on; None if that is not known.
    """

    budget: Budget
    quota: int
    period: Period | None
    zone: str
    members: Ints
    units: Ints
    cost: Ints
    cheapest: int
    dearest: int
    periods: int
    ahead_us: int
    before_us: int
    ends_us: int | None

    def start(self, at_us: int) -> int:
        """Where the period that an instant falls into starts."""
        return LIFE_US if self.period is None else period.start(self.period, self.zone, at_us)

    def starts(self, send_us: Ints) -> Ints:
        """Where the periods that contacts fall into start; of the same shape."""
        if self.period is None:
            return np.full(send_us.shape, LIFE_US)
        return period.starts(self.period, self.zone, send_us)

    def begins(self, start_us: int) -> bool:
        """Whether a period starts then; what another version of the program kept in the ledger may not."""
        if self.period is None or start_us == LIFE_US:
            return self.period is None and start_us == LIFE_US
        return self.start(start_us) == start_us

    def following(self, start_us: int) -> tuple[int, ...]:
        """(periods + 1,) where a period, those that its contacts can fall into, and the next one start."""
        if self.period is None:
            return LIFE_US, -LIFE_US
        return period.following(self.period, self.zone, start_us, self.periods)

    def open_until(self, start_us: int) -> int | None:
        """The last moment at which a decision can draw on a period; None if that is not known."""
        if self.period is None:
            return self.ends_us
        return self.following(start_us)[1] - self.before_us

    def until(self, start_us: int) -> datetime | None:
        """When a period ends, on the program's own clock; None for life."""
        if self.period is None:
            return None
        return instant(self.following(start_us)[1]).astimezone(known_zone(self.zone))

    def in_words(self, start_us: int) -> str:
        """`" until 2026-12-01"`: when a period ends, on the program's own clock; nothing for life."""
        ends = self.until(start_us)
        return f" until {ends:%Y-%m-%d %H:%M}".removesuffix(" 00:00") if ends else ""


@once
def tariffs(program: Program) -> tuple[Tariff, ...]:
    """The budgets of a program that some action draws on."""
    made = (_tariff(program, budget) for budget in program.budgets)
    return tuple(one for one in made if len(one.members))


@once
def settling(program: Program) -> tuple[str, ...]:
    """The kinds of outcome that settle or release what decisions draw; none if they draw nothing."""
    kinds = {one.settled_by for one in program.budgets} - {""}
    return tuple(sorted(kinds | set(RELEASES))) if program.budgets else ()


def micro(amount: float) -> int:
    """An amount in millionths, to the nearest."""
    return min(round(amount * MICRO), LARGEST)


def _tariff(program: Program, budget: Budget) -> Tariff:
    cost = np.array([_units(program, budget, action) for action in program.actions], dtype=np.int64)
    members = np.flatnonzero(cost)
    units = cost[members]
    used = {program.actions[j].slot for j in members}
    later = [slot.days * _DAY_US for slot in program.slots if slot.name in used and slot.at is not None]
    at_once = any(slot.at is None for slot in program.slots if slot.name in used)
    ahead = max(later) + _DAY_US + _SLACK_US if later else 0
    turn = budget.quota.period
    return Tariff(
        budget,
        micro(budget.quota.amount),
        turn,
        program.zone,
        members,
        units,
        cost,
        int(units.min(initial=LARGEST)),
        int(units.max(initial=0)),
        ahead // period.shortest_us(turn) + 2 if turn and ahead else 1,
        ahead,
        0 if at_once else min(later, default=0),
        _ends(program, [program.actions[j].offer for j in members]),
    )


def _units(program: Program, budget: Budget, action: Action) -> int:
    """Millionths that an action draws on a budget."""
    if not action.offer or (budget.offers and action.offer not in budget.offers):
        return 0
    if budget.channels and action.channel not in budget.channels:
        return 0
    if budget.unit != "money":
        return MICRO
    offers = sum(offer.cost for offer in program.offers if offer.name == action.offer)
    return micro(offers + sum(channel.cost for channel in program.channels if channel.name == action.channel))


def _ends(program: Program, offers: Sequence[str]) -> int | None:
    """When the last of some offers ends, None if one of them never does."""
    ends = [offer.ends for offer in program.offers if offer.name in offers]
    known = [microseconds(end) for end in ends if end is not None]
    return max(known) if known and len(known) == len(ends) else None
