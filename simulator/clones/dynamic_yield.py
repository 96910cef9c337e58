"""Dynamic Yield's dynamic allocation, as documented."""

from __future__ import annotations

import numpy as np

from policies.base import Actions, Floats, Mask
from simulator.clones.base import Counts, Heard, Sent, Setting, likeliest

_DRAWS = 2000


class DynamicYield:
    """Traffic goes to each variation by its probability of being the best, blind to who the customer is.

    Documented: allocation by P(best), worked out every hour. Assumed: a Beta(1, 1) prior, conversions are
    outcomes of positive worth under the program's goal, and sending nothing is one of the variations. With
    decisions once a day it is worked out once a day, by 2,000 draws.
    """

    behaviour = "traffic by the probability of being best, by conversions, no context"

    def __init__(self, setting: Setting) -> None:
        self._rng = np.random.Generator(np.random.PCG64(setting.seed))
        self._counts = Counts(len(setting.program.actions))
        self._draws = np.zeros((0, 0))
        self._draw()

    def pmf(self, X: Floats, actions: Actions, mask: Mask, prior: Floats) -> Floats:
        """(n, k) probabilities; see `policies.base.Policy`."""
        return likeliest(self._draws, mask)

    def sent(self, sent: Sent) -> None:
        """Count what was sent."""
        self._counts.note(sent)

    def hear(self, day: int, heard: Heard) -> None:
        """Count conversions, and work the probabilities out anew."""
        self._counts.hear(heard.take(heard.worth > 0))
        self._draw()

    def _draw(self) -> None:
        good = self._counts.followed
        bad = np.maximum(self._counts.sent - good, 0.0)
        self._draws = self._rng.beta(1 + good, 1 + bad, (_DRAWS, len(good)))
