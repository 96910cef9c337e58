"""Early signs: outcomes that the goal does not price, and that foretell those it does.

A purchase is rare, and a click that comes before it is not. What one click is worth is the same whoever was
sent what, or nearly so; so a policy that learns who clicks on what learns sooner than one that waits for
purchases. Of every reward the part that its signs foretell is parted from the rest, and both are learnt, each
for itself (`policies.linear`): reward = (worth of the signs - cost) + rest. Whatever the signs are held to be
worth, both parts add up to the reward, so that a sign that misleads costs time, and no truth.

What signs are worth is a regression of the rewards on which of the kinds happened, over decisions of every
arm that teaches; kinds that say nothing are left out. It stands in the encoding, is found with the first few
hundred contacts and again whenever four times as many are learnt, and what was learnt is then parted anew.

Source: Athey, Chetty, Imbens and Kang (2019), "The surrogate index: combining short-term proxies to estimate
    long-term treatment effects more rapidly and precisely", for the signs; Prentice (1989), "Surrogate
    endpoints in clinical trials", for what the rest is there for: effects that pass the signs by.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from engine.domain import Goal
from policies.base import Floats

Kinds = frozenset[str]  # of outcomes that followed one decision
FIRST = 200  # contacts from which on signs are looked for
AGAIN = 4  # times as many: then they are looked for again
LAST = 20_000  # contacts learnt, beyond which what was learnt is not parted anew
_LEAST = 20  # decisions that a kind must have followed
_MOST = 12  # kinds, the most frequent ones
_SHRINK = 20.0  # decisions without the kind's worth that its worth is held back by
_APART = 2.0  # standard errors from 0, below which a kind says nothing


def are_due(found_among: int, learnt: int, contacts: int) -> bool:
    """Whether to look for signs.

    Args:
        found_among: contacts among which they were found last, 0 if they never were.
        learnt: contacts learnt already.
        contacts: with those about to be.
    """
    return contacts >= max(FIRST, AGAIN * found_among) and learnt <= LAST


def foretold(signs: Mapping[str, float], told: Sequence[Kinds]) -> Floats:
    """(n,) what the signs that followed each of n decisions are worth."""
    return np.array([sum(signs.get(kind, 0.0) for kind in kinds) for kinds in told], dtype=np.float64)


def rest(signs: Mapping[str, float], gross: Floats, told: Sequence[Kinds]) -> Floats:
    """(n,) what signs did not foretell of rewards before costs; 0 where there are no signs to go by."""
    return gross - foretold(signs, told) if signs else np.zeros(len(gross))


def find(goal: Goal, gross: Floats, told: Sequence[Kinds]) -> dict[str, float]:
    """What each kind of outcome that the goal does not price foretells, by decisions and their rewards.

    Args:
        gross: (n,) rewards before costs.
        told: the kinds that followed each decision.
    """
    priced = {kind for kind, weight in goal.outcomes.items() if weight.amount or weight.share}
    counts = Counter(kind for kinds in told for kind in kinds if kind not in priced)
    kinds = sorted(kind for kind, count in counts.most_common(_MOST) if count >= _LEAST)
    if not kinds:
        return {}
    happened = np.array([[kind in found for kind in kinds] for found in told], dtype=np.float64)
    worth, error = _regressed(happened, gross)
    telling = np.abs(worth) > _APART * error
    if not telling.any():
        return {}
    worth, _ = _regressed(happened[:, telling], gross)
    names = [kind for kind, tells in zip(kinds, telling, strict=True) if tells]
    return dict(zip(names, worth.tolist(), strict=True))


def _regressed(happened: Floats, gross: Floats) -> tuple[Floats, Floats]:
    """(q,) worth of each kind beside the others, held to 0, and its standard error whatever the spread."""
    A = np.column_stack([np.ones(len(gross)), happened])
    inverse = np.linalg.inv(A.T @ A + _SHRINK * np.diag(np.arange(A.shape[1]) > 0))
    worth = inverse @ (A.T @ gross)
    scores = A * (gross - A @ worth)[:, None]
    error = np.sqrt(np.diag(inverse @ (scores.T @ scores) @ inverse))
    return worth[1:], error[1:]
