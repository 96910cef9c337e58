"""What a policy came to use: offers, channels and slots together, against what would have been best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.domain import Program
from policies.base import Floats, Ints
from simulator.season import Page, Use
from simulator.truth import best


def uses(program: Program, early: Ints, pages: Sequence[Page]) -> tuple[Use, ...]:
    """One row an action, no_action first, for the customers in the policy's arm; () if there are none.

    Args:
        early: (k,) how often each action was chosen in the first days.
        pages: the last days.
    """
    if not early.sum():
        return ()
    chosen = np.concatenate([page.action for page in pages])
    response = np.concatenate([page.response for page in pages])
    mask = np.concatenate([page.mask for page in pages])
    first, last, top = (
        _shares(counts) for counts in (early, _count(chosen, early), _count(best(response, mask), early))
    )
    gain = response[np.arange(len(chosen)), chosen] - response[:, 0]
    return tuple(
        Use(
            action.name,
            action.offer,
            action.channel,
            action.slot,
            float(first[j]),
            float(last[j]),
            float(top[j]),
            float(gain[chosen == j].mean()) if last[j] else None,
        )
        for j, action in enumerate(program.actions)
    )


def _count(action: Ints, like: Ints) -> Ints:
    return np.bincount(action, minlength=len(like))


def _shares(counts: Ints) -> Floats:
    share: Floats = counts / counts.sum()
    return share
