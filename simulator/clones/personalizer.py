"""Azure Personalizer, as documented: vowpalwabbit with its service's arguments."""

from __future__ import annotations

import numpy as np

from policies.base import Actions, Floats, Mask, feedback
from policies.vw import VW, arguments
from simulator.clones.base import Heard, Ledger, Sent, Setting

_CUT_OFF = 1.0  # days that a reward is waited for; later ones are discarded


class _Service(VW):
    """vowpalwabbit with the service's step size, which does not fade."""

    def __init__(self, seed: int) -> None:
        super().__init__(
            explore="epsilon", degree=0.2, estimator="mtr", learning_rate=0.001, floor=0.0, seed=seed
        )
        from vowpalwabbit import pyvw

        self._vw = pyvw.Workspace(arguments(self.settings) + " --power_t 0.0")


class Personalizer:
    """Epsilon-greedy over a linear model of context crossed with action.

    Documented: epsilon 0.2, learning rate 0.001, power_t 0, mtr, rewards later than 24 hours discarded.
    Its propensities are exact, as the vendor's were. Assumed: the reward is the goal's, 0 where nothing came.
    """

    behaviour = "vowpalwabbit, epsilon 0.2, l 0.001, power_t 0, mtr, rewards within 24 hours"

    def __init__(self, setting: Setting) -> None:
        self._policy, self._actions = _Service(setting.seed), setting.program.action_set()
        self._ledger, self._open = Ledger(), dict[int, tuple[Sent, Floats]]()

    def pmf(self, X: Floats, actions: Actions, mask: Mask, prior: Floats) -> Floats:
        """(n, k) probabilities; see `policies.base.Policy`."""
        return self._policy.pmf(X, actions, mask, np.zeros_like(prior))

    def sent(self, sent: Sent) -> None:
        """Wait for the rewards of what was sent."""
        self._ledger.note(sent)
        self._open[sent.day] = sent, np.zeros(len(sent.action))

    def hear(self, day: int, heard: Heard) -> None:
        """Add rewards that came in time, and learn the decisions that are waited for no longer."""
        heard = heard.take(heard.after < _CUT_OFF)
        for i, of, row in self._ledger.places(heard):
            if of in self._open:
                self._open[of][1][row] += heard.worth[i]
        for of in [one for one in self._open if one <= day - 1]:
            sent, reward = self._open.pop(of)
            self._policy.learn(feedback(sent.X, self._actions, sent.action, reward, sent.propensity))
