"""Small logged bandits with a known truth, for the tests of off-policy evaluation."""

from __future__ import annotations

import numpy as np
import polars as pl

from policies.base import Actions, Floats, draw
from simulator.logs import Log


def logged(
    seed: int, n: int = 2000, k: int = 3, d: int = 2, base: float = 0.3, logging: Floats | None = None
) -> tuple[Log, Floats]:
    """A log and the expected rewards q (n, k). `logging` (k,) is the logging pmf, uniform where not given."""
    rng = np.random.Generator(np.random.PCG64(seed))
    X = rng.standard_normal((n, d))
    q = np.clip(base + 0.1 * X @ rng.standard_normal((d, k)) + 0.1 * rng.standard_normal(k), 0.02, 0.98)
    pmf = np.tile(np.full(k, 1 / k) if logging is None else logging, (n, 1))
    action, propensity = draw(pmf, rng.random(n))
    reward = (rng.random(n) < q[np.arange(n), action]).astype(np.float64)
    actions = Actions.plain(tuple(f"a{j}" for j in range(k)))
    frame = pl.DataFrame({"action": [actions.names[a] for a in action], "reward": reward})
    names = tuple(f"x{j}" for j in range(d))
    log = Log(X, names, frame, actions, action, propensity, reward, np.ones((n, k), dtype=np.bool_))
    return log, q
