"""The funnel: which actions remain for whom, and what dropped each of the others.

Stages in order: eligible, applicable, suitable (rules of the program, the offer, the channel), consent,
contact policy (slots gone by, quiet hours, caps). An action is dropped by the first stage that forbids it;
no_action never is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from engine import contact
from engine.calendar import instant, is_quiet, known_zone, microseconds, send_instant
from engine.domain import Channel, Program, Slot
from engine.screen import Screen, passed
from engine.situation import Contact, Situations
from policies.base import Mask

STAGES = ("eligible", "applicable", "suitable", "consent", "contact policy")
Sends = NDArray[np.int64]
Rows = Mask | NDArray[np.int64] | int


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an action was dropped: the stage, and the rule or limit in the words of the program file."""

    stage: str
    text: str


@dataclass(frozen=True, slots=True)
class Feasible:
    """What remains of k actions for n customers.

    Attributes:
        mask: (n, k) True where the action may be chosen; column 0, no_action, is always True.
        blame: (n, k) 0 where feasible, else 1 + index into `reasons`.
        reasons: what dropped actions here, in the order first met.
        send_us: (n, k) microseconds UTC at which each action would be sent; the decision's time for
            no_action.
    """

    mask: Mask
    blame: NDArray[np.int32]
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


@dataclass(slots=True)
class _Blame:
    """Collects the first reason per pair while the stages run."""

    blame: NDArray[np.int32]
    index: dict[Reason, int] = field(default_factory=dict)

    def drop(self, rows: Rows, action: int, reason: Reason) -> None:
        number = self.index.setdefault(reason, len(self.index) + 1)
        column = self.blame[:, action]
        column[rows] = np.where(column[rows] == 0, number, column[rows])


def feasible(program: Program, screen: Screen, situations: Situations) -> Feasible:
    """Run the funnel for n situations of one program."""
    blame = _Blame(np.zeros((len(situations), len(program.actions)), dtype=np.int32))
    _drop_by_rule(program, screen, situations, blame)
    _drop_out_of_season(program, situations, blame)
    _drop_without_consent(program, situations, blame)
    send_us = _drop_by_clock(program, situations, blame)
    _drop_by_cap(program, situations, send_us, blame)
    return Feasible(blame.blame == 0, blame.blame, tuple(blame.index), send_us)


def funnel(made: Feasible) -> Funnel:
    """Counts per stage and per reason."""
    counts = np.bincount(made.blame.ravel(), minlength=len(made.reasons) + 1)[1:]
    dropped = dict.fromkeys(STAGES, 0)
    by_reason: dict[str, int] = {}
    for reason, count in zip(made.reasons, counts, strict=True):
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


def _drop_by_rule(program: Program, screen: Screen, situations: Situations, blame: _Blame) -> None:
    if not screen.rules:
        return
    fails = ~passed(screen, situations.values, len(situations))
    for j in sorted(range(len(screen.rules)), key=lambda j: STAGES.index(screen.rules[j].intent)):
        if fails[:, j].any():
            rule = screen.rules[j]
            for action in _owned(program, rule.owner):
                blame.drop(fails[:, j], action, Reason(rule.intent, f"{rule.owner}: {rule.text}"))


def _owned(program: Program, owner: str) -> list[int]:
    """Indices of the actions a rule's owner ("program", "offer x", "channel y") speaks for."""
    kind, _, name = owner.partition(" ")
    speaks: dict[str, Callable[[int], bool]] = {
        "program": lambda j: True,
        "offer": lambda j: program.actions[j].offer == name,
        "channel": lambda j: program.actions[j].channel == name,
    }
    return [j for j, action in enumerate(program.actions) if action.offer and speaks[kind](j)]


def _drop_out_of_season(program: Program, situations: Situations, blame: _Blame) -> None:
    at_us = np.asarray(situations.at_us, dtype=np.int64)
    for offer in program.offers:
        outside = np.zeros(len(situations), dtype=np.bool_)
        if offer.starts is not None:
            outside |= at_us < microseconds(offer.starts)
        if offer.ends is not None:
            outside |= at_us >= microseconds(offer.ends)
        if outside.any():
            for action in _owned(program, f"offer {offer.name}"):
                blame.drop(outside, action, Reason("eligible", f"offer {offer.name}: outside its dates"))


def _drop_without_consent(program: Program, situations: Situations, blame: _Blame) -> None:
    for channel in program.channels:
        if channel.consent is not None:
            refused = np.array([consent.get(channel.consent) is not True for consent in situations.consent])
            reason = Reason("consent", f"channel {channel.name}: no consent to {channel.consent}")
            for action in _owned(program, f"channel {channel.name}"):
                blame.drop(refused, action, reason)


def _drop_by_clock(program: Program, situations: Situations, blame: _Blame) -> Sends:
    """Drop slots that have passed and quiet hours; customers of one zone and instant are looked at once."""
    at_us = np.asarray(situations.at_us, dtype=np.int64)
    send_us = np.repeat(at_us[:, None], len(program.actions), axis=1)
    groups: dict[tuple[str | None, int], list[int]] = {}
    for i, key in enumerate(zip(situations.zone, situations.at_us, strict=True)):
        groups.setdefault(key, []).append(i)
    slots = {slot.name: slot for slot in program.slots}
    channels = {channel.name: channel for channel in program.channels}
    for (zone_name, at), rows in groups.items():
        zone, member = known_zone(zone_name), np.array(rows, dtype=np.int64)
        for j, action in enumerate(program.actions):
            if action.offer:
                send, reason = _clock(slots[action.slot], channels[action.channel], at, zone)
                send_us[member, j] = send
                if reason is not None:
                    blame.drop(member, j, reason)
    return send_us


def _clock(slot: Slot, channel: Channel, at_us: int, zone: ZoneInfo | None) -> tuple[int, Reason | None]:
    send = send_instant(slot, instant(at_us), zone)
    if send is None:
        return at_us, Reason("contact policy", f"slot {slot.name} has passed")
    if channel.quiet is not None and is_quiet(channel.quiet, send, zone):
        why = "time zone unknown, so every hour is quiet" if zone is None else "quiet hours"
        return microseconds(send), Reason("contact policy", f"channel {channel.name}: {why}")
    return microseconds(send), None


def _drop_by_cap(program: Program, situations: Situations, send_us: Sends, blame: _Blame) -> None:
    channels = {channel.name: channel for channel in program.channels}
    for i, contacts in enumerate(situations.contacts):
        if contacts:
            _drop_row_by_cap(program, channels, contacts, i, send_us[i], blame)


def _drop_row_by_cap(
    program: Program,
    channels: dict[str, Channel],
    contacts: Iterable[Contact],
    i: int,
    send_us: Sends,
    blame: _Blame,
) -> None:
    contacts = tuple(contacts)
    verdict: dict[tuple[str, int], str | None] = {}
    for j, action in enumerate(program.actions):
        if action.offer and blame.blame[i, j] == 0:
            key = (action.channel, int(send_us[j]))
            if key not in verdict:
                verdict[key] = contact.blocking_cap(channels[action.channel], program.caps, contacts, key[1])
            if (text := verdict[key]) is not None:
                blame.drop(i, j, Reason("contact policy", text))
