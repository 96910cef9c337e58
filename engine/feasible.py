"""The funnel: which actions remain for whom, and what dropped each of the others.

Stages in order: eligible, applicable, suitable (rules of the program, the groups, the offer, the channel),
consent, contact policy (slots gone by, holidays, quiet hours, caps and cool-downs), budget. The first that
forbids an action drops it; no_action stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
from numpy.typing import NDArray

from engine import clock
from engine.budget import supply
from engine.coded import Coded, mapped, nothing_in
from engine.contact import Scope, first_limit
from engine.crowded import arrays, limits
from engine.domain import Program
from engine.hurdles import NONE, STAGES, Hurdles, Lanes, Numbers, Reason, SeasonHurdles
from engine.limits import Gates
from engine.once import once
from engine.screen import Screen
from engine.situation import Contact, Happened, Situations
from policies.base import Ints, Mask
from policies.kernel import kernel

__all__ = ["STAGES", "Feasible", "Funnel", "Reason", "counted", "feasible", "funnel", "merge", "told"]
Sends = NDArray[np.int64]
Past = tuple[tuple[Contact, ...], tuple[Happened, ...]]  # what caps and cool-downs look at


@dataclass(frozen=True, slots=True)
class Feasible:
    """What remains of k actions for n customers.

    Attributes:
        mask: (n, k) True where the action may be chosen; column 0, no_action, is always True.
        blame: (n, k) 0 where feasible, else 1 + index into `reasons`.
        reasons: all that can drop an action of the program, in the order in which the stages ask.
        send_us: (n, k) microseconds UTC at which each action would be sent; the decision's time for
            no_action.
    """

    mask: Mask
    blame: Numbers
    reasons: tuple[Reason, ...]
    send_us: Sends


@dataclass(frozen=True, slots=True)
class Funnel:
    """How many (customer, action) pairs each stage dropped, and how many customers are left with nothing."""

    customers: int
    pairs: int
    dropped: dict[str, int]
    by_reason: dict[str, int]
    left_with_nothing: int


def feasible(program: Program, screen: Screen, situations: Situations) -> Feasible:
    """Run the funnel for n situations of one program."""
    hurdles = screen.hurdles
    closed, sends = _by_clock(hurdles.lanes, situations)
    _by_consent(hurdles.lanes, situations, closed)
    shut = _by_limit(hurdles, situations, sends, closed)
    shape = (len(situations), len(program.actions))
    mask, blame, send_us = np.empty(shape, np.bool_), np.empty(shape, np.int32), np.empty(shape, np.int64)
    _place(closed, hurdles.lanes.of, sends, hurdles.lanes.slot, blame, send_us)
    if shut is not None and hurdles.gates is not None:
        _by_gate(hurdles.gates, *shut, blame)
    if (by := hurdles.rules) is not None:
        _by_rule(_held(screen, situations), by.order, by.number, by.owner, by.owners, blame)
    reasons = hurdles.reasons
    if hurdles.seasons is not None:
        _by_season(hurdles.seasons, np.array(situations.at_us, dtype=np.int64), send_us, blame)
    if program.budgets:
        reasons += supply.close(program, situations, send_us, blame, len(reasons) + 1)
    _settle(blame, mask)
    return Feasible(mask, blame, reasons, send_us)


def _held(screen: Screen, situations: Situations) -> Mask:
    """(n, r) which rules hold; in the arm eligibility_only all but the eligible ones do."""
    held = situations.passed
    if held is None:
        held = screen.passes(situations.values, len(situations))
    if "eligibility_only" in situations.arm:
        spared = [j for j, rule in enumerate(screen.rules) if rule.intent != "eligible"]
        rows = [i for i, arm in enumerate(situations.arm) if arm == "eligibility_only"]
        held = held.copy()
        held[np.ix_(rows, spared)] = True
    return held


@kernel("void(i4[:,::1], i8[::1], i8[:,::1], i8[::1], i4[:,::1], i8[:,::1])", writes=2)
def _place(closed: Numbers, of: Ints, sends: Sends, slot: Ints, blame: Numbers, send_us: Sends) -> None:
    """What closes the lane of each action, and when each is sent."""
    n, k = blame.shape
    for i in range(n):
        for j in range(k):
            blame[i, j] = closed[i, of[j]]
            send_us[i, j] = sends[i, slot[j]]


@kernel("void(b1[:,::1], i8[::1], i4[::1], i8[::1], i8[:,::1], i4[:,::1])", writes=1)
def _by_rule(held: Mask, order: Ints, number: Numbers, owner: Ints, owners: Ints, blame: Numbers) -> None:
    """Lower the blame of each action to the first rule of its owners that does not hold."""
    n, k = blame.shape
    least = np.empty(len(owner) + 1, np.int32)
    for i in range(n):
        least[:] = NONE
        for r in range(len(order)):
            if not held[i, order[r]]:  # most do hold
                least[owner[r]] = min(least[owner[r]], number[r])
        for d in range(len(owners)):
            for j in range(k):
                blame[i, j] = min(blame[i, j], least[owners[d, j]])


@kernel("void(i4[:,::1], b1[:,::1])", writes=2)
def _settle(blame: Numbers, mask: Mask) -> None:
    """What nothing is to blame for is feasible."""
    n, k = blame.shape
    for i in range(n):
        for j in range(k):
            mask[i, j] = blame[i, j] == NONE
            blame[i, j] = 0 if mask[i, j] else blame[i, j]


def _by_season(hurdles: SeasonHurdles, at_us: Sends, send_us: Sends, blame: Numbers) -> None:
    """Lower the blame of what has not begun when it is decided, or has ended when it would be sent."""
    outside = (at_us[:, None] < hurdles.starts_us) | (send_us >= hurdles.ends_us)
    np.minimum(blame, hurdles.number, out=blame, where=outside)


def _by_clock(lanes: Lanes, situations: Situations) -> tuple[Numbers, Sends]:
    """(n, l + 1) what closes each lane by the clock, and (n, s + 1) when each slot sends; the last of both
    is that of no_action.

    Customers of one zone and instant are looked at once.
    """
    moments, row = _moments(situations.zone, situations.at_us)
    read = [clock.read(lanes, zone, at_us) for zone, at_us in moments]
    closed = np.array([one for one, _ in read], dtype=np.int32)
    sends = np.array([one for _, one in read], dtype=np.int64)
    return (closed, sends) if row is None else (closed[row], sends[row])


def _moments(
    zone: Sequence[str | None], at_us: Sequence[int]
) -> tuple[Iterable[tuple[str | None, int]], Sequence[int] | Ints | None]:
    """The zones and instants there are, and which of them each customer's is; None if all are different."""
    if isinstance(zone, Coded) and isinstance(at_us, Coded):
        return product(zone.levels, at_us.levels), zone.place * len(at_us.levels) + at_us.place
    moments: dict[tuple[str | None, int], int] = {}
    row = [moments.setdefault(one, len(moments)) for one in zip(zone, at_us, strict=True)]
    return moments, None if len(moments) == len(row) else row


def _by_consent(lanes: Lanes, situations: Situations, closed: Numbers) -> None:
    consent = situations.consent
    if not isinstance(consent, Coded) and all(
        _granted(purpose, one) for one in consent for purpose in lanes.purposes
    ):
        return
    granted = np.ones((len(situations), len(lanes.purposes) + 1), dtype=np.bool_)
    for j, purpose in enumerate(lanes.purposes):
        granted[:, j] = mapped(consent, partial(_granted, purpose))
    asked, refused = _asked(lanes)
    np.minimum(closed, np.where(granted[:, asked], NONE, refused), out=closed)


def _granted(purpose: str, consent: Mapping[str, bool]) -> bool:
    return consent.get(purpose) is True


@once
def _asked(lanes: Lanes) -> tuple[Ints, Numbers]:
    """(l + 1,) the purpose each lane asks for, -1 for none, and the number of what refuses it."""
    purposes, refused = [lane.purpose for lane in lanes.every], [lane.refused for lane in lanes.every]
    return np.array([*purposes, -1], dtype=np.int64), np.array([*refused, NONE], dtype=np.int32)


def _by_limit(
    hurdles: Hurdles, situations: Situations, sends: Sends, closed: Numbers
) -> tuple[Ints, Numbers] | None:
    """Close the lanes, and tell the gates, that a cap or a cool-down shuts.

    Customers with the same past and the same send times are looked at once.

    Returns:
        (m,) the customers for whom a gate is shut, and (m, gates + 1) the number of what shuts each; None if
        there are none.
    """
    if nothing_in(situations.contacts) and nothing_in(situations.outcomes):
        return None
    if found := arrays(situations.contacts, situations.outcomes):
        least, some, gated = limits(hurdles, *found, sends[:, :-1])
        np.minimum(closed, least, out=closed)
        return (some, gated) if len(some) else None
    known: dict[tuple[Past, tuple[int, ...]], tuple[list[int], list[int]]] = {}
    rows, shut = [], []
    for i, past in enumerate(zip(situations.contacts, situations.outcomes, strict=True)):
        if past[0] or past[1]:
            asked = ((tuple(past[0]), tuple(past[1])), tuple(sends[i].tolist()))
            if asked not in known:
                known[asked] = _limits(hurdles, *asked)
            lanes, gates = known[asked]
            np.minimum(closed[i], lanes, out=closed[i])
            if gates:
                rows.append(i)
                shut.append(gates)
    return (np.array(rows, dtype=np.int64), np.array(shut, dtype=np.int32)) if rows else None


def _limits(hurdles: Hurdles, past: Past, sends: tuple[int, ...]) -> tuple[list[int], list[int]]:
    """What shuts each lane, and each gate, of a customer with that past; no gates if none is shut."""
    lanes, slots = hurdles.lanes, sends[:-1]
    overall = _first(lanes.overall, past, slots) if lanes.overall else [NONE] * len(slots)
    own = [_first(scope, past, slots) for scope in lanes.scopes]
    open_ = [NONE] * len(slots)
    closed = [
        min(overall[lane.slot], (own[lane.scope] if lane.scope >= 0 else open_)[lane.slot])
        for lane in lanes.every
    ]
    touched = {one.offer for one in past[0]} | {one.offer for one in past[1]}
    gates: list[int] = []
    for scope in hurdles.gates.scopes if hurdles.gates else ():
        met = scope.offers is not None and not scope.offers.isdisjoint(touched)
        gates += _first(scope, past, slots) if met else open_
    return [*closed, NONE], [*gates, NONE] if any(one != NONE for one in gates) else []


def _first(scope: Scope, past: Past, sends: Sequence[int]) -> list[int]:
    return [number or NONE for number in first_limit(scope, *past, sends)]


def _by_gate(gates: Gates, rows: Ints, shut: Numbers, blame: Numbers) -> None:
    """Lower the blame of each action of some customers to what shuts a gate of it."""
    least = shut[:, gates.of].min(axis=1)
    blame[rows] = np.minimum(blame[rows], least)


def funnel(made: Feasible) -> Funnel:
    """Counts per stage and per reason, of those that dropped anything."""
    return told(made.reasons, made.mask.shape, *counted(made))


def counted(made: Feasible) -> tuple[Ints, int]:
    """How many pairs each reason dropped, and how many customers are left with nothing: these add up."""
    counts = np.zeros(len(made.reasons) + 1, dtype=np.int64)
    nothing = _count(np.ascontiguousarray(made.blame), counts)
    return counts[1:], nothing


@kernel("i8(i4[:,::1], i8[::1])", writes=1)
def _count(blame: Numbers, counts: Ints) -> int:
    n, k = blame.shape
    nothing = 0
    for i in range(n):
        left = counts[0]
        for j in range(k):
            counts[blame[i, j]] += 1
        nothing += counts[0] - left == (blame[i, 0] == 0)
    return nothing


def told(reasons: Sequence[Reason], shape: tuple[int, ...], counts: Ints, nothing: int) -> Funnel:
    """The funnel of those counts, for (n, k) pairs."""
    dropped = dict.fromkeys(STAGES, 0)
    by_reason: dict[str, int] = {}
    for reason, count in zip(reasons, counts, strict=True):
        if count:
            dropped[reason.stage] += int(count)
            by_reason[f"{reason.stage}: {reason.text}"] = int(count)
    n, k = shape
    return Funnel(n, n * (k - 1), dropped, by_reason, nothing)


def merge(funnels: Iterable[Funnel]) -> Funnel:
    """Funnels of parts of a batch add up to that of the whole."""
    total = Funnel(0, 0, dict.fromkeys(STAGES, 0), {}, 0)
    for one in funnels:
        dropped = {stage: total.dropped[stage] + one.dropped[stage] for stage in STAGES}
        reasons = {
            r: total.by_reason.get(r, 0) + one.by_reason.get(r, 0)
            for r in {**total.by_reason, **one.by_reason}
        }
        nothing = total.left_with_nothing + one.left_with_nothing
        total = Funnel(total.customers + one.customers, total.pairs + one.pairs, dropped, reasons, nothing)
    return total
