"""Outcomes into rewards: what a decision earned inside the attribution window, less what it cost.

An outcome that names its decision belongs to it alone; any other belongs to every decision of the customer in
whose window it falls (`engine.store.late` says why). A reward is final at maturity unless something arrives
late, and then it is corrected exactly (`engine.learn`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from engine.domain import Goal
from engine.store.rows import OutcomeRow
from policies.base import Floats


def worth(goal: Goal, kind: str, value: float) -> float:
    """Net money (or points) of one outcome; a kind the goal does not name is worth nothing."""
    weight = goal.outcomes.get(kind)
    return 0.0 if weight is None else weight.amount + weight.share * value


def rewards(goal: Goal, cost: Floats, happened: Sequence[Iterable[OutcomeRow]]) -> Floats:
    """(n,) reward of each decision: worth of its outcomes inside the window, less the cost of its action.

    Args:
        cost: (n,) what the action of each cost, 0 where nothing was sent.
        happened: the outcomes that belong to each of n decisions.
    """
    earned = [sum(worth(goal, one.kind, one.value) for one in outcomes) for outcomes in happened]
    return np.array(earned, dtype=np.float64) - cost
