"""Random Fourier features: a fixed random map that lets a linear model bend, and stays additive.

With frequencies drawn from the spectral density of a kernel, the inner product of two mapped contexts
approximates the kernel between them, here exp(-|x - x'|^2 / d) for contexts of d columns. Contexts arrive
standardised, so this scale needs no look at any of them, and learners on different machines share one map.

Source: Rahimi and Recht (2007), "Random Features for Large-Scale Kernel Machines", Algorithm 1; the scale is
    that of Chang and Lin (2011), "LIBSVM: A library for support vector machines", whose default is 1 / d.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from policies import grid
from policies.base import Floats

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
    """`frequency` (d, f) in turns per unit of context, `phase` (f,) in turns."""

    frequency: Floats
    phase: Floats


def draw_waves(d: int, size: int, bandwidth: float, seed: int) -> Waves:
    """`size` waves over d columns, for the kernel exp(-|x - x'|^2 / (bandwidth^2 d))."""
    rng = np.random.Generator(np.random.PCG64(seed))
    size = size if d else 0
    radian = rng.standard_normal((d, size)) * np.sqrt(2.0 / max(d, 1)) / bandwidth
    return Waves(radian / (2.0 * np.pi), rng.random(size))


def expand(X: Floats, waves: Waves) -> Floats:
    """(n, 1 + d + f) intercept, contexts and waves of (n, d) contexts, on the grid of `policies.grid`.

    Only additions, multiplications and rounding are used, so the same context gives the same bits on every
    machine.
    """
    snapped = grid.snap(X)
    turn = grid.product(snapped, waves.frequency) + waves.phase
    return np.hstack([np.ones((len(X), 1)), snapped, grid.snap(_cosine(turn - np.rint(turn)))])


def _cosine(turn: Floats) -> Floats:
    square = turn * turn
    value = np.full_like(square, _COSINE[-1])
    for coefficient in _COSINE[-2::-1]:
        value *= square
        value += coefficient
    return value
