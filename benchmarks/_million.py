"""A report on a million customers against tea-tasting's analysis of the same table."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import polars as pl

from engine.experiments.report import analyse


def speed(rng: np.random.Generator) -> tuple[float, float, float]:
    """CPU seconds of a whole report on a table in memory, and of tea-tasting's; the best of nine in turn.

    Tea-tasting is asked for what the report holds, each metric clamped and unclamped, and for one of the two.
    """
    import tea_tasting

    n, metrics = 1_000_000, [f"m{i}" for i in range(5)]
    before = rng.gamma(2.0, 5.0, n)
    money = {
        name: np.where(rng.random(n) < 0.05, rng.lognormal(3.0, 1.2, n), 0.1 * before) for name in metrics
    }
    frame = pl.DataFrame({"arm": rng.integers(0, 2, n).astype(str), "before": before, **money})
    asked = partial(
        analyse, frame, arm="arm", control="0", metrics=metrics, covariates=["before"], clamp=0.999
    )
    wanted = {name: tea_tasting.Mean(name, "before") for name in metrics}
    theirs = tea_tasting.Experiment(wanted | {"split": tea_tasting.SampleRatio()}, variant="arm")

    def beside() -> None:
        theirs.analyze(frame.with_columns(pl.col(one).clip(None, _limit(frame[one])) for one in metrics))
        theirs.analyze(frame)

    runs = [(timed(asked), timed(beside), timed(partial(theirs.analyze, frame))) for _ in range(9)]
    ours, both, plain = (min(column) for column in zip(*runs, strict=True))
    return ours, both, plain


def _limit(value: pl.Series) -> float:
    return float(str(value.quantile(0.999, "higher")))


def timed(work: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start
