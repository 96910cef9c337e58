"""Group sequential tests: a few planned looks that share one alpha."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from policies.base import Floats

_EDGE = 8.0  # standard deviations beyond which nothing is left
_STEPS = 801  # points of the integration grid


def spent(fraction: Sequence[float], alpha: float = 0.05, exponent: float = 2.0) -> Floats:
    """Alpha used up by each look: ``alpha * fraction ** exponent``.

    Source: Kim and DeMets (1987), "Design and analysis of group sequential tests based on the type I error
    spending rate function".

    Args:
        fraction: (m,) growing share of the planned information, the last at most 1.
    """
    return alpha * np.asarray(fraction, dtype=np.float64) ** exponent


def bounds(fraction: Sequence[float], spending: Sequence[float]) -> list[float]:
    """z-scores beyond which each look stops, two-sided.

    Source: Armitage, McPherson and Rowe (1969), "Repeated significance tests on accumulating data": the
    density of the score that has not stopped yet is carried from look to look by numerical integration.

    Args:
        fraction: (m,) growing share of the planned information at each look.
        spending: (m,) growing alpha spent by each look, as `spent` gives it.
    """
    time = np.asarray(fraction, dtype=np.float64)
    step = np.diff(np.asarray(spending, dtype=np.float64), prepend=0.0) / 2
    bound = [float(norm.isf(step[0]))]
    grid = _grid(bound[0], time[0])
    density = norm.pdf(grid, scale=np.sqrt(time[0]))
    for look in range(1, len(time)):
        scale = float(np.sqrt(time[look] - time[look - 1]))
        bound.append(_bound(grid, density, scale, step[look], float(np.sqrt(time[look]))))
        following = _grid(bound[-1], time[look])
        kernel = norm.pdf((following[:, None] - grid[None, :]) / scale) / scale
        density, grid = np.trapezoid(kernel * density, grid, axis=1), following
    return bound


def nominal(bound: Sequence[float]) -> list[float]:
    """Two-sided alpha each look would be read at on its own."""
    return [float(2 * norm.sf(one)) for one in bound]


def _grid(bound: float, time: float) -> Floats:
    return np.asarray(np.linspace(-_EDGE, bound, _STEPS) * np.sqrt(time), dtype=np.float64)


def _bound(grid: Floats, density: Floats, scale: float, wanted: float, root: float) -> float:
    """The z-score whose upper tail over the density that has not stopped is `wanted`."""

    def excess(z: float) -> float:
        tail = norm.sf((z * root - grid) / scale)
        return float(np.trapezoid(density * tail, grid)) - wanted

    return float(brentq(excess, -_EDGE, _EDGE))
