"""A linear vowpalwabbit model as arrays: its own scores, bit for bit, without making or reading any text.

vowpalwabbit gives each feature of a namespace an index, its name's hash plus the namespace's, and each
interaction (f1, f2) the index (16777619 f1) xor f2, all modulo the size of the table; the constant has the
index 11650396. A learner with several weights an index, as the doubly robust one, has its indices
multiplied by their number, and its policy in the first of them.

The cost of an action is the sum of weight times value over its features, in single precision and one after
the other: the action's features, the prior, the constant, the context's columns, then column by column their
interactions with each of the action's features. The kernel here adds in that order, with values as the text
is read (`policies.vw_text`). Equal to the bit where vowpalwabbit was compiled without fused
multiplications, as its wheels for x86 are; with penalties (`l1`, `l2`) its weights are settled first, and
the last places differ.

Source: Weinberger, Dasgupta, Langford, Smola and Attenberg (2009), "Feature hashing for large scale multitask
    learning"; Fowler, Noll and Vo (1991) for the interaction's hash; vowpalwabbit 9.11, interactions.h and
    gd_predict.h.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from policies import grid
from policies.base import Floats, Ints
from policies.kernel import kernel
from policies.vw_text import Singles, heard

_PRIME, _CONSTANT = 16777619, 11650396
_ASKED = 256  # contexts at once: they stay in the processor's cache
_FEW = 32  # contexts, below which it is quicker to take actions side by side
_DIGITS = 10  # binary, after the point, of each half of a context
_SHARED, _ACTION, _PRIOR = "c", "a", "p"  # namespaces


@dataclass(frozen=True, slots=True)
class Table:
    """Weights of k actions of up to q features each, by what they are multiplied with.

    Attributes:
        constant, prior: of all actions.
        columns: (d,) of the context's columns.
        alone: (q, k) of an action's features.
        crossed: (d, q, k) of interactions; (d, 0, k) where there are none.
        value: (q, k) of an action's features, 0 where it has fewer.
    """

    constant: float
    prior: float
    columns: Floats
    alone: Floats
    crossed: Floats
    value: Floats


@dataclass(frozen=True, slots=True)
class Exported:
    """Weights of every feature that has one.

    Attributes:
        index: sorted.
        weight: of each index.
        places: size of the table, a power of two.
        step: weights an index has.
        hashes: of the namespaces.
        interact: whether context columns are crossed with action features.
    """

    index: Ints
    weight: Floats
    places: int
    step: int
    hashes: Mapping[str, int]
    interact: bool

    def table(self, tokens: Sequence[Mapping[int, float]], d: int) -> Table:
        """What is needed for contexts of d columns and k actions, given as hash of each feature -> value."""
        q, k = max(map(len, tokens), default=0), len(tokens)
        feature, value = np.zeros((q, k), dtype=np.int64), np.zeros((q, k))
        for a, features in enumerate(tokens):
            feature[: len(features), a], value[: len(features), a] = list(features), list(features.values())
        shared = (self.hashes[_SHARED] + np.arange(d)) % self.places  # columns are named by their numbers
        halves = (_PRIME * (self.step * shared))[:, None, None]
        crossed = halves ^ (self.step * feature[: q if self.interact else 0])
        return Table(
            constant=float(self._at(np.array(self.step * _CONSTANT))),
            prior=float(self._at(np.array(self.step * self.hashes[_PRIOR]))),
            columns=self._at(self.step * shared),
            alone=self._at(self.step * feature),
            crossed=self._at(crossed),
            value=value,
        )

    def _at(self, indices: Ints) -> Floats:
        wanted = indices % self.places
        place = np.minimum(np.searchsorted(self.index, wanted), len(self.index) - 1)
        found: Floats = np.where(self.index[place] == wanted, self.weight[place], 0.0)
        return found


def export(workspace: Any, bits: int, interact: bool, step: int) -> Exported:
    """The weights of a workspace whose learner is linear in its features."""
    told = json.loads(workspace.json_weights())["weights"] or [{"index": 0, "value": 0.0}]
    index = np.array([one["index"] for one in told], dtype=np.int64)
    order = np.argsort(index)
    weight = np.array([one["value"] for one in told], dtype=np.float64)
    hashes = {name: workspace.hash_space(name) for name in (_SHARED, _ACTION, _PRIOR)}
    return Exported(index[order], weight[order], 2**bits, step, hashes, interact)


def costs(table: Table, X: Floats, prior: Floats) -> Floats:
    """(n, k) costs of (n, d) contexts with (n, k) priors, as vowpalwabbit adds them up."""
    value, start = heard(table.value), np.zeros(table.value.shape[1], dtype=np.float32)
    for weight, one in zip(table.alone.astype(np.float32), value, strict=True):
        start += weight * one
    columns, crossed = table.columns.astype(np.float32), table.crossed.astype(np.float32)
    found = np.empty(prior.shape)
    for at in range(0, len(X), _ASKED):
        rows = slice(at, at + _ASKED)
        summed: Singles = start + np.float32(table.prior) * heard(prior[rows]) + np.float32(table.constant)
        if len(summed) < _FEW:
            _add_up_few(heard(X[rows]), columns, crossed, value, summed)
        else:
            turned = np.ascontiguousarray(summed.T)
            _add_up(np.ascontiguousarray(heard(X[rows]).T), columns, crossed, value, turned)
            summed = turned.T
        found[rows] = summed
    return found


@kernel("void(f4[:,::1], f4[::1], f4[:,:,::1], f4[:,::1], f4[:,::1])", writes=1)
def _add_up(x: Singles, columns: Singles, crossed: Singles, value: Singles, found: Singles) -> None:
    """To (k, n) sums, of (d, n) contexts, many of them side by side."""
    k, n = found.shape
    for a in range(k):
        for j in range(len(columns)):
            for i in range(n):
                found[a, i] += columns[j] * x[j, i]
        for j in range(crossed.shape[0]):
            for f in range(crossed.shape[1]):
                for i in range(n):
                    found[a, i] += crossed[j, f, a] * (x[j, i] * value[f, a])


@kernel("void(f4[:,::1], f4[::1], f4[:,:,::1], f4[:,::1], f4[:,::1])", writes=1)
def _add_up_few(x: Singles, columns: Singles, crossed: Singles, value: Singles, found: Singles) -> None:
    """To (n, k) sums the same, of few (n, d) contexts, with the actions side by side."""
    n, k = found.shape
    for i in range(n):
        for j in range(len(columns)):
            for a in range(k):
                found[i, a] += columns[j] * x[i, j]
        for j in range(crossed.shape[0]):
            for f in range(crossed.shape[1]):
                for a in range(k):
                    found[i, a] += crossed[j, f, a] * (x[i, j] * value[f, a])


def older_costs(table: Table, X: Floats, prior: Floats) -> Floats:
    """Costs as snapshots from before have them, so that what they decided replays.

    Contexts are clipped to +-1024; the sums are exact, as in `policies.grid`.
    """
    W = np.vstack([table.constant, table.columns[:, None]]) + np.zeros(table.value.shape[1])
    crossed = np.zeros((len(table.columns), *table.value.shape))
    crossed[:, : table.crossed.shape[1]] = table.crossed
    for f, value in enumerate(table.value):
        W += value * np.vstack([table.alone[f], crossed[:, f]])
    found = np.empty((len(X), W.shape[1]))
    steps = grid.snap_weights(W[1:], 2 * _DIGITS)
    for start in range(0, len(X), _ASKED):
        x = np.clip(X[start : start + _ASKED], -1024.0, 1024.0)
        high = np.rint(x * 2.0**_DIGITS) * 2.0**-_DIGITS
        low = np.rint((x - high) * 2.0 ** (3 * _DIGITS)) * 2.0**-_DIGITS
        found[start : start + _ASKED] = W[0] + (high @ steps + (low @ steps) * 2.0 ** (-2 * _DIGITS))
    return found + table.prior * prior
