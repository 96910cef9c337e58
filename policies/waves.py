"""Random Fourier features: a fixed random map that lets a linear model bend, and stays additive.

With frequencies drawn from the spectral density of a kernel, the inner product of two mapped contexts
approximates the kernel between them, here exp(-|x - x'|^2 / d) for contexts of d columns. Contexts arrive
standardised, so this scale needs no look at any of them, and learners on different machines share one map.

Source: Rahimi and Recht (2007), "Random Features for Large-Scale Kernel Machines", Algorithm 1; the scale is
    that of Chang and Lin (2011), "LIBSVM: A library for support vector machines", whose default is 1 / d.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from policies import grid
from policies.base import Floats, Ints
from policies.kernel import kernel
from policies.settings import PolicyError

_AT_ONCE = 128  # rows: what is worked out on the way stays in the processor's cache
_STEPS = 2.0**grid.X_BITS  # of the grid, in 1
_COSINE = (  # cos(2 pi t) as a polynomial in t * t for |t| <= 1/2, error below 1.1e-8
    0.9999999892213842,
    -19.739204514675535,
    64.93911785217604,
    -85.4501436104486,
    60.1676494794782,
    -25.967630800283686,
    6.528662853401306,
)


@dataclass(frozen=True, slots=True)
class Waves:
    """`frequency` (d, f) in turns per unit of context, `phase` (f,) in turns; `snapped` to be multiplied."""

    frequency: Floats
    phase: Floats
    snapped: Floats = field(init=False)

    @property
    def columns(self) -> int:
        """d, of the contexts."""
        return len(self.frequency)

    def check(self, d: int) -> None:
        """Raise `PolicyError` if contexts have other than d columns."""
        if self.columns != d:
            raise PolicyError(
                f"X has {d} columns, this policy has learnt on {self.columns}; "
                "start a new policy when the context columns change."
            )

    def __post_init__(self) -> None:
        object.__setattr__(self, "snapped", grid.snap_weights(self.frequency))


def draw_waves(d: int, size: int, bandwidth: float, seed: int) -> Waves:
    """`size` waves over d columns, for the kernel exp(-|x - x'|^2 / (bandwidth^2 d))."""
    rng = np.random.Generator(np.random.PCG64(seed))
    size = size if d else 0
    radian = rng.standard_normal((d, size)) * np.sqrt(2.0 / max(d, 1)) / bandwidth
    return Waves(radian / (2.0 * np.pi), rng.random(size))


def expand(X: Floats, waves: Waves, used: Ints | None = None) -> Floats:
    """(n, 1 + d + f) intercept, contexts and waves of (n, d) contexts, on the grid of `policies.grid`.

    Given the u columns of X to take, (n, 1 + u + f) without the others. Only additions, multiplications and
    rounding are used, so the same context gives the same bits on every machine.
    """
    x = grid.snap(X if used is None else grid.pick(X, used))
    frequency = waves.snapped if used is None else grid.rows(waves.snapped, used)
    phi = np.empty((len(X), 1 + x.shape[1] + frequency.shape[1]))
    _place(x, phi)
    for start in range(0, len(X) if frequency.shape[1] else 0, _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        _bend(grid.multiply(x[rows], frequency), waves.phase, phi[rows])
    return phi


@kernel("void(f8[:,::1], f8[:,::1])", writes=1)
def _place(x: Floats, phi: Floats) -> None:
    """Intercept and contexts."""
    n, d = x.shape
    for i in range(n):
        phi[i, 0] = 1.0
        for j in range(d):
            phi[i, 1 + j] = x[i, j]


@kernel("void(f8[:,::1], f8[::1], f8[:,::1])", writes=1)
def _bend(turn: Floats, phase: Floats, phi: Floats) -> None:
    """The last columns of phi: cosines of `turn` + `phase` turns, on the grid."""
    n, f = turn.shape
    start = phi.shape[1] - f
    for i in range(n):
        for j in range(f):
            t = turn[i, j] + phase[j]
            t -= np.rint(t)
            square = t * t
            value = square * _COSINE[6] + _COSINE[5]
            value = value * square + _COSINE[4]
            value = value * square + _COSINE[3]
            value = value * square + _COSINE[2]
            value = value * square + _COSINE[1]
            value = value * square + _COSINE[0]
            phi[i, start + j] = np.rint(value * _STEPS) / _STEPS
