"""Ramps: a new offer goes to a few customers first, and to all once enough is learnt of it.

Who is let in hangs on a hash of the offer and the customer alone, so whoever is in stays in as the share
grows, and every new offer has customers of its own. The share hangs on the decisions learnt of the offer,
which travel with the snapshot: a replay sees the share of the day. The arms see the same ramp.

Source: the idea is Pega's, which lets a new action reach 2 % of customers, and all at 200 positives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.arbitrate import closed
from engine.assign import unit_hash
from engine.domain import Program, Ramp
from engine.feasible import Feasible
from engine.hurdles import ARBITRATION, Reason
from engine.once import once
from engine.situation import Situations
from policies.base import Mask


def share(ramp: Ramp, seen: int) -> float:
    """The share of customers an offer goes to once `seen` decisions of it are learnt."""
    return ramp.share + (1.0 - ramp.share) * min(seen / ramp.until, 1.0)


def let_in(salt: str, offer: str, customers: Sequence[str], reach: float) -> Mask:
    """(n,) which customers an offer goes to, at that share of all."""
    return np.array([unit_hash(f"ramp\x1f{salt}\x1f{offer}", one) < reach * 2.0**64 for one in customers])


def ramped(
    program: Program, seen: Mapping[str, int], situations: Situations, made: Feasible
) -> tuple[Feasible, Mask | None]:
    """The feasible sets less the actions of new offers that do not go to the customer yet.

    Args:
        seen: decisions learnt of each offer.

    Returns:
        The sets, and (n, k) the actions of offers still on their ramp; None if there are none.
    """
    new = [
        (newcomer, reach)
        for newcomer in _newcomers(program)
        if (reach := share(newcomer.ramp, seen.get(newcomer.offer, 0))) < 1.0
    ]
    if not new:
        return made, None
    first = np.zeros_like(made.mask)
    for newcomer, reach in new:
        outside = ~let_in(program.salt, newcomer.offer, situations.customer, reach)
        made = closed(made, outside[:, None] & newcomer.actions, newcomer.reason)
        first |= newcomer.actions
    return made, first


@dataclass(frozen=True, slots=True)
class _Newcomer:
    """An offer with a ramp, (k,) which actions are of it, and why it is not for everyone."""

    offer: str
    ramp: Ramp
    actions: Mask
    reason: Reason


@once
def _newcomers(program: Program) -> tuple[_Newcomer, ...]:
    return tuple(
        _Newcomer(
            offer.name,
            offer.ramp,
            np.array([action.offer == offer.name for action in program.actions]),
            Reason(ARBITRATION, f"offer {offer.name}: new, {_in_words(offer.ramp)}"),
        )
        for offer in program.offers
        if offer.ramp is not None
    )


def _in_words(ramp: Ramp) -> str:
    return f"for {100 * ramp.share:g} % of customers first, for all after {ramp.until} decisions"
