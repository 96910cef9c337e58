"""A linear vowpalwabbit model as arrays: the same scores from numpy, without making or reading any text.

vowpalwabbit gives each feature of a namespace an index, its name's hash plus the namespace's, and each
interaction (f1, f2) the index (16777619 f1) xor f2, all modulo the size of the table; the constant has the
index 11650396. A learner with several weights an index, as the doubly robust one, has its indices
multiplied by their number, and its policy in the first of them. The cost of an action is the sum of weight
times value over its features; here the sum is taken beforehand over what contexts have in common.

Scores differ from vowpalwabbit's by its own rounding, up to 4e-7 of the largest score: it counts in single
precision, and reads decimals one or two of their last places off ("0.125" as 0.12499999); this counts in
whole numbers of steps below 2**53, so row i depends on row i only, bit for bit.

Source: Weinberger, Dasgupta, Langford, Smola and Attenberg (2009), "Feature hashing for large scale multitask
    learning"; Fowler, Noll and Vo (1991) for the interaction's hash; vowpalwabbit 9.11, interactions.h.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from policies import grid
from policies.base import Floats, Ints

_PRIME, _CONSTANT = 16777619, 11650396
_ASKED = 256  # contexts at once: they stay in the processor's cache
_DIGITS = 10  # binary, after the point, of each half of a context
_SHARED, _ACTION, _PRIOR = "c", "a", "p"  # namespaces


@dataclass(frozen=True, slots=True)
class Exported:
    """Weights of every feature, by index.

    Attributes:
        weights: index -> weight, of those that are not 0.
        places: size of the table, a power of two.
        step: weights an index has.
        hashes: of the namespaces.
        interact: whether context columns are crossed with action features.
    """

    weights: Mapping[int, float]
    places: int
    step: int
    hashes: Mapping[str, int]
    interact: bool

    def table(self, tokens: Sequence[Mapping[int, float]], d: int) -> Floats:
        """(1 + d, k) costs per unit of [1, x], from the features of k actions: hash of each -> value."""
        common = np.array([self._at(_CONSTANT), *self._columns(d)])
        found = np.tile(common[:, None], len(tokens))
        for features, column in zip(tokens, found.T, strict=True):
            for feature, value in features.items():
                column += value * self._crossed(feature, d)
        return found

    def prior(self) -> float:
        """Cost per unit of the prior."""
        return self._at(self.hashes[_PRIOR])

    def _crossed(self, feature: int, d: int) -> Floats:
        """(1 + d,) what a unit of an action's feature costs by itself, and with each context column."""
        alone = self._at(feature)
        if not self.interact:
            return np.array([alone, *np.zeros(d)])
        indices = (_PRIME * (self.step * self._shared(d)) ^ (self.step * feature)) % self.places
        return np.array([alone, *(self.weights.get(int(index), 0.0) for index in indices)])

    def _columns(self, d: int) -> list[float]:
        return [self._at(int(one)) for one in self._shared(d)]

    def _shared(self, d: int) -> Ints:
        """(d,) hashes of the context columns, which are named by their numbers."""
        hashes: Ints = (self.hashes[_SHARED] + np.arange(d)) % self.places
        return hashes

    def _at(self, feature: int) -> float:
        return self.weights.get(self.step * feature % self.places, 0.0)


def export(workspace: Any, bits: int, interact: bool, step: int) -> Exported:
    """The weights of a workspace whose learner is linear in its features."""
    weights = {one["index"]: one["value"] for one in json.loads(workspace.json_weights())["weights"]}
    hashes = {name: workspace.hash_space(name) for name in (_SHARED, _ACTION, _PRIOR)}
    return Exported(weights, 2**bits, step, hashes, interact)


def costs(table: Floats, X: Floats) -> Floats:
    """(n, k) costs of (n, d) contexts, each clipped to +-1024; exact sums, as in `policies.grid`."""
    W, found = grid.snap_weights(table[1:], 2 * _DIGITS), np.empty((len(X), table.shape[1]))
    for start in range(0, len(X), _ASKED):
        x = np.clip(X[start : start + _ASKED], -1024.0, 1024.0)
        high = np.rint(x * 2.0**_DIGITS) * 2.0**-_DIGITS
        low = np.rint((x - high) * 2.0 ** (3 * _DIGITS)) * 2.0**-_DIGITS
        found[start : start + _ASKED] = table[0] + (high @ W + (low @ W) * 2.0 ** (-2 * _DIGITS))
    return found
