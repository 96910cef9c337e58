"""What is too odd to be learnt as it stands: learnt as less, or set aside, and noted with the reason.

The limits are those of the program as it is now, whenever a decision was made: they are about evidence, not
about worth. So a limit that is set after the harm is done counts once the policy learns afresh.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from engine import sources
from engine.domain import Goal
from engine.reward import worth
from engine.store.rows import OutcomeRow

LARGEST = 1e9  # of a reward: vowpalwabbit counts in single precision


@dataclass(frozen=True, slots=True)
class Believed:
    """Outcomes that count as they are, what others count for together, and why; "" if there are none."""

    outcomes: Sequence[OutcomeRow]
    instead: float
    reason: str


def believed(
    limits: Goal, goal: Goal, outcomes: Sequence[OutcomeRow], held: sources.Held = frozenset()
) -> Believed:
    """The outcomes of a decision made under `goal`, within the limits of the program's goal of today.

    `held` are outcomes that are more than their source may teach.
    """
    sent = Counter(one.source for one in outcomes if (one.source, one.event) in held) if held else {}
    if sent:
        outcomes = [one for one in outcomes if (one.source, one.event) not in held]
    capped = [
        (kind, weight.at_most)
        for kind, weight in limits.outcomes.items()
        if weight.at_most is not None and any(one.kind == kind for one in outcomes)
    ]
    reasons = [sources.reason(limits, source, count) for source, count in sent.items()]
    instead, dropped = 0.0, set[str]()
    for kind, at_most in capped:
        total = math.fsum(worth(goal, one.kind, one.value) for one in outcomes if one.kind == kind)
        if abs(total) > at_most:
            counted = math.copysign(at_most, total)
            reasons.append(f"{kind} worth {total:g} learnt as {counted:g}, see at_most")
            instead += counted
            dropped.add(kind)
    kept = [one for one in outcomes if one.kind not in dropped] if dropped else outcomes
    return Believed(kept, instead, "; ".join(reasons))


def bounded(reward: float) -> tuple[float, str]:
    """The reward within what any policy can learn, and why if it was not."""
    if abs(reward) <= LARGEST:
        return reward, ""
    counted = math.copysign(LARGEST, reward)
    return counted, f"reward {reward:g} learnt as {counted:g}, the most that is learnt"
