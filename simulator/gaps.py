"""Whether the log took what a policy would do wherever the policy would do it, told by the rows alone.

Logged propensities tell how likely the action was that was taken. They are silent about an action that some
part of the contexts never got. There, weights of the target that ought to turn up do not, and the mean weight
falls short of 1; but with heavy weights the mean alone shows it late. So contexts are cut into parts, and
in each part each action's weights are held against what the target would put there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.special import ndtri, pdtr

from policies.base import Floats, Ints
from simulator.logs import Log

ALLOWED = 0.03  # of the target, missing beyond chance; what is cut across by a part is missed by it
FALSE_ALARM = 0.005  # chance that a log which took everything is said to have a gap, over all its parts
FEW = 3.0  # standard deviations below what was expected that single out an action in a part
EVERYWHERE = 0.9  # of the target lacking is no gap but propensities that are wrong, or another policy's
NEARLY = 0.8  # of the largest gap shown; among those that show so much, the clearest is told
ROWS, CELLS, PAIRED = 50_000, 4_000_000, 6  # rows looked at; rows times actions; columns cut two at a time
QUARTERS = ("lowest quarter", "second quarter", "third quarter", "highest quarter")


@dataclass(frozen=True, slots=True)
class Gap:
    """What the log lacks.

    Attributes:
        share: of the target's probability, less what chance leaves untaken, in (0, 1].
        where: the part of the contexts that lacks most, in words; None if all parts lack.
        actions: those that are lacking most there.
    """

    share: float
    where: str | None
    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Search:
    """What was found, and how large a gap could go unseen in so many rows, as a share of the target."""

    gap: Gap | None
    unseen: float


@dataclass(frozen=True, slots=True)
class Parts:
    """Contexts cut in g parts: names (g,) of the parts, and part (n,) of each row."""

    names: tuple[str, ...]
    part: Ints


@dataclass(frozen=True, slots=True)
class Cells:
    """Parts of the contexts by actions, each (g, k): the target's share, its logged weights over n, and the
    share of one row's typical weight.
    """

    names: tuple[str, ...]
    wanted: Floats
    met: Floats
    one: Floats


def search(log: Log, pmf: Floats, weight: Floats, missing: float = 0.0) -> Search:
    """What the target would do and the log hardly took.

    In a part, an action's logged weights over n average the target's share of it. They come in rows of a
    typical weight, so their number is about Poisson; an action is lacking where that number is `FEW` standard
    deviations too low, or 0. What is lacking in all parts together, less what the Poisson law expects to be
    so, is tested against its standard deviation; the tests of all ways to cut share `FALSE_ALARM`
    (Bonferroni 1936). What chance leaves unseen is reckoned as by Good (1953), "The population frequencies
    of species and the estimation of population parameters".

    Where the log knows the whole logging pmf, nothing can go unseen: what it could not try is in `missing`.
    Typical weights are exact then, and rows that lack against it tell that the pmf is wrong.

    Args:
        log: n rows.
        pmf: (n, k) of the target, 0 where the log is known not to have tried.
        weight: (n,) the target's weights.
        missing: share of the target that is known not to have been tried.
    """
    kept = _kept(log)
    log = log.rows(kept)
    rows = _rows(log, pmf[kept], weight[kept])
    ways = [_preferred(rows), *(_by_part(rows, each) for each in _ways(log))]
    limit = -float(ndtri(FALSE_ALARM / len(ways)))
    found = [(way, _lacking(way)) for way in ways]
    lacks = [
        (way, each)
        for way, each in found
        if each.share + missing > ALLOWED and each.share > limit * each.spread
    ]
    told = log.logging is not None
    unseen = 0.0 if told else max(limit * each.spread for way, each in found if len(way.names) == 2)
    return Search(_clearest(lacks, log), unseen)


def _kept(log: Log) -> Ints:
    """Rows to look at, evenly spread: a gap that matters shows in a sample."""
    most = min(ROWS, max(CELLS // len(log.actions), ROWS // 10))
    return np.unique(np.linspace(0, len(log) - 1, min(len(log), most)).astype(np.int64))


def _ways(log: Log) -> Iterator[Parts]:
    """By each column in quarters and halves; two at a time where columns are few."""
    quarters = [_quarters(name, x) for name, x in zip(log.names, log.X.T, strict=True)]
    halves = [_halves(name, each) for name, each in zip(log.names, quarters, strict=True)]
    yield from quarters
    yield from (half for half, whole in zip(halves, quarters, strict=True) if len(whole.names) > 2)
    if len(quarters) <= PAIRED:
        for each in (quarters, halves):
            yield from (_crossed(a, b) for a, b in combinations(each, 2))


def _quarters(name: str, x: Floats) -> Parts:
    """Quarters of the rows, or the two levels of a column that has two."""
    levels = np.unique(x[:1000]) if len(x) > 1000 else np.unique(x)
    if len(levels) <= 2 and ((x == levels[0]) | (x == levels[-1])).all():
        other = f"with other than {name}" if "=" in name else f"with low {name}"
        one = f"with {name}" if "=" in name else f"with high {name}"
        return Parts((other, one), (x == levels[-1]).astype(np.int64))
    part = np.searchsorted(np.quantile(x, (0.25, 0.5, 0.75)), x, side="left")
    return Parts(tuple(f"in the {each} of {name}" for each in QUARTERS), part.astype(np.int64))


def _halves(name: str, whole: Parts) -> Parts:
    if len(whole.names) == 2:
        return whole
    return Parts((f"in the lower half of {name}", f"in the upper half of {name}"), whole.part // 2)


def _crossed(one: Parts, other: Parts) -> Parts:
    names = tuple(f"{a} and {b}" for a in one.names for b in other.names)
    return Parts(names, one.part * len(other.names) + other.part)


@dataclass(frozen=True, slots=True)
class Rows:
    """What is held against each other in each way to cut the contexts.

    Attributes:
        log: n rows.
        pmf, weight: (n, k) and (n,) of the target.
        square: (n, k) its expected squared weights where the log knows its whole pmf, else None.
    """

    log: Log
    pmf: Floats
    weight: Floats
    square: Floats | None

    def cells(self, names: tuple[str, ...], part: Ints, total: Callable[[Floats], Floats]) -> Cells:
        """Those of g parts by actions.

        Args:
            names: (g,) of the parts.
            part: (n,) of each row's own action.
            total: sums (n, k) over the rows of each part, (g, k).
        """
        n, k = self.pmf.shape
        cell, shape = part * k + self.log.action, (len(names), k)
        met, square = (_sums(cell, self.weight**p, len(names) * k).reshape(shape) for p in (1, 2))
        wanted = total(self.pmf)
        one = (
            _typical(self.log, self.weight, met, square)
            if self.square is None
            else _over(total(self.square), wanted)
        )
        return Cells(names, wanted / n, met / n, one * _alike(self.log) / n)


def _rows(log: Log, pmf: Floats, weight: Floats) -> Rows:
    if log.logging is None:
        return Rows(log, pmf, weight, None)
    return Rows(log, pmf, weight, _over(pmf**2, log.logging))


def _by_part(rows: Rows, cut: Parts) -> Cells:
    inside = np.zeros((len(cut.names), len(rows.log)))
    inside[cut.part, np.arange(len(rows.log))] = 1.0
    return rows.cells(cut.names, cut.part, lambda x: inside @ x)


def _preferred(rows: Rows) -> Cells:
    """For each action, the rows where the target wants it more than it does on average, and the others."""
    more = rows.pmf > rows.pmf.mean(axis=0)
    own = more[np.arange(len(rows.log)), rows.log.action]
    names = ("where this policy wants them most", "where this policy wants them less")
    return rows.cells(
        names, (~own).astype(np.int64), lambda x: np.stack([(x * more).sum(axis=0), (x * ~more).sum(axis=0)])
    )


def _typical(log: Log, weight: Floats, met: Floats, square: Floats) -> Floats:
    """(g, k) weight of a row: the action's mean in proportion to itself, larger by how unlike its
    propensities are; or the cell's own if that is larger.
    """
    k = met.shape[1]
    whole, squared = (_sums(log.action, weight**p, k) for p in (1, 2))
    rows, inverse, squares = (_sums(log.action, log.propensity**-p, k) for p in (0.0, 1.0, 2.0))
    unlike = np.sqrt(np.maximum(_over(rows * squares, inverse**2), 1.0))
    typical: Floats = np.maximum(_over(squared, whole) * unlike, _over(square, met))
    return typical


def _alike(log: Log) -> float:
    """Rows that come as one: the mean size of a row's cluster."""
    return 1.0 if log.cluster is None else float((np.bincount(log.cluster) ** 2.0).sum()) / len(log)


def _sums(cell: Ints, x: Floats, size: int) -> Floats:
    return np.bincount(cell, x, size).astype(np.float64)


def _over(one: Floats, other: Floats) -> Floats:
    return np.divide(one, other, out=np.zeros_like(one), where=other > 0)


@dataclass(frozen=True, slots=True)
class Lacking:
    """What is lacking: (g, k) cell by cell, in all beyond chance, and the standard deviation of that."""

    each: Floats
    share: float
    spread: float


def _lacking(cells: Cells) -> Lacking:
    known = (cells.one > 0) & (cells.wanted > 0)
    one = np.where(known, cells.one, 1.0)
    expected = np.where(known, cells.wanted / one, 0.0)
    most = np.maximum(np.floor(expected - FEW * np.sqrt(expected)), 0.0)
    few = known & (cells.met / one <= most + 1e-9)
    each = np.where(few, cells.wanted - cells.met, 0.0)
    mean, variance = _by_chance(expected, most)
    share = float(each.sum() - (mean * cells.one).sum())
    return Lacking(each, share, math.sqrt(float((variance * cells.one**2).sum())))


def _clearest(lacks: Sequence[tuple[Cells, Lacking]], log: Log) -> Gap | None:
    """Of the ways that show most of a gap, the one whose lacking cells are emptiest, in the fewest parts."""
    if not lacks:
        return None
    most = max(found.share for _, found in lacks)
    shown = [(cells, found) for cells, found in lacks if found.share > NEARLY * most]
    cells, found = max(shown, key=lambda pair: (round(_emptiness(*pair), 1), -len(pair[0].names)))
    part = int(np.argmax(found.each.sum(axis=1)))
    here = found.each[part]
    names = tuple(log.actions.names[a] for a in np.argsort(-here) if here[a] > 0)
    everywhere = float(cells.wanted[found.each > 0].sum()) > EVERYWHERE * float(cells.wanted.sum())
    return Gap(most, None if everywhere else cells.names[part], names)


def _emptiness(cells: Cells, found: Lacking) -> float:
    """Share of what is wanted in the lacking cells that was not met, in (0, 1]."""
    return float(found.each.sum() / cells.wanted[found.each > 0].sum())


def _by_chance(expected: Floats, most: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of (expected - N) where N <= most and 0 elsewhere, for N by Poisson's law."""
    below = [np.where(most >= j, pdtr(np.maximum(most - j, 0), expected), 0.0) for j in range(3)]
    mean: Floats = expected * (below[0] - below[1])
    square = expected**2 * (below[0] - 2 * below[1] + below[2]) + expected * below[1]
    return mean, np.maximum(square - mean**2, 0.0)
