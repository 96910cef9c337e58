"""Small experiments made up for the tests."""

from __future__ import annotations

import numpy as np
import polars as pl

from engine.experiments.sample import Moments, measure
from policies.base import Floats


def moments(value: Floats) -> Moments:
    """Moments of (n,) values by the book."""
    mean = float(value.mean())
    return Moments(len(value), mean, float(value.var(ddof=1)), float(((value - mean) ** 3).mean()))


def sampled(value: Floats) -> Moments:
    """Moments of (n,) values by way of their sufficient statistics."""
    sample = measure(("y",), value[:, None])
    return Moments(sample.n, float(sample.mean[0]), float(sample.second[0, 0]) / (sample.n - 1))


def experiment(n: int = 400, effect: float = 0.0, seed: int = 0) -> pl.DataFrame:
    """n customers per arm `a` and `b`: spend, orders, a covariate before, a household of two."""
    rng = np.random.default_rng(seed)
    before = rng.gamma(2.0, 5.0, 2 * n)
    spend = 2 + before + rng.normal(0, 3, 2 * n)
    arm = np.repeat(["a", "b"], n)
    return pl.DataFrame(
        {
            "customer": [f"c{i}" for i in range(2 * n)],
            "arm": arm,
            "spend": spend + effect * (arm == "b"),
            "orders": rng.integers(1, 4, 2 * n),
            "before": before,
            "household": np.arange(2 * n) // 2,
        }
    )


def revenue(rng: np.random.Generator, n: int) -> Floats:
    """Zero-inflated lognormal revenue: 5 % buy, sigma 1.2."""
    return np.where(rng.random(n) < 0.05, rng.lognormal(3.0, 1.2, n), 0.0)
