"""How far the scores of one model version lie from those of the version before.

The population stability index (Lewis 1994, "An Introduction to Credit Scoring"; Siddiqi 2006, "Credit Risk
Scorecards", ch. 10, for the usual reading) over ten bins that each held a tenth of the earlier version:

    PSI = sum over bins of (p - q) ln(p / q)

An index is never 0 by chance. Without any change it is distributed as (1/n + 1/m) times chi-square with one
degree of freedom fewer than bins (Yurdakul 2018, "Statistical properties of population stability index"), so
an index below that law's 95 % point is said to be no more than chance, whatever the usual reading is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.predictions.distribution import Distribution, quantile_bucket
from policies.base import Floats, Ints

MODERATE, LARGE = 0.1, 0.25
_SMOOTH = 0.5  # added to every count: an empty bin has no logarithm
Reading = Literal["chance", "stable", "moderate", "large"]
_WORDS: dict[Reading, str] = {
    "chance": "no more than chance",
    "stable": "stable",
    "moderate": "a moderate change",
    "large": "a large change",
}


@dataclass(frozen=True, slots=True)
class Drift:
    """The scores of a version against those of `against`.

    Attributes:
        psi: population stability index.
        chance: what it would stay below 95 times of 100 if nothing had changed.
        ks: the largest distance between the two distribution functions (Kolmogorov-Smirnov).
        reading: "stable" below 0.1, "chance" up to `chance`, "moderate" up to 0.25, "large" above.
        share, before: share of the scores in each bin, now and in the earlier version.
    """

    against: str
    psi: float
    chance: float
    ks: float
    reading: Reading
    share: tuple[float, ...]
    before: tuple[float, ...]

    @property
    def sentence(self) -> str:
        """The drift in words, with what to do about it."""
        said = f"against version {self.against} PSI {self.psi:.2f} ({_WORDS[self.reading]}), KS {self.ks:.2f}"
        if self.reading in ("moderate", "large"):
            return f"{said}: look at the model's inputs before decisions lean on it"
        return said


def drift(before: Distribution, now: Distribution, against: str) -> Drift | None:
    """The drift from one version to the next; None where the counts of either are not kept."""
    if not before.whole or not now.whole:
        return None
    edges = _edges(before)
    q, p = _binned(before, edges), _binned(now, edges)
    psi = _index(p / p.sum(), q / q.sum())
    from scipy.special import chdtri  # takes longer to import than most commands to run

    chance = float(chdtri(len(q) - 1, 0.05)) * (1 / before.n + 1 / now.n)
    share, earlier = tuple((p / p.sum()).tolist()), tuple((q / q.sum()).tolist())
    return Drift(against, psi, chance, _distance(before, now), _reading(psi, chance), share, earlier)


def _edges(before: Distribution) -> Ints:
    """The last bucket of each bin but the last: the deciles; a score that fills whole bins gets its own."""
    deciles = [quantile_bucket(before, tenth / 10) for tenth in range(1, 10)]
    alone = [key - 1 for key in deciles if deciles.count(key) > 1]
    return np.unique(np.array(deciles + alone, dtype=np.int64))


def _binned(found: Distribution, edges: Ints) -> Floats:
    """(bins,) counts, smoothed."""
    keys = np.fromiter(found.counts.keys(), dtype=np.int64)
    counts = np.fromiter(found.counts.values(), dtype=np.float64)
    binned = np.bincount(np.searchsorted(edges, keys), weights=counts, minlength=len(edges) + 1)
    return np.asarray(binned + _SMOOTH, dtype=np.float64)


def _index(p: Floats, q: Floats) -> float:
    return float(((p - q) * np.log(p / q)).sum())


def _distance(before: Distribution, now: Distribution) -> float:
    """Kolmogorov-Smirnov's distance at the borders of the buckets."""
    earlier, later, furthest = 0, 0, 0.0
    for key in sorted(before.counts.keys() | now.counts.keys()):
        earlier, later = earlier + before.counts.get(key, 0), later + now.counts.get(key, 0)
        furthest = max(furthest, abs(later / now.n - earlier / before.n))
    return furthest


def _reading(psi: float, chance: float) -> Reading:
    if psi < MODERATE:
        return "stable"
    if psi < chance:
        return "chance"
    return "moderate" if psi < LARGE else "large"
