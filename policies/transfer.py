"""What was learnt before a change helps after it, in two ways: by directions and by rows.

*Directions.* Customers still differ in the same ones. The weights theta_a of every action are learnt anew,
but not from nothing: beside the prior that all weights have, theta_a may lie in the span of the weights U of
what was earned with each action before (`policies.likeness`), in units of the rewards' spread:

    theta_a = U (m_a + l_a) + delta_a,    m_a, delta_a ~ normal(0, noise / ridge).

If everybody buys half as much, a few rows an action tell m_a. Few rows choose a large scale of the prior
(`policies.evidence`): right for hundreds of columns of which nobody knows anything, too large for what has
foretold before. So m_a is held to 0 by the root of it. This is a ridge regression on the features
[phi, U' phi], and its sums follow from the sums over phi alone, with T = [I, U]: T' G T and T' b.

*Rows.* If offers have changed places, an action is now what another one was. With the probability p_j that it
is earlier action j, the rows of j count 2 p_j - 1 each as if they were its own, once that is above 0; so at
most one j does. What is left of the probabilities says what to expect of it meanwhile, l_a: the shares of the
rewards that go with each j. That one of several is right and nobody knows which is doubt, of variance
p_j (1 - p_j) on every direction.

Nothing but sums is kept, and these stay exact.

Source: Rao (1975), "Simultaneous estimation of parameters in different linear models and applications to
    biometric problems", for weights with a common random part; Kuzborskij and Orabona (2013), "Stability and
    hypothesis transfer learning", for earlier predictors as a prior; Ibrahim and Chen (2000), "Power prior
    distributions for regression models", for earlier rows that count in part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from policies import grid
from policies.base import Floats
from policies.likeness import Earned, likeness
from policies.moments import Moments, Response

MOST = 64  # directions carried over; of more actions the largest ones of theirs
_LEAST = 1e-9  # of squared rewards


@dataclass(frozen=True, slots=True)
class Past:
    """What was learnt before a change.

    Attributes:
        earned: with each of K actions.
        moments: of these.
        mix: (r, K) such that U mix are weights of what each would earn, in units of `spread`.
        spread: of the rewards.
    """

    earned: Earned
    moments: Sequence[Moments]
    mix: Floats
    spread: float


@dataclass(frozen=True, slots=True)
class Carried:
    """`U` (D, r): directions known before; scores by them become features after the first `at` ones.

    `past` is what they come from; None in a snapshot that only serves.
    """

    U: Floats
    at: int
    past: Past | None = None

    def scores(self, phi: Floats) -> Floats:
        """(n, r) the features that (n, D) features on the grid give, on the grid."""
        return grid.snap(grid.product(phi, self.U))

    def likeness(self, moments: Mapping[str, Moments]) -> Mapping[str, Floats]:
        """(K,) for each action, by sorted names, the probability that it is now what each earlier one was."""
        names = sorted(moments)
        assert self.past is not None
        found = likeness(self.past.earned, [moments[name] for name in names])
        return dict(zip(names, found, strict=True))

    def moments(self, one: Moments, like: Floats) -> Moments:
        """Sums over [phi[:at], U' phi, phi[at:]] of an action's rows and earlier ones that count as its own.

        The response is what its likeness to earlier actions does not foretell.
        """
        T, G, b, square = self._map(), one.whole(), one.b[0], float(one.square[0, 0])
        n, lift = one.n, float(one.lift[0, 0])
        for j in np.flatnonzero(_counted(like)):
            count, other = _counted(like)[j], self._past.moments[int(j)]
            G, b, n = G + count * other.whole(), b + count * other.b[0], n + count * other.n
            square, lift = square + count * float(other.square[0, 0]), lift + count * float(other.lift[0, 0])
        mean = self.U @ self._mean(like)
        left = max(square - 2.0 * float(mean @ b) + float(mean @ G @ mean), _LEAST * square)
        lift = lift * (left / square) if square > 0.0 else lift
        return Moments(T.T @ G @ T, n, Response(_high((b - G @ mean) @ T), _high([left]), _high([lift])))

    def doubt(self, like: Floats) -> Floats:
        """(r,) variance of an action's weights on the directions, for not knowing which earlier one it is."""
        found: Floats = np.square(self._past.mix) @ (like * (1.0 - like))
        return found

    def precision(self, precision: Floats) -> Floats:
        """(D + r, 7) prior precision at each scale from that of the D weights; m knows the scale's root."""
        own = np.sqrt(precision[0] * precision[0, 0])
        return np.insert(precision, [self.at] * self.U.shape[1], own, axis=0)

    def weights(self, theta: Floats, like: Floats) -> Floats:
        """(D,) weights of phi from (D + r,) weights of all features, and an action's likeness."""
        found: Floats = self._map() @ theta + self.U @ self._mean(like)
        return found

    @property
    def _past(self) -> Past:
        assert self.past is not None
        return self.past

    def _mean(self, like: Floats) -> Floats:
        """(r,) what to expect of an action on the directions; see l_a above."""
        found: Floats = self._past.mix @ (like - _counted(like)) * self._past.spread
        return found

    def _map(self) -> Floats:
        """(D, D + r)"""
        return np.hstack([np.eye(len(self.U), self.at), self.U, np.eye(len(self.U))[:, self.at :]])


def carried(earned: Earned, moments: Sequence[Moments], spread: float, at: int) -> Carried | None:
    """What actions before a change have to say, given their sums and the spread of the rewards by then."""
    if not spread > 0.0:
        return None
    U = earned.share / spread
    mix = np.eye(U.shape[1])
    if len(mix) > MOST:
        left, size, right = np.linalg.svd(U, full_matrices=False)
        U, mix = left[:, :MOST] * size[:MOST], right[:MOST]
    return Carried(U, at, Past(earned, moments, mix * (earned.rate / earned.peak), spread))


def _counted(like: Floats) -> Floats:
    """(K,) how much each row of an earlier action counts as the action's own."""
    return np.maximum(2.0 * like - 1.0, 0.0)


def _high(values: Floats | Sequence[float]) -> Floats:
    """(2, m) double-double of plain numbers."""
    return np.stack([np.asarray(values), np.zeros(len(values))])
