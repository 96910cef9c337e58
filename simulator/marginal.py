"""Distributions of one number as tables of quantiles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from policies.base import Floats


@dataclass(frozen=True, slots=True)
class Marginal:
    """Quantiles, straight lines between them. `at` rises from 0 to 1, `value` never falls."""

    at: tuple[float, ...]
    value: tuple[float, ...]

    def quantile(self, u: Floats) -> Floats:
        """The value that a share `u` of the draws stays below."""
        return np.interp(u, self.at, self.value)

    @property
    def mean(self) -> float:
        """Mean of the draws, exactly: the area under the quantile function."""
        return float(np.trapezoid(self.value, self.at))
