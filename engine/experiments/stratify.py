"""Post-stratification: compare within strata, then weigh the strata by their share of the sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.experiments.sample import Moments


@dataclass(frozen=True, slots=True)
class Stratified:
    """Absolute and relative effect over strata with their standard errors."""

    absolute: float
    absolute_se: float
    relative: float
    relative_se: float


def stratified(strata: Sequence[tuple[Moments, Moments]]) -> Stratified:
    """Effect of (control, treatment) pairs, one per stratum, weighed by the stratum's share of the units.

    The error counts that the shares themselves are a multinomial draw.

    Source: Miratrix, Sekhon and Yu (2013), "Adjusting treatment effect estimates by post-stratification".
    """
    size = np.array([c.n + t.n for c, t in strata], dtype=np.float64)
    share = size / size.sum()
    mean = np.array([[c.mean, t.mean] for c, t in strata])
    level = share @ mean
    within = (share**2) @ np.array([[c.error, t.error] for c, t in strata])
    between = ((mean - level) * share[:, None]).T @ (mean - level) / size.sum()
    covariance = np.diag(within) + between
    base = level[0]
    slopes = np.array([[-1.0, 1.0], [-level[1] / base**2, 1 / base]])
    absolute, relative = (math.sqrt(float(slope @ covariance @ slope)) for slope in slopes)
    return Stratified(float(level[1] - base), absolute, float((level[1] - base) / abs(base)), relative)
