"""The pooled model solved again and again while its sums change; what has not changed is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from policies.base import Floats
from policies.evidence import SCALES, Part, belief, certain, likeliest
from policies.likeness import Earned, earned
from policies.moments import Moments
from policies.optimism import Doubt, variance
from policies.pool import Fit, Layout, Solution, lay_out, solve
from policies.settings import PolicyError
from policies.transfer import Carried

WAVES = 128  # the first ones, by which the scale is chosen: a coarser kernel, at a fifth of the cost
UNKNOWNS = 1024  # of the pooled system by which the scale is chosen; with more factors, fewer columns


@dataclass(frozen=True, slots=True)
class Solved:
    """Weights of everything that was learnt, and how well they are known."""

    solution: Solution
    doubt: Doubt
    carried: Carried | None = None


def joined(first: Solved, rest: Solved, about: float, about_rest: float) -> Solved:
    """What early signs foretell and what they do not, together: weights add up, and so do variances.

    Args:
        about: squared deviations of the first, whose noise is the unit of the variances.
        about_rest: of the rest.
    """
    theta = {name: one + rest.solution.theta[name] for name, one in first.solution.theta.items()}
    shared = {name: one + rest.solution.shared[name] for name, one in first.solution.shared.items()}
    noise = about_rest / about if about > 0.0 else 0.0
    known = {name: _widened(one, rest.doubt.known[name], noise) for name, one in first.doubt.known.items()}
    doubt = Doubt(known, _widened(first.doubt.unlearnt, rest.doubt.unlearnt, noise))
    return Solved(Solution(theta, shared, first.solution.D), doubt, first.carried)


def _widened(variance: Floats, rest: Floats, noise: float) -> Floats:
    wide = variance.copy()
    wide[: len(rest)] += noise * rest
    return wide


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
        self._parts: dict[str, list[Part]] = {}
        self._moments: dict[str, Moments] = {}  # with what is carried over
        self._like: dict[str, Floats] = {}  # (K,) of an action, which those were extended with
        self._scale = 1.0  # at which the fits were solved

    def another(self) -> Solver:
        """One of the same settings, for another response of the same rows."""
        return Solver(self._ridge, self._pool, self._tune)

    def forget(self, name: str) -> None:
        """Drop what was worked out from an action's sums; they have changed."""
        self._fits.pop(name, None)
        self._parts.pop(name, None)
        self._moments.pop(name, None)

    def forget_all(self) -> None:
        """Drop everything: what is carried over has changed."""
        for kept in (self._fits, self._parts, self._moments, self._like):
            kept.clear()

    def earned(self, moments: Mapping[str, Moments], columns: int, waves: int) -> Earned:
        """What was earned with each action, by sorted names, at the smallest scale."""
        known = [moments[name] for name in sorted(moments)]
        return earned(known, self._precision(columns, waves)[:, 0])

    def solve(
        self,
        moments: Mapping[str, Moments],
        loading: Mapping[str, Mapping[str, float]],
        columns: int,
        waves: int,
        carried: Carried | None = None,
    ) -> Solved:
        """What was learnt of `columns` linear features and the waves.

        Raises:
            PolicyError: the sums are not those of any rows.
        """
        layout, precision = lay_out(loading, columns), self._precision(columns, waves)
        judged = self._precision(columns, min(waves, WAVES))
        sums = moments
        if carried:
            sums = self._extended(moments, carried)
            precision, judged = carried.precision(precision), carried.precision(judged)
        try:
            believed = self._believed(sums, layout, judged, columns) if self._tune else certain(1.0)
            scale = self._scaled(likeliest(believed))
            near = precision[:, SCALES.index(scale)]
            solution = solve(sums, layout, near, layout.precision(self._pool, scale), self._fits)
        except np.linalg.LinAlgError as error:
            raise PolicyError(
                "what was taken back is not what was learnt; learn the log again into a new policy."
            ) from error

        if carried:
            theta = {name: carried.weights(one, self._like[name]) for name, one in solution.theta.items()}
            solution = Solution(theta, solution.shared, len(moments[layout.names[0]].G))
        known = columns + (carried.U.shape[1] if carried else 0)
        reach = {name: np.diag(one.G)[:known] for name, one in sums.items()}
        doubt = {name: variance(one, precision[:known], believed) for name, one in reach.items()}
        if carried:
            for name, one in doubt.items():
                one[columns:] += carried.doubt(self._like[name])
        return Solved(solution, Doubt(doubt, variance(np.zeros(known), precision[:known], believed)), carried)

    def _extended(self, moments: Mapping[str, Moments], carried: Carried) -> Mapping[str, Moments]:
        for name, like in carried.likeness(moments).items():
            if name not in self._moments or not np.array_equal(like, self._like[name]):
                self.forget(name)
                self._moments[name], self._like[name] = carried.moments(moments[name], like), like
        return self._moments

    def _believed(
        self, moments: Mapping[str, Moments], layout: Layout, precision: Floats, columns: int
    ) -> Floats:
        """(7,) probability of each scale."""
        judged = replace(layout, p=min(layout.p, UNKNOWNS // max(len(layout.factors), 1)))
        return belief(moments, judged, precision, self._pool, columns, self._parts)

    def _scaled(self, scale: float) -> float:
        """The scale; fits of another one are dropped."""
        if scale != self._scale:
            self._fits, self._scale = {}, scale
        return scale

    def _precision(self, columns: int, waves: int) -> Floats:
        """(D, 7) at each of `SCALES`, such that the waves together vary as much as one column."""
        return np.outer(self._ridge * np.repeat([1.0, waves / 2.0], [columns, waves]), SCALES)
