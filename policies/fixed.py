"""Policies that do not learn: uniform, priority list, constant, formula."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from policies import explore
from policies.base import NO_ACTION, Actions, Feedback, Floats, Mask, check
from policies.settings import PolicyError, choice, number
from policies.state import State


class _Unlearning:
    """What every policy that does not learn does with feedback: check it, keep nothing."""

    settings: Mapping[str, Any]

    def learn(self, feedback: Feedback) -> None:
        """Check the feedback. Raises `FeedbackError`."""
        check(feedback)

    def state(self) -> State:
        """Nothing: the settings say it all."""
        return State({}, {})

    def restore(self, state: State) -> None:
        """Nothing to restore."""


class Uniform(_Unlearning):
    """Every feasible action with the same probability."""

    kind = "uniform"
    floor = 1.0

    def __init__(self) -> None:
        self.settings = {}

    def pmf(self, X: Floats, actions: Actions, mask: Mask, prior: Floats) -> Floats:
        """(n, k) probabilities; see `policies.base.Policy`."""
        return explore.uniform(mask)


class Priority(_Unlearning):
    """The feasible action of the highest priority; of equal ones the first. Deterministic by design.

    Args:
        priorities: action name -> priority. An action not named has 0. no_action comes last, whatever its
        priority:
            it is chosen where nothing else is feasible.
    """

    kind = "priority"
    floor = 0.0  # certain by design

    def __init__(self, *, priorities: Mapping[str, float] | None = None) -> None:
        if not isinstance(priorities or {}, Mapping):
            raise PolicyError(f"priorities == {priorities!r}, must map action names to numbers.")
        checked = {
            name: number(f"priorities[{name}]", one, -1e300, 1e300)
            for name, one in (priorities or {}).items()
        }
        self.settings = {"priorities": checked}
        self._order: tuple[Actions, Any] | None = None

    def pmf(self, X: Floats, actions: Actions, mask: Mask, prior: Floats) -> Floats:
        """(n, k) probabilities; see `policies.base.Policy`."""
        if self._order is None or self._order[0] is not actions:
            priorities = self.settings["priorities"]
            score = [-np.inf if name == NO_ACTION else priorities.get(name, 0.0) for name in actions.names]
            self._order = (actions, np.argsort(-np.array(score), kind="stable"))
        return _first_in(self._order[1], mask)


class Constant(_Unlearning):
    """One action where feasible, else no_action, else the first feasible one. Deterministic by design."""

    kind = "constant"
    floor = 0.0  # certain by design

    def __init__(self, *, action: str) -> None:
        if not isinstance(action, str):
            raise PolicyError(f"action == {action!r}, must be the name of an action.")
        self.settings = {"action": action}

    def pmf(self, X: Floats, actions: Actions, mask: Mask, prior: Floats) -> Floats:
        """(n, k) probabilities. Raises `PolicyError` if there is no action of that name."""
        wanted = choice("action", self.settings["action"], actions.names)
        rank = [0 if name == wanted else 1 if name == NO_ACTION else 2 for name in actions.names]
        return _first_in(np.argsort(rank, kind="stable"), mask)


class Formula(_Unlearning):
    """The highest prior (prediction x value x lever - cost); equal ones share. What a campaign does without
    learning.

    Args:
        epsilon: probability mass spread equally over the feasible set; 0 is deterministic by design.
    """

    kind = "formula"

    def __init__(self, *, epsilon: float = 0.0) -> None:
        self.floor = number("epsilon", epsilon, 0.0, 1.0)
        self.settings = {"epsilon": self.floor}

    def pmf(self, X: Floats, actions: Actions, mask: Mask, prior: Floats) -> Floats:
        """(n, k) probabilities; see `policies.base.Policy`."""
        return explore.greedy(prior, mask, self.floor)


def _first_in(order: Any, mask: Mask) -> Floats:
    """(n, k) probability 1 for the first feasible action in the given order of columns."""
    pmf = np.zeros(mask.shape)
    pmf[np.arange(len(mask)), order[np.argmax(mask[:, order], axis=1)]] = 1.0
    return pmf
