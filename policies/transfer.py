"""What was learnt before a change helps after it: customers still differ in the same directions.

After a change the weights theta_a of every action are learnt anew, but not from nothing: beside the prior
that all weights have, theta_a may lie in the span of the weights U learnt before it, in units of the rewards'
spread:

    theta_a = U m_a + delta_a,    m_a ~ normal(0, noise / ridge),    delta_a ~ normal(0, noise / ridge).

If two offers have changed places, or everybody buys half as much, a few rows an action tell m_a. Few rows
choose a large scale of the prior (`policies.evidence`): right for hundreds of columns of which nobody knows
anything, too large for scores that have foretold before. So m_a is held to 0 by the root of it. This is a
ridge regression on the features [phi, U' phi], the earlier scores being columns like any other, and its sums
follow from the sums over phi alone, with T = [I, U]: T' G T and T' b. So nothing but sums is kept, and these
stay exact.

Source: Rao (1975), "Simultaneous estimation of parameters in different linear models and applications to
    biometric problems", for weights with a common random part; Kuzborskij and Orabona (2013), "Stability and
    hypothesis transfer learning", for earlier predictors as a prior.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from policies import grid
from policies.base import Floats
from policies.moments import Moments, Response

MOST = 64  # weights carried over; of more actions the largest directions of theirs


@dataclass(frozen=True, slots=True)
class Carried:
    """`U` (D, r): weights learnt before; scores by them become features after the first `at` ones."""

    U: Floats
    at: int

    def scores(self, phi: Floats) -> Floats:
        """(n, r) the features that (n, D) features on the grid give, on the grid."""
        return grid.snap(grid.product(phi, self.U))

    def moments(self, one: Moments) -> Moments:
        """Sums over [phi[:at], U' phi, phi[at:]] from those over phi."""
        T = self._map()
        return Moments(T.T @ one.whole() @ T, one.n, Response(one.b @ T, one.square, one.lift))

    def precision(self, precision: Floats) -> Floats:
        """(D + r, 7) prior precision at each scale from that of the D weights; m knows the scale's root."""
        own = np.sqrt(precision[0] * precision[0, 0])
        return np.insert(precision, [self.at] * self.U.shape[1], own, axis=0)

    def weights(self, theta: Floats) -> Floats:
        """(D,) weights of phi from (D + r,) weights of all features."""
        return self._map() @ theta

    def _map(self) -> Floats:
        """(D, D + r)"""
        return np.hstack([np.eye(len(self.U), self.at), self.U, np.eye(len(self.U))[:, self.at :]])


def carried(theta: Sequence[Floats], spread: float, at: int) -> Carried | None:
    """What k weights (D,) learnt before a change have to say, given the spread of the rewards by then."""
    if not (theta and spread > 0.0):
        return None
    U = np.stack(theta, axis=1) / spread
    if len(theta) > MOST:
        left, size, _ = np.linalg.svd(U, full_matrices=False)
        U = left[:, :MOST] * size[:MOST]
    return Carried(U, at)
