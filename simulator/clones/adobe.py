"""Adobe Journey Optimizer, auto-optimisation, as documented."""

from __future__ import annotations

import numpy as np

from policies.base import Actions, Floats, Mask
from simulator.clones.base import Counts, Heard, Sent, Setting, likeliest

_DRAWS = 2000
_BIAS = 3.0  # the exploit-biased draws count each row so many times, the explore-biased ones one over it


class Adobe:
    """Thompson sampling over clicks, blind to who the customer is.

    Documented: 10 % explore-biased and 90 % exploit-biased Thompson sampling, retrained every 6 hours, clicks
    only. Assumed: a Beta(1, 1) prior; a bias is a posterior three times as narrow or as wide in counts;
    sending nothing is chosen only where nothing may be sent. With decisions once a day it learns once a day.
    Probabilities are those of 2,000 draws a morning, and exact for what is drawn from them.
    """

    behaviour = "Thompson sampling over clicks, 10 % explore-biased and 90 % exploit-biased, no context"

    def __init__(self, setting: Setting) -> None:
        self._kind, self._rng = setting.response, np.random.Generator(np.random.PCG64(setting.seed))
        self._counts = Counts(len(setting.program.actions))
        self._exploit = self._explore = np.zeros((0, 0))
        self._draw()

    def pmf(self, X: Floats, actions: Actions, mask: Mask, prior: Floats) -> Floats:
        """(n, k) probabilities; see `policies.base.Policy`."""
        return 0.9 * likeliest(self._exploit, mask) + 0.1 * likeliest(self._explore, mask)

    def sent(self, sent: Sent) -> None:
        """Count what was sent."""
        self._counts.note(sent)

    def hear(self, day: int, heard: Heard) -> None:
        """Count clicks, and draw anew."""
        self._counts.hear(heard.take(heard.kind == self._kind))
        self._draw()

    def _draw(self) -> None:
        good, all_sent = self._counts.followed, np.maximum(self._counts.sent, self._counts.followed)
        size = (_DRAWS, len(good))
        self._exploit, self._explore = (
            self._rng.beta(1 + bias * good, 1 + bias * (all_sent - good), size) for bias in (_BIAS, 1 / _BIAS)
        )
        self._exploit[:, 0] = self._explore[:, 0] = -1.0
