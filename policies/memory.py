"""What was learnt of every action between two changes: sums, and the weights solved from them.

Either may come from a snapshot; sums are then unpacked only when learning goes on, since serving needs none.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policies.ages import shrink
from policies.base import Actions, Floats, Ints
from policies.moments import Moments, Response
from policies.optimism import Doubt
from policies.pool import Solution
from policies.settings import PolicyError
from policies.solver import Solved, Solver, joined
from policies.stakes import totals
from policies.state import State
from policies.transfer import Carried, carried

_NOTHING = 1e-9  # rows or less: nothing was learnt, or what was counts nothing by now
_PARTS = ("b", "square", "lift")
_REST = tuple(f"rest_{part}" for part in _PARTS)


class Memory:
    """Sums of every action over phi = [1, x, waves(x)].

    Args:
        solver: of the weights.
        columns: how many of the features are [1, x].
        waves: how many others there are.
    """

    def __init__(self, solver: Solver, columns: int, waves: int) -> None:
        self._solver = solver
        self._rest_solver = solver.another()
        self._shape = (columns, waves)
        self._sums: dict[str, Moments] = {}
        self._packed: State | None = None
        self._loading: dict[str, dict[str, float]] = {}
        self._solved: Solved | None = None
        self.served: Solved | None = None  # the weights as they were last solved, whatever was learnt since
        self._seen: tuple[float, float] | None = None
        self.era = 0  # in which rows count as they are; see `policies.ages`

    @property
    def names(self) -> Collection[str]:
        """The actions something was learnt of."""
        return self._sums if self._packed is None else self._packed.words["actions"]

    @property
    def is_solved(self) -> bool:
        """Whether the weights are those of the sums as they are."""
        return self._solved is not None

    def rows(self, name: str) -> float:
        """Rows learnt of an action."""
        return self._unpacked[name].n if name in self._unpacked else 0.0

    def add(
        self, actions: Actions, action: Ints, phi: Floats, y: Floats, rest: Floats, weight: Floats
    ) -> None:
        """Take in rows, or back where their weight is negative: phi (n, D) on the grid, y over the prior.

        Rows of one action are taken in at once if they stand together.
        """
        moments, columns = self._unpacked, self._shape[0]
        edges = [0, *(np.flatnonzero(np.diff(action)) + 1).tolist(), len(action)]
        for start, end in pairwise(edges):
            rows, name = slice(start, end), actions.names[action[start]]
            if name not in moments:
                moments[name] = Moments.empty(sum(self._shape))
            moments[name].add(phi[rows], y[rows], weight[rows], columns, rest[rows])

    def age(self, era: int) -> None:
        """Let everything count as in a later era."""
        if era > self.era and self.names:
            for name, moments in self._unpacked.items():
                moments.scale(shrink(era - self.era))
                self._forget(name)
            self._solved = self._seen = None
        self.era = max(era, self.era)

    def settle(self, actions: Actions, touched: Ints) -> None:
        """Note the factors of actions just learnt; one of which all was taken back was never learnt."""
        for a in touched:
            name, moments = actions.names[a], self._unpacked[actions.names[a]]
            self._forget(name)
            self._loading[name] = {
                actions.factors[j]: float(actions.features[a, j]) for j in np.flatnonzero(actions.features[a])
            }
            self._drop_empty(name, moments)
        self._solved = self._seen = None

    def check_merge(self, other: Memory, weight: float) -> None:
        """Raise `PolicyError` if an action is made of other factors, or more would go out than was learnt."""
        self.age(other.era)
        other.age(self.era)
        for name, there in other._loading.items():
            here = self._loading.get(name, there)
            if here != there:
                raise PolicyError(
                    f"action {name!r} is made of {', '.join(here)} in one learner, of {', '.join(there)} in "
                    "another; merge learners of the same actions."
                )
            if self.rows(name) + weight * other.rows(name) < -_NOTHING:
                raise PolicyError(f"action {name!r}: more would be taken out than was learnt.")

    def merge(self, other: Memory, weight: float) -> None:
        """Take in what another learner saw, or out with weight -1; after `check_merge`."""
        for name, moments in other._unpacked.items():
            if name not in self._unpacked:
                self._unpacked[name] = Moments.empty(sum(self._shape))
            self._unpacked[name].merge(moments, weight)
            self._loading[name] = dict(other._loading[name])
            self._forget(name)
            self._drop_empty(name, self._unpacked[name])
        self._solved = self._seen = None

    def solve(self, carried: Carried | None = None) -> Solved:
        """Weights of everything learnt, with what is carried over from before the last change."""
        if self._solved is None:
            self._solved = self._solver.solve(self._unpacked, self._loading, *self._shape, carried)
            if any(one.rest is not None for one in self._unpacked.values()):
                rests = {name: one.of_rest() for name, one in self._unpacked.items()}
                rest = self._rest_solver.solve(rests, self._loading, *self._shape)
                self._solved = joined(self._solved, rest, self.totals()[1], _totals(rests)[1])
            self.served = self._solved
        return self._solved

    def carried(self) -> Carried | None:
        """What this has to say once it is put aside."""
        rows, about = self.totals()
        moments = self._unpacked
        found = self._solver.earned(moments, *self._shape)
        known = [moments[name] for name in sorted(moments)]
        return carried(found, known, math.sqrt(about / rows), self._shape[0])

    def solve_anew(self) -> None:
        """What is carried over has changed."""
        self._solver.forget_all()
        self._solved = None

    def totals(self) -> tuple[float, float]:
        """Rows learnt, and the squared deviations of what early signs foretell; see `policies.stakes`."""
        if self._seen is None:
            if self._packed is None:
                self._seen = _totals(self._sums)
            else:
                sums = self._packed.arrays
                columns = (sums["n"], sums["b"][:, 0, 0], sums["square"][:, 0, 0])
                self._seen = totals(zip(*(column.tolist() for column in columns), strict=True))
        return self._seen

    def deviations(self) -> float:
        """Squared deviations of whole rewards, as if the rest had nothing to do with what is foretold."""
        rests = {name: one.of_rest() for name, one in self._unpacked.items() if one.rest is not None}
        return self.totals()[1] + (_totals(rests)[1] if rests else 0.0)

    def state(self, carried: Carried | None = None) -> State:
        """All that was learnt, and the weights solved from it: the same bits wherever they serve."""
        if not self.names:
            return State({}, {})
        names, solved = sorted(self._unpacked), self.solve(carried)
        moments = [self._unpacked[name] for name in names]
        arrays = {
            "G": np.stack([one.half() for one in moments]),
            "b": np.stack([one.b for one in moments]),
            "square": np.stack([one.square for one in moments]),
            "lift": np.stack([one.lift for one in moments]),
            "n": np.array([one.n for one in moments]),
            "theta": np.stack([solved.solution.theta[name] for name in names]),
            "shared": np.array(list(solved.solution.shared.values())),
            "variance": np.stack([solved.doubt.known[name] for name in names]),
            "unlearnt": solved.doubt.unlearnt,
        }
        if any(one.rest is not None for one in moments):
            rests = [one.of_rest().first for one in moments]
            arrays |= {f"rest_{part}": np.stack([getattr(one, part) for one in rests]) for part in _PARTS}
        if solved.carried:
            arrays["carried"] = solved.carried.U
        loading = [self._loading[name] for name in names]
        words = {"actions": names, "loading": loading, "factors": [*solved.solution.shared]}
        return State(words | ({"era": self.era} if self.era else {}), arrays)

    def restore(self, words: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become the memory that gave this state."""
        if not (names := words.get("actions", [])):
            return
        self._packed, self.era = State(words, arrays), words.get("era", 0)
        self._loading = {name: dict(one) for name, one in zip(names, words["loading"], strict=True)}
        theta = dict(zip(names, arrays["theta"], strict=True))
        shared = dict(zip(words["factors"], arrays["shared"], strict=True))
        doubt = Doubt(dict(zip(names, arrays["variance"], strict=True)), arrays["unlearnt"])
        U = arrays.get("carried")
        over = None if U is None else Carried(U, self._shape[0])
        self._solved = self.served = Solved(Solution(theta, shared, arrays["b"].shape[2]), doubt, over)

    @property
    def _unpacked(self) -> dict[str, Moments]:
        if self._packed is not None:
            names, arrays = self._packed.words["actions"], self._packed.arrays
            first, rest = _responses(arrays, _PARTS), [None] * len(names)
            if _REST[0] in arrays:
                rest = _responses(arrays, _REST)
            parts = (arrays["G"], arrays["n"].tolist(), first, rest)
            self._sums = {name: Moments.of_half(*one) for name, *one in zip(names, *parts, strict=True)}
            self._packed = None
        return self._sums

    def _drop_empty(self, name: str, moments: Moments) -> None:
        if moments.n < _NOTHING and (np.abs(np.diagonal(moments.G)) < _NOTHING).all():
            del self._unpacked[name], self._loading[name]

    def _forget(self, name: str) -> None:
        """Drop what was worked out from an action's sums."""
        self._solver.forget(name)
        self._rest_solver.forget(name)


def _totals(sums: Mapping[str, Moments]) -> tuple[float, float]:
    kept = (sums[name] for name in sorted(sums))
    return totals((one.n, float(one.b[0, 0]), float(one.square[0, 0])) for one in kept)


def _responses(arrays: Mapping[str, NDArray[Any]], parts: Sequence[str]) -> list[Any]:
    return [Response(*one) for one in zip(*(arrays[part] for part in parts), strict=True)]
