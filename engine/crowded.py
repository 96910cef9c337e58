"""Caps asked for many customers at once, their contacts in arrays: as `engine.feasible` asks them one by one.

For customers of whom nothing is known to have followed from a contact, so that no cool-down can pause any.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.contact import Scope, window_us
from engine.domain import Cap
from engine.hurdles import NONE, Hurdles, Numbers
from engine.pasts import Pasts
from policies.base import Ints, Mask

_NEVER = np.iinfo(np.int64).max


def limits(hurdles: Hurdles, pasts: Pasts, sends_us: Ints) -> tuple[Numbers, Ints, Numbers]:
    """What shuts lanes and gates.

    Args:
        sends_us: (n, s) when each slot sends.

    Returns:
        (n, l + 1) the number of what shuts each lane; (m,) the customers for whom a gate is shut, and
        (m, gates + 1) the number of what shuts each.
    """
    lanes, shape = hurdles.lanes, sends_us.shape
    overall = _first(lanes.overall, pasts, sends_us) if lanes.overall else np.full(shape, NONE, np.int32)
    own = [_first(scope, pasts, sends_us) for scope in lanes.scopes]
    closed = np.full((shape[0], len(lanes.every) + 1), NONE, dtype=np.int32)
    for j, lane in enumerate(lanes.every):
        closed[:, j] = overall[:, lane.slot]
        if lane.scope >= 0:
            np.minimum(closed[:, j], own[lane.scope][:, lane.slot], out=closed[:, j])
    scopes = hurdles.gates.scopes if hurdles.gates else ()
    gates = [_first(scope, pasts, sends_us) for scope in scopes]
    shut = np.concatenate([*gates, np.full((shape[0], 1), NONE, np.int32)], axis=1)
    rows = np.flatnonzero((shut != NONE).any(axis=1))
    return closed, rows, shut[rows]


def _first(scope: Scope, pasts: Pasts, sends_us: Ints) -> Numbers:
    """(n, s) the number of the first cap of the scope that forbids each send."""
    made = np.full(sends_us.shape, NONE, dtype=np.int32)
    contacts_us = _square(pasts, _counts(scope, pasts))
    if contacts_us.shape[1] == 0:
        return made
    for limit, number in reversed(scope.limits):
        if isinstance(limit, Cap):
            for slot in range(sends_us.shape[1]):
                made[exceeds(limit, contacts_us, sends_us[:, slot]), slot] = number
    return made


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
