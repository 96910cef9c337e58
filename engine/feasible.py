"""The funnel: which actions remain for whom, and what dropped each of the others.

Stages in order: eligible, applicable, suitable (rules of the program, the offer, the channel), consent,
contact policy (slots gone by, quiet hours, caps). The first that forbids an action drops it; no_action stays.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.calendar import instant, is_quiet, known_zone, microseconds, send_instant
from engine.contact import blocking_cap
from engine.domain import Program
from engine.hurdles import NONE, STAGES, Lane, Lanes, Numbers, Reason, RuleHurdles, SeasonHurdles
from engine.screen import Screen, passed
from engine.situation import Contact, Situations
from policies.base import Mask

__all__ = ["STAGES", "Feasible", "Funnel", "Reason", "feasible", "funnel", "merge"]
Sends = NDArray[np.int64]


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
    closed, sends = _in_lanes(program, hurdles.lanes, situations)
    blame = closed[:, hurdles.lanes.of]
    if hurdles.rules is not None:
        _by_rule(hurdles.rules, ~passed(screen, situations.values, len(situations)), blame)
    if hurdles.seasons is not None:
        _by_season(hurdles.seasons, np.array(situations.at_us, dtype=np.int64), blame)
    mask = blame == NONE
    blame[mask] = 0
    return Feasible(mask, blame, hurdles.reasons, sends[:, hurdles.lanes.of])


def _by_rule(hurdles: RuleHurdles, fails: Mask, blame: Numbers) -> None:
    """Lower the blame of each action to the first rule of its owners that fails."""
    number = np.where(fails[:, hurdles.order], hurdles.number, NONE)
    least = _and_none(np.minimum.reduceat(number, hurdles.starts, axis=1))
    for owner in hurdles.owners:
        np.minimum(blame, least[:, owner], out=blame)


def _by_season(hurdles: SeasonHurdles, at_us: Sends, blame: Numbers) -> None:
    outside = (at_us[:, None] < hurdles.starts_us) | (at_us[:, None] >= hurdles.ends_us)
    number = _and_none(np.where(outside, hurdles.number, NONE))
    np.minimum(blame, number[:, hurdles.season], out=blame)


def _and_none(number: NDArray[np.integer]) -> Numbers:
    """The numbers, and a last column for what has no such hurdle."""
    wider = np.full((number.shape[0], number.shape[1] + 1), NONE, dtype=np.int32)
    wider[:, :-1] = number
    return wider


def _in_lanes(program: Program, lanes: Lanes, situations: Situations) -> tuple[Numbers, Sends]:
    """(n, l + 1) what closes each lane, and when it sends; the last lane is that of no_action.

    Customers of one zone and instant are looked at once.
    """
    moments: dict[tuple[str | None, int], int] = {}
    row = [
        moments.setdefault(one, len(moments)) for one in zip(situations.zone, situations.at_us, strict=True)
    ]
    read = [_clock(lanes, zone, at_us) for zone, at_us in moments]
    closed = np.array([one for one, _ in read], dtype=np.int32)[row]
    sends = np.array([one for _, one in read], dtype=np.int64)[row]
    _by_consent(lanes, situations, closed)
    _by_cap(program, lanes, situations, sends, closed)
    return closed, sends


def _clock(lanes: Lanes, zone_name: str | None, at_us: int) -> tuple[list[int], list[int]]:
    """What closes each lane by the clock, and when it sends, for decisions of one instant in one zone."""
    at, zone = instant(at_us), known_zone(zone_name)
    sends = [send_instant(slot, at, zone) for slot in lanes.slots]
    sends_us = [at_us if send is None else microseconds(send) for send in sends]
    quiet = [[send is not None and is_quiet(hours, send, zone) for hours in lanes.hours] for send in sends]
    closed = [
        lane.passed if sends[lane.slot] is None else _silence(lane, quiet[lane.slot], zone is None)
        for lane in lanes.every
    ]
    return [*closed, NONE], [*(sends_us[lane.slot] for lane in lanes.every), at_us]


def _silence(lane: Lane, quiet: list[bool], unknown: bool) -> int:
    if lane.hours < 0 or not quiet[lane.hours]:
        return NONE
    return lane.unknown_zone if unknown else lane.quiet


def _by_consent(lanes: Lanes, situations: Situations, closed: Numbers) -> None:
    granted = np.ones((len(situations), len(lanes.purposes) + 1), dtype=np.bool_)
    for j, purpose in enumerate(lanes.purposes):
        granted[:, j] = [consent.get(purpose) is True for consent in situations.consent]
    asked = [lane.purpose for lane in lanes.every]  # -1 is the last column: nothing to ask for
    refused = np.array([lane.refused for lane in lanes.every], dtype=np.int32)
    np.minimum(closed[:, :-1], np.where(granted[:, asked], NONE, refused), out=closed[:, :-1])


def _by_cap(program: Program, lanes: Lanes, situations: Situations, sends: Sends, closed: Numbers) -> None:
    """Close what a cap forbids; customers with the same past and the same send time are looked at once."""
    known: dict[tuple[str, tuple[Contact, ...], int], int] = {}
    for i, contacts in enumerate(situations.contacts):
        if contacts:
            past = tuple(contacts)
            for j, lane in enumerate(lanes.every):
                asked = (lane.channel.name, past, int(sends[i, j]))
                if asked not in known:
                    words = blocking_cap(lane.channel, program.caps, past, asked[2])
                    known[asked] = NONE if words is None else lanes.caps[words]
                closed[i, j] = min(closed[i, j], known[asked])


def funnel(made: Feasible) -> Funnel:
    """Counts per stage and per reason, of those that dropped anything."""
    counts = np.bincount(made.blame.ravel(), minlength=len(made.reasons) + 1)[1:]
    dropped = dict.fromkeys(STAGES, 0)
    by_reason: dict[str, int] = {}
    for reason, count in zip(made.reasons, counts, strict=True):
        if count:
            dropped[reason.stage] += int(count)
            by_reason[f"{reason.stage}: {reason.text}"] = int(count)
    n, k = made.mask.shape
    nothing = int((~made.mask[:, 1:]).all(axis=1).sum()) if k > 1 else n
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
