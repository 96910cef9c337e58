"""Sufficient statistics of one arm: enough for every mean, ratio, covariate and skewness, and they add up.

A `Sample` holds the count, the means and the second and third central moments of p columns. Two samples of
the same columns merge exactly, so daily batches, shards and segments add up to the whole, and no row is read
twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from policies.base import Floats

_CELLS = 81_920  # numbers that fit the cache: columns, and their products in pairs


@dataclass(frozen=True, slots=True)
class Sample:
    """Moments of p columns over n independent units (or clusters).

    Attributes:
        columns: p names.
        n: number of units.
        mean: (p,) means.
        second: (p, p) sums of products of deviations from the mean.
        third: (p, p, p) sums of triple products of deviations from the mean.
    """

    columns: tuple[str, ...]
    n: int
    mean: Floats
    second: Floats
    third: Floats

    def at(self, column: str) -> int:
        """Position of a column."""
        return self.columns.index(column)


@dataclass(frozen=True, slots=True)
class Moments:
    """One number per unit: its count, mean, unbiased variance and third central moment."""

    n: int
    mean: float
    variance: float
    third: float = 0.0

    @property
    def error(self) -> float:
        """Variance of the mean."""
        return self.variance / self.n


def measure(columns: tuple[str, ...], rows: Floats) -> Sample:
    """Sufficient statistics of (n, p) rows.

    >>> measure(("x",), np.array([[1.0], [3.0]])).mean
    array([2.])
    """
    return measure_columns(columns, list(rows.T))


def measure_columns(columns: tuple[str, ...], values: Sequence[Floats]) -> Sample:
    """`measure` of p columns of shape (n,) each, which are not copied.

    The means come first, then the products about them, a piece that fits the cache at a time.
    """
    p, n = len(columns), len(values[0])
    if not n:
        return empty(columns)
    mean = np.array([value.mean() for value in values])
    i, j = np.triu_indices(p)
    room = np.empty((p + len(i), max(_CELLS // (p + len(i)), 1)))
    total = np.zeros((len(room), p))
    for start in range(0, n, room.shape[1]):
        piece = room[:, : n - start]
        for k, value in enumerate(values):
            np.subtract(value[start : start + room.shape[1]], mean[k], out=piece[k])
        for k in range(len(i)):
            np.multiply(piece[i[k]], piece[j[k]], out=piece[p + k])
        total += piece @ piece[:p].T
    third = np.empty((p, p, p))
    third[i, j] = third[j, i] = total[p:]
    return Sample(columns, n, mean, total[:p], third)


def replaced(sample: Sample, gone: Floats, come: Floats) -> Sample:
    """The statistics once k of the units have other values: clamped ones their own, for instance.

    Args:
        gone, come: (k, p) the values as they were measured, and those in their place.
    """
    was, now = gone - sample.mean, come - sample.mean
    shift = (now - was).sum(axis=0) / sample.n
    second = sample.second + now.T @ now - was.T @ was
    third = sample.third + _triples(now) - _triples(was)
    cube = np.multiply.outer(np.multiply.outer(shift, shift), shift)
    return Sample(
        sample.columns,
        sample.n,
        sample.mean + shift,
        second - sample.n * np.multiply.outer(shift, shift),
        third - _spread(second, shift) + 2 * sample.n * cube,
    )


def empty(columns: tuple[str, ...]) -> Sample:
    """The sample of no units: merging it changes nothing."""
    p = len(columns)
    return Sample(columns, 0, np.zeros(p), np.zeros((p, p)), np.zeros((p, p, p)))


def merge(a: Sample, b: Sample) -> Sample:
    """The statistics of two disjoint sets of units together.

    Source: Pebay (2008), "Formulas for robust, one-pass parallel computation of covariances and
    arbitrary-order statistical moments", equations 2.1 and 3.1 in p dimensions.
    """
    if a.columns != b.columns:
        raise ValueError(f"samples of {a.columns} and {b.columns} cannot be merged: their columns differ.")
    if not a.n or not b.n:
        return a if a.n else b
    n, gap = a.n + b.n, b.mean - a.mean
    square = np.multiply.outer(gap, gap)
    weight = a.n * b.n / n
    cube = np.multiply.outer(square, gap) * (weight * (a.n - b.n) / n)
    mixed = _spread((a.n * b.second - b.n * a.second) / n, gap)
    mean = a.mean + gap * (b.n / n)
    return Sample(a.columns, n, mean, a.second + b.second + square * weight, a.third + b.third + cube + mixed)


def merge_all(samples: Iterable[Sample]) -> Sample:
    """`merge` over one sample or more."""
    return reduce(merge, samples)


def project(sample: Sample, weight: Floats) -> Moments:
    """Moments of the weighted sum of the columns, one number per unit.

    Every estimator here (mean, ratio, covariate adjustment) is such a sum: this is the only variance formula.

    Args:
        sample: of at least two units.
        weight: (p,) weights.
    """
    spread = float(weight @ sample.second @ weight)
    third = float(np.einsum("ijk,i,j,k->", sample.third, weight, weight, weight))
    return Moments(sample.n, float(weight @ sample.mean), max(spread, 0.0) / (sample.n - 1), third / sample.n)


def from_sums(columns: tuple[str, ...], n: int, total: Floats, product: Floats) -> Sample:
    """A sample from raw sums, as warehouses export them; without sums of cubes the skewness is taken as 0.

    Args:
        columns: p names.
        n: number of units.
        total: (p,) sums.
        product: (p, p) sums of products.
    """
    mean = np.asarray(total, dtype=np.float64) / n
    second = np.asarray(product, dtype=np.float64) - n * np.multiply.outer(mean, mean)
    return Sample(columns, n, mean, second, np.zeros((len(columns),) * 3))


def _triples(deviation: Floats) -> Floats:
    """(p, p, p) sums of triple products of (k, p) deviations."""
    k, p = deviation.shape
    pairs = (deviation[:, :, None] * deviation[:, None, :]).reshape(k, p * p)
    return np.asarray((pairs.T @ deviation).reshape(p, p, p))


def _spread(matrix: Floats, gap: Floats) -> Floats:
    """Sum over the three placements of a symmetric matrix and a vector in a (p, p, p) tensor."""
    outer = np.multiply.outer(matrix, gap)
    return outer + outer.transpose(0, 2, 1) + outer.transpose(2, 0, 1)
