"""The pooled model solved again and again while its sums change; what has not changed is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from policies.base import Floats
from policies.evidence import Part, belief, certain, likeliest
from policies.moments import Moments
from policies.optimism import Doubt, variance
from policies.pool import Fit, Layout, Solution, lay_out, solve
from policies.settings import PolicyError

WAVES = 128  # the first ones, by which the scale is chosen: a coarser kernel, at a fifth of the cost
UNKNOWNS = 1024  # of the pooled system by which the scale is chosen; with more factors, fewer columns


@dataclass(frozen=True, slots=True)
class Solved:
    """Weights of everything that was learnt, and how well they are known."""

    solution: Solution
    doubt: Doubt


class Solver:
    """Solutions of one model.

    Args:
        ridge: prior precision of an action's weights around its factors' prediction, in observations.
        pool: prior precision of the factors' weights around 0, in observations.
        tune: whether both are multiplied by the scale that `policies.evidence` chooses.
    """

    def __init__(self, ridge: float, pool: float, tune: bool) -> None:
        self._ridge, self._pool, self._tune = ridge, pool, tune
        self._fits: dict[str, Fit] = {}
        self._parts: dict[str, tuple[Part, ...]] = {}
        self._scale = 1.0  # at which the fits were solved

    def forget(self, name: str) -> None:
        """Drop what was worked out from an action's sums; they have changed."""
        self._fits.pop(name, None)
        self._parts.pop(name, None)

    def solve(
        self, moments: Mapping[str, Moments], loading: Mapping[str, Mapping[str, float]], d: int, f: int
    ) -> Solved:
        """What was learnt, of 1 + d columns and f waves.

        Raises:
            PolicyError: the sums are not those of any rows.
        """
        layout = lay_out(loading, 1 + d)
        try:
            believed = self._believed(moments, layout, d, f) if self._tune else certain(1.0)
            scale, ridge = self._scaled(likeliest(believed)), self._precision(d, f)
            solution = solve(moments, layout, scale * ridge, scale * self._pool, self._fits)
        except np.linalg.LinAlgError as error:
            raise PolicyError(
                "what was taken back is not what was learnt; learn the log again into a new policy."
            ) from error

        near = ridge[: 1 + d]
        known = {name: variance(np.diag(one.G)[: 1 + d], near, believed) for name, one in moments.items()}
        return Solved(solution, Doubt(known, variance(np.zeros(1 + d), near, believed)))

    def _believed(self, moments: Mapping[str, Moments], layout: Layout, d: int, f: int) -> Floats:
        """(7,) probability of each scale."""
        ridge = self._precision(d, min(f, WAVES))
        judged = replace(layout, p=min(layout.p, UNKNOWNS // max(len(layout.factors), 1)))
        return belief(moments, judged, ridge, self._pool, 1 + d, self._parts)

    def _scaled(self, scale: float) -> float:
        """The scale; fits of another one are dropped."""
        if scale != self._scale:
            self._fits, self._scale = {}, scale
        return scale

    def _precision(self, d: int, f: int) -> Floats:
        """(1 + d + f,) such that the waves together vary as much as one column."""
        return self._ridge * np.repeat([1.0, f / 2.0], [1 + d, f])
