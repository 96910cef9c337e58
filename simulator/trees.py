"""Gradient-boosted trees on binned columns, with one column of actions that splits one against the rest.

Columns are cut into at most 255 bins by quantiles, so that the best split of a node is found from sums per
bin. A tree grows a whole level at a time, which numpy does without looking at single rows.

Source: Friedman (2001), "Greedy Function Approximation: A Gradient Boosting Machine"; Ke et al. (2017),
"LightGBM: A Highly Efficient Gradient Boosting Decision Tree" (histograms).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from policies.base import Floats, Ints

BINS = 255
CHUNK = 65_536  # rows predicted at once
Codes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Growth:
    """How trees grow: how many, the share of each step that is taken, levels, and rows a leaf must hold."""

    trees: int = 60
    rate: float = 0.1
    depth: int = 3
    leaf: int = 20


@dataclass(frozen=True, slots=True)
class Tree:
    """Splits of a whole binary tree, level by level; node i has the children 2 i + 1 and 2 i + 2.

    Attributes:
        column: (m,) column that is split, d for the action, -1 where all rows go left.
        cut: (m,) last bin that goes left; for the action the one that goes right.
        leaf: (m + 1,) what is added to the score.
    """

    column: Ints
    cut: Ints
    leaf: Floats


@dataclass(frozen=True, slots=True)
class Forest:
    """Boosted trees.

    Attributes:
        edges: d sorted arrays of cuts between bins.
        start: score before any tree.
        logistic: whether scores are log odds.
        trees: in the order they were grown.
    """

    edges: tuple[Floats, ...]
    start: float
    logistic: bool
    trees: tuple[Tree, ...]


def grow(X: Floats, action: Ints, y: Floats, k: int, growth: Growth, weight: Floats | None = None) -> Forest:
    """Trees for y given X (n, d) and action (n,) in 0..k-1: log odds where y is 0 and 1, else least squares.

    `weight` (n,) is the importance of each row, 1 where not given.
    """
    edges = tuple(_edges(column) for column in X.T)
    codes, w = binned(edges, X), np.ones(len(y)) if weight is None else weight
    mean = float(w @ y) / float(w.sum())
    logistic = bool(np.isin(y, (0.0, 1.0)).all()) and 0.0 < mean < 1.0
    start = float(logit(mean)) if logistic else mean
    score, trees = np.full(len(y), start), list[Tree]()
    for _ in range(growth.trees):
        p = expit(score) if logistic else score
        curve = w * p * (1.0 - p) if logistic else w
        tree, node = _tree(codes, action, w * (y - p), curve, k, growth)
        trees.append(tree)
        score += tree.leaf[node]
    return Forest(edges, start, logistic, tuple(trees))


def predict(forest: Forest, codes: Codes, k: int) -> Floats:
    """(n, k) expected y of every action for binned rows (d, n)."""
    n = codes.shape[1]
    made = np.empty((n, k))
    for start in range(0, n, CHUNK):
        part = codes[:, start : start + CHUNK]
        for a in range(k):
            made[start : start + CHUNK, a] = _score(forest, part, a)
    return expit(made) if forest.logistic else made


def binned(edges: tuple[Floats, ...], X: Floats) -> Codes:
    """(d, n) bin of each number."""
    codes = np.empty((len(edges), len(X)), dtype=np.uint8)
    for j, cuts in enumerate(edges):
        codes[j] = np.searchsorted(cuts, X[:, j], side="left")
    return codes


def _edges(column: Floats) -> Floats:
    """Cuts between neighbouring values where there are few, else between quantiles."""
    values = np.unique(column)
    if len(values) > BINS:
        values = np.unique(np.quantile(column, np.linspace(0.0, 1.0, BINS), method="inverted_cdf"))
    cuts: Floats = (values[1:] + values[:-1]) / 2.0
    return cuts


def _tree(
    codes: Codes, action: Ints, slope: Floats, curve: Floats, k: int, growth: Growth
) -> tuple[Tree, Ints]:
    """One tree fitted to the slopes, and the (n,) leaf of each row."""
    node = np.zeros(len(slope), dtype=np.int64)
    column, cut = np.full(2**growth.depth - 1, -1), np.zeros(2**growth.depth - 1, dtype=np.int64)
    for level in range(growth.depth):
        width, first = 2**level, 2**level - 1
        best, own_column, own_cut = _best_split(node, width, codes, action, slope, curve, k, growth.leaf)
        own_column[best <= 1e-12] = -1
        column[first : first + width], cut[first : first + width] = own_column, own_cut
        node = 2 * node + _goes_right(own_column[node], own_cut[node], codes, action)
    above = np.bincount(node, slope, 2**growth.depth)
    below = np.bincount(node, curve, 2**growth.depth)
    leaf = np.divide(growth.rate * above, below, out=np.zeros(len(above)), where=below > 0)
    return Tree(column, cut, leaf), node


def _best_split(
    node: Ints, width: int, codes: Codes, action: Ints, slope: Floats, curve: Floats, k: int, least: int
) -> tuple[Floats, Ints, Ints]:
    """Gain, column and cut of the best split of each of `width` nodes."""
    gain, column, cut = np.zeros(width), np.full(width, -1), np.zeros(width, dtype=np.int64)
    for j in range(len(codes) + 1):
        own, bins = (codes[j], int(codes[j].max()) + 1) if j < len(codes) else (action, k)
        cell = node * bins + own
        sums = [_sums(cell, of, width * bins).reshape(width, bins) for of in (slope, curve, None)]
        sides = [np.cumsum(one, axis=1) for one in sums] if j < len(codes) else sums
        found = _gains(sides, [one.sum(axis=1, keepdims=True) for one in sums], least)
        at = found.argmax(axis=1)
        most = found[np.arange(width), at]
        better = most > gain
        gain[better], column[better], cut[better] = most[better], j, at[better]
    return gain, column, cut


def _sums(cell: Ints, of: Floats | None, cells: int) -> Floats:
    return np.bincount(cell, of, cells).astype(np.float64, copy=False)


def _gains(side: list[Floats], whole: list[Floats], least: int) -> Floats:
    """(width, bins) how much less is lost when one side is told apart from the rest of its node."""
    (G, H, N), (g, h, n) = side, whole
    other = h - H
    allowed = (least <= N) & (n - N >= least) & (H > 1e-9) & (other > 1e-9)
    H, other = np.where(allowed, H, 1.0), np.where(allowed, other, 1.0)
    made: Floats = np.where(allowed, G * G / H + (g - G) ** 2 / other - g * g / np.maximum(h, 1e-9), -np.inf)
    return made


def _goes_right(column: Ints, cut: Ints, codes: Codes, action: Ints | int) -> Ints:
    """(n,) 1 for rows that go right at splits (n,) of their own."""
    d, rows = len(codes), np.arange(len(column))
    bins = codes[np.clip(column, 0, max(d - 1, 0)), rows] if d else np.zeros(len(column))
    right = np.where(column == d, action == cut, bins > cut) & (column >= 0)
    return right.astype(np.int64)


def _score(forest: Forest, codes: Codes, a: int) -> Floats:
    score = np.full(codes.shape[1], forest.start)
    for tree in forest.trees:
        node = np.zeros(codes.shape[1], dtype=np.int64)
        for _ in range(int(np.log2(len(tree.leaf)))):
            node = 2 * node + 1 + _goes_right(tree.column[node], tree.cut[node], codes, a)
        score += tree.leaf[node - len(tree.column)]
    return score
