"""p-values adjusted for how many questions were asked at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def holm(p: Sequence[float]) -> list[float]:
    """Holm (1979), step-down Bonferroni: chance of any false claim at most alpha. For primary metrics."""
    return _adjust(p, [len(p) - i for i in range(len(p))], ascending=True)


def stepwise(tests: Sequence[T], alpha: float, rejects: Callable[[T, float], bool]) -> list[bool]:
    """`holm` for tests without p-values: which of them are proven, at most an error of alpha over all.

    Args:
        rejects: whether a test rejects at an error; it must reject at a larger one as well.
    """
    open_ = set(range(len(tests)))
    while found := {i for i in open_ if rejects(tests[i], alpha / len(open_))}:
        open_ -= found
    return [i not in open_ for i in range(len(tests))]


def hochberg(p: Sequence[float]) -> list[float]:
    """Hochberg (1988), step-up: as `holm`, sharper, for independent or positively dependent tests."""
    return _adjust(p, [len(p) - i for i in range(len(p))], ascending=False)


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg (1995): share of false claims at most alpha. For exploratory metrics."""
    return _adjust(p, [len(p) / (i + 1) for i in range(len(p))], ascending=False)


def benjamini_yekutieli(p: Sequence[float]) -> list[float]:
    """Benjamini and Yekutieli (2001): as `benjamini_hochberg` under any dependence."""
    harmonic = sum(1 / (i + 1) for i in range(len(p)))
    return _adjust(p, [harmonic * len(p) / (i + 1) for i in range(len(p))], ascending=False)


def _adjust(p: Sequence[float], factor: Sequence[float], ascending: bool) -> list[float]:
    """p-values times their rank's factor, made monotone upwards (step-down) or downwards (step-up)."""
    order = np.argsort(p, kind="stable")
    scaled = np.asarray(p, dtype=np.float64)[order] * np.asarray(factor, dtype=np.float64)
    steps = np.maximum.accumulate(scaled) if ascending else np.minimum.accumulate(scaled[::-1])[::-1]
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(steps, 1.0)
    return [float(one) for one in adjusted]
