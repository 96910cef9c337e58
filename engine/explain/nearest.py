"""The nearest counterfactual: the smallest change of one fact, or of two, that makes another action the best.

Every candidate is decided anew by `engine.choose` without exploring, so what is told is what would happen.
A number is then moved back towards what it is as far as the other action still wins, and the last value at
which it does not is kept beside it. How far a change goes is measured in usual differences between customers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from itertools import combinations
from typing import Any

import msgspec
import numpy as np

from engine.choose import Choices, Live, choose
from engine.domain import Action
from engine.explain.candidates import CONTACTS, Fact, facts
from engine.explain.factors import equals, worth
from engine.explain.told import Counterfactual, Move
from engine.situation import Situation, columns
from policies.base import Floats

_TOLD_AT_MOST = 3
_CELLS_AT_MOST = 40_000  # situations times actions decided at once: some milliseconds
_PAIRED = 12  # candidates of which all pairs are tried
_SECTIONS = 12  # a number's way back is cut into so many at once
_ROUNDS = 4

Step = tuple[Fact, Any, float]  # a fact, what it might be, how far that is
Steps = tuple[Step, ...]
Winners = tuple[int, ...]  # the best action; several where they are equally good


def nearest(live: Live, situation: Situation, choices: Choices) -> list[Counterfactual]:
    """The nearest changes that make another action win, one for each that can, the nearest first.

    Empty if no change of one fact or two that was tried makes another action the best.

    Args:
        choices: of the situation; its action must be the best, or one of several equally good, not explored.
    """
    asker = _Asker(live, msgspec.structs.replace(situation, explore=False), equals(choices.pmf[0]))
    single: list[Steps] = [((fact, to, far),) for fact in facts(live, situation) for to, far in fact.others]
    single = sorted(single, key=_far)[: max(_CELLS_AT_MOST // len(live.actions), 40)]
    found = asker.changed(single)
    if not found:
        found = asker.changed(_pairs(asker, single))
    told: list[tuple[float, Counterfactual]] = []
    for steps, won in _first_of_each(found)[:_TOLD_AT_MOST]:
        tightened, short = asker.tightened(steps, won)
        told.append((_far(tightened), _told(live, tightened, short, won)))
    return [one for _, one in sorted(told, key=lambda pair: pair[0])]


def _far(steps: Steps) -> float:
    return sum(far for _, _, far in steps)


def _first_of_each(found: Sequence[tuple[Steps, Winners]]) -> list[tuple[Steps, Winners]]:
    """The nearest change for each action that wins by one."""
    first: dict[Winners, Steps] = {}
    for steps, won in sorted(found, key=lambda pair: _far(pair[0])):
        first.setdefault(won, steps)
    return [(steps, won) for won, steps in first.items()]


class _Asker:
    """Asks what would win in changed situations, and remembers by how much it was missed."""

    def __init__(self, live: Live, situation: Situation, best: Sequence[int]) -> None:
        self.live, self.situation, self.best = live, situation, best
        self.promise: list[tuple[float, Steps]] = []

    def changed(self, tried: Sequence[Steps]) -> list[tuple[Steps, Winners]]:
        """The changes by which another action wins, and which."""
        if not tried:
            return []
        winner, gap = self.ask([[(fact, to) for fact, to, _ in steps] for steps in tried])
        self.promise = sorted(zip(gap.tolist(), tried, strict=True), key=lambda pair: pair[0])
        pairs = zip(tried, winner, strict=True)
        return [(steps, won) for steps, won in pairs if not set(won) & set(self.best)]

    def ask(self, changes: Sequence[Sequence[tuple[Fact, Any]]]) -> tuple[list[Winners], Floats]:
        """What wins in each of n changed situations; (n,) the lead that is left."""
        rows = [_as_if(self.situation, change) for change in changes]
        made = choose(self.live, columns(self.live.program, rows))
        value = np.where(made.feasible.mask, worth(made), -np.inf)
        own = value[:, self.best].max(axis=1)
        value[:, self.best] = -np.inf
        with np.errstate(invalid="ignore"):
            lead = own - value.max(axis=1)
        return [equals(pmf) for pmf in made.pmf], np.where(np.isnan(lead), np.inf, lead)

    def tightened(self, steps: Steps, won: Winners) -> tuple[Steps, list[Any]]:
        """The change with every number moved back as far as it goes, and where each stops to suffice."""
        short: list[Any] = []
        for at, (fact, to, far) in enumerate(steps):
            start = self._start(steps, at, won) if _is_number(fact) else None
            if start is None:
                short.append(fact.value)
                continue
            low, high = self._between(steps, at, won, start, to)
            way = abs(to - start)
            steps = (
                *steps[:at],
                (fact, high, far * (abs(high - start) / way)),
                *steps[at + 1 :],
            )
            short.append(low)
        return steps, short

    def _start(self, steps: Steps, at: int, won: Winners) -> Any:
        """A number that does not suffice: the one it is or, not known, the nearest tried; None if all do."""
        fact, to, _ = steps[at]
        if fact.value is not None:
            return fact.value
        winner, _ = self.ask(
            [[*((one, it) for one, it, _ in steps), (fact, other)] for other, _ in fact.others]
        )
        failing = [other for (other, _), one in zip(fact.others, winner, strict=True) if one != won]
        return min(failing, key=lambda other: abs(other - to), default=None)

    def _between(self, steps: Steps, at: int, won: Winners, low: Any, high: Any) -> tuple[Any, Any]:
        """The last value tried that does not suffice, and the first that does, from low on to high."""
        fact = steps[at][0]
        for _ in range(_ROUNDS):
            cuts = _cuts(fact, low, high)
            if not cuts:
                break
            low, high = self._section(steps, at, won, low, high, cuts)
        return low, high

    def _section(
        self, steps: Steps, at: int, won: Winners, low: Any, high: Any, cuts: Sequence[Any]
    ) -> tuple[Any, Any]:
        fact = steps[at][0]
        fixed = [[(one, to) for one, to, _ in steps] for _ in cuts]
        for row, cut in zip(fixed, cuts, strict=True):
            row[at] = (fact, cut)
        winner, _ = self.ask(fixed)
        for cut, one in zip(cuts, winner, strict=True):
            if one == won:
                return low, cut
            low = cut
        return low, high


def _pairs(asker: _Asker, single: Sequence[Steps]) -> list[Steps]:
    """Pairs of changes of different facts, of those that brought another action nearest."""
    promising: list[Steps] = []
    names: dict[str, int] = {}
    for _, steps in asker.promise:
        name = steps[0][0].name
        if names.get(name, 0) < 4 and len(promising) < _PAIRED:
            names[name] = names.get(name, 0) + 1
            promising.append(steps)
    pairs = [(*one, *other) for one, other in combinations(promising, 2) if one[0][0] is not other[0][0]]
    return sorted(pairs, key=_far)


def _as_if(situation: Situation, change: Sequence[tuple[Fact, Any]]) -> Situation:
    values, consent, contacts = dict(situation.values), dict(situation.consent), situation.contacts
    for fact, to in change:
        if fact.kind == "consent":
            consent[fact.name] = to
        elif fact.kind == "contacts":
            contacts = to
        else:
            values[fact.name] = to
    return msgspec.structs.replace(situation, values=values, consent=consent, contacts=contacts)


def _is_number(fact: Fact) -> bool:
    return fact.kind in ("number", "integer")


def _cuts(fact: Fact, low: Any, high: Any) -> list[Any]:
    """Round values strictly between the two, from low on; none once they are too near to tell apart."""
    cuts = [round(low + (high - low) * j / _SECTIONS, fact.digits) for j in range(1, _SECTIONS)]
    if fact.kind == "integer":
        cuts = [int(cut) for cut in cuts]
    return [cut for cut in dict.fromkeys(cuts) if min(low, high) < cut < max(low, high)]


def _told(live: Live, steps: Steps, short: Sequence[Any], won: Winners) -> Counterfactual:
    changes = [
        Move(fact.name, _plain(fact.value), _plain(to), _plain(before), _in_words(fact, to, before))
        for (fact, to, _), before in zip(steps, short, strict=True)
    ]
    actions = [live.program.actions[j] for j in won]
    condition = " and ".join(one.words for one in changes)
    return Counterfactual([one.name for one in actions], changes, f"with {condition}, {_outcome(actions)}")


def _outcome(actions: Sequence[Action]) -> str:
    """Which action wins; of several that are equally good what they have in common, if anything."""
    if len(actions) == 1:
        return f"{_said(actions[0])} wins" if actions[0].offer else "nothing is sent"
    if len({one.offer for one in actions}) == 1:
        return f"{actions[0].offer} wins"
    return f"{', '.join(one.name for one in actions[:_TOLD_AT_MOST])} win, equally good"


def _said(action: Action) -> str:
    return f"{action.offer} by {action.channel} {action.slot.replace('_', ' ')}"


def _plain(value: Any) -> Any:
    """A value as JSON has it; of contacts their number."""
    if isinstance(value, datetime):
        return value.isoformat()
    return len(value) if isinstance(value, list) else value


def _in_words(fact: Fact, to: Any, before: Any) -> str:
    if fact.kind == "consent":
        return f"consent to {fact.name}"
    if fact.name == CONTACTS and fact.kind == "contacts":
        return "no recent contacts"
    if not _is_number(fact):
        return f"{fact.name} = {_plain(to)}"
    if before is None:
        return f"{fact.name} = {to:.6g}"
    rises = to > before
    if fact.kind == "number" and to == math.nextafter(before, to):
        return f"{fact.name} {'above' if rises else 'below'} {before:.6g}"
    return f"{fact.name} {'at least' if rises else 'at most'} {to:.6g}"
