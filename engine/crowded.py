"""Caps and cool-downs asked for many customers at once, their past in arrays: as `engine.feasible` asks them
one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from engine.calendar import MICROSECOND
from engine.coded import nothing_in
from engine.contact import Scope, window_us
from engine.domain import Cap, Cooldown
from engine.happenings import Happenings
from engine.hurdles import NONE, Hurdles, Numbers
from engine.pasts import Pasts
from engine.situation import Contact, Happened
from policies.base import Ints, Mask

_NEVER = np.iinfo(np.int64).max


def arrays(
    contacts: Sequence[Sequence[Contact]], outcomes: Sequence[Sequence[Happened]]
) -> tuple[Pasts, Happenings | None] | None:
    """What of the past of n customers limits them, where it is in arrays."""
    happenings = None if nothing_in(outcomes) else outcomes
    if isinstance(contacts, Pasts) and (happenings is None or isinstance(happenings, Happenings)):
        return contacts, happenings
    return None


def limits(
    hurdles: Hurdles, pasts: Pasts, happenings: Happenings | None, sends_us: Ints
) -> tuple[Numbers, Ints, Numbers]:
    """What shuts lanes and gates.

    Args:
        happenings: None where nothing happened to anybody.
        sends_us: (n, s) when each slot sends.

    Returns:
        (n, l + 1) the number of what shuts each lane; (m,) the customers for whom a gate is shut, and
        (m, gates + 1) the number of what shuts each.
    """
    lanes, shape = hurdles.lanes, sends_us.shape
    first = partial(_first, pasts, happenings, sends_us)
    overall = first(lanes.overall) if lanes.overall else np.full(shape, NONE, np.int32)
    own = [first(scope) for scope in lanes.scopes]
    closed = np.full((shape[0], len(lanes.every) + 1), NONE, dtype=np.int32)
    for j, lane in enumerate(lanes.every):
        closed[:, j] = overall[:, lane.slot]
        if lane.scope >= 0:
            np.minimum(closed[:, j], own[lane.scope][:, lane.slot], out=closed[:, j])
    scopes = hurdles.gates.scopes if hurdles.gates else ()
    gates = [first(scope) for scope in scopes]
    shut = np.concatenate([*gates, np.full((shape[0], 1), NONE, np.int32)], axis=1)
    rows = np.flatnonzero((shut != NONE).any(axis=1))
    return closed, rows, shut[rows]


def _first(pasts: Pasts, happenings: Happenings | None, sends_us: Ints, scope: Scope) -> Numbers:
    """(n, s) the number of the first limit of the scope that forbids each send."""
    made = np.full(sends_us.shape, NONE, dtype=np.int32)
    contacts_us = _square(pasts, _counts(scope, pasts))
    for limit, number in reversed(scope.limits):
        if isinstance(limit, Cap):
            test = partial(exceeds, limit, contacts_us)
        elif happenings is None:
            continue
        else:
            test = partial(pauses, limit, _times(scope, limit, happenings))
        for slot in range(sends_us.shape[1]):
            made[test(sends_us[:, slot]), slot] = number
    return made


def _times(scope: Scope, cooldown: Cooldown, happenings: Happenings) -> Ints:
    """(n, w) when what a cool-down counts happened, in order; `_NEVER` beyond that of a customer."""
    counts = _counts(scope, happenings.after) & happenings.of_kind(cooldown.kind)
    return _square(happenings.after, happenings.once(counts, cooldown.kind))


def _counts(scope: Scope, pasts: Pasts) -> Mask:
    """(m,) which contacts are of the scope."""
    here = pasts.contacts
    if scope.offers is not None:
        return _named(pasts.offers, scope.offers)[pasts.offer[here]]
    if scope.channel is not None:
        return _named(pasts.channels, {scope.channel})[pasts.channel[here]]
    return np.ones(here.stop - here.start, dtype=np.bool_)


def _named(names: Sequence[str], wanted: frozenset[str] | set[str]) -> Mask:
    return np.array([name in wanted for name in names], dtype=np.bool_)


def _square(pasts: Pasts, counts: Mask) -> Ints:
    """(n, w) when the contacts that count were sent; `_NEVER` beyond those of a customer."""
    row, at_us = pasts.row[counts], pasts.at_us[pasts.contacts][counts]
    often = np.bincount(row, minlength=len(pasts))
    place = np.arange(len(row)) - np.repeat(np.cumsum(often) - often, often)
    made = np.full((len(pasts), int(often.max(initial=0))), _NEVER)
    made[row, place] = at_us
    return made


def exceeds(cap: Cap, contacts_us: Ints, send_us: NDArray[np.int64]) -> Mask:
    """(n,) as `engine.contact.exceeds`.

    Args:
        contacts_us: (n, w) send times of the contacts that count; the largest number for none.
        send_us: (n,) send time of the new one.
    """
    width, n = window_us(cap), len(send_us)
    if contacts_us.shape[1] < cap.count:
        return np.zeros(n, dtype=np.bool_)
    known = contacts_us != _NEVER
    close = known & (np.abs(np.where(known, contacts_us, 0) - send_us[:, None]) < width)
    near = np.concatenate([np.where(close, contacts_us, _NEVER), send_us[:, None]], axis=1)
    near.sort(axis=1)
    later = near[:, cap.count :]
    over: Mask = (later != _NEVER) & (later - near[:, : -cap.count] < width)
    return np.asarray(over.any(axis=1))


def pauses(cooldown: Cooldown, outcomes_us: Ints, send_us: NDArray[np.int64]) -> Mask:
    """(n,) as `engine.contact.pauses`.

    Args:
        outcomes_us: (n, w) when what counts happened, in order; the largest number for nothing.
        send_us: (n,) send time of the new contact.
    """
    width, pause, more = window_us(cooldown), cooldown.pause // MICROSECOND, cooldown.count - 1
    if outcomes_us.shape[1] <= more:
        return np.zeros(len(send_us), dtype=np.bool_)
    last, first = outcomes_us[:, more:], outcomes_us[:, : outcomes_us.shape[1] - more]
    known = last != _NEVER
    after = send_us[:, None] - np.where(known, last, 0)
    paused: Mask = known & (last - first < width) & (after >= 0) & (after < pause)
    return np.asarray(paused.any(axis=1))
