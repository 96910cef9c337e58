"""Before and after a change: two memories, parted by time.

As long as predictions hold there is one memory. When `policies.watch` says that they have turned, what was
learnt is put aside, and learning starts anew with the rows that showed it; the weights put aside stay as
columns (`policies.transfer`). A row belongs to the memory of its own time, so a late reward, or a person who
is forgotten, is taken out of the memory they are in, exactly. A second change drops what was put aside at the
first.

When a change is seen depends on what arrived in which batches. All else does not: given the moments of the
changes, sums are the same in any order, merged or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from policies.ages import aged, counted
from policies.base import Actions, Changes, Feedback, FeedbackError, Floats, Ints, Mask
from policies.memory import Memory
from policies.settings import PolicyError
from policies.solver import Solved
from policies.state import State
from policies.transfer import Carried
from policies.watch import Watch

_BEFORE = "before."
_ROUNDING = 1e-9  # rows
SETTLED = 100.0  # rows an action, before the watch looks for another change


class Epochs:
    """What was learnt since the last change, and before it.

    Args:
        make_memory: of phi.
        forgets: whether what was learnt is put aside when predictions have turned.
        changes: when it already was; see `changes` below.
        watch: on predictions.
        half_life: in the unit of times; None if old rows count as new ones. See `policies.ages`.
    """

    def __init__(
        self,
        make_memory: Callable[[], Memory],
        forgets: bool,
        changes: Changes | None,
        watch: Watch,
        half_life: float | None = None,
    ) -> None:
        self._make = make_memory
        self._forgets = forgets
        self.now = make_memory()
        self._before = make_memory() if changes else None
        self.watch = watch
        self._half_life = half_life
        self._cuts = changes or (-np.inf, -np.inf)  # see `changes` below
        self._clock = -np.inf  # the latest time of a row, of those that have one

    @property
    def changes(self) -> Changes | None:
        """Rows up to the first time are dropped, those up to the second put aside; None before a change."""
        return self._cuts if self._before else None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept."""
        return not self.now.names and self._before is None

    def check(self, feedback: Feedback) -> None:
        """Raises `FeedbackError` if more is taken back than was learnt."""
        for memory, rows in self._by_time(feedback.time):
            weight = self._weighed(memory, feedback.weight[rows], feedback.time[rows])
            totals = np.bincount(feedback.action[rows], weight, len(feedback.actions))
            for name, total in zip(feedback.actions.names, totals, strict=True):
                if total < 0.0 and memory.rows(name) + total < -_ROUNDING:
                    raise FeedbackError(
                        f"action {name!r}: more is taken back than was learnt; take back each row once."
                    )

    def learn(
        self,
        actions: Actions,
        action: Ints,
        phi: Floats,
        y: Floats,
        rest: Floats,
        weight: Floats,
        time: Floats,
    ) -> None:
        """Take in rows, or back where their weight is negative: phi (n, D) on the grid, y over the prior."""
        for memory, rows in self._by_time(time):
            if self._half_life:
                memory.age(int(aged(time[rows], self._half_life)[0].max()))
            counts = self._weighed(memory, weight[rows], time[rows])
            memory.add(actions, action[rows], phi[rows], y[rows], rest[rows], counts)
            memory.settle(actions, np.unique(action[rows]))
            if memory is self._before:
                self.now.solve_anew()
        self._clock = max(self._clock, float(np.max(time, where=np.isfinite(time), initial=-np.inf)))

    def seen(self, y: Floats, predicted: Floats, weight: Floats, time: Floats) -> bool:
        """Look at rows before they are learnt; True if they part the past from now on."""
        new = (weight == 1.0) & (time > self._clock)
        if not (self._forgets and new.any() and self._is_settled()):
            return False
        variance = self.now.deviations() / self.now.totals()[0]
        if not self.watch.turned(y[new], predicted[new], variance, time[new]):
            return False
        self._cuts = (self._cuts[1] if self._before else -np.inf, self._clock)
        self._before, self.now, self.watch.blocks = self.now, self._make(), Watch().blocks
        return True

    def _is_settled(self) -> bool:
        """Whether enough was learnt since the last change to put that aside in its turn."""
        if self._before is None:
            return True
        enough = min(SETTLED * len(self.now.names), self._before.totals()[0] / 4.0)
        return self.now.totals()[0] >= enough

    def merge(self, other: Epochs, weight: float) -> None:
        """Take in what another learner saw, or out with weight -1.

        Raises:
            PolicyError: its changes are at other times, or as `Memory.check_merge`; nothing has changed.
        """
        if self._cuts != other._cuts or (self._before is None) != (other._before is None):
            raise PolicyError("learners that saw a change at different times do not merge; learn one afresh.")
        pairs = [(self.now, other.now)]
        if self._before and other._before:
            pairs.append((self._before, other._before))
        for memory, its in pairs:
            memory.check_merge(its, weight)
        for memory, its in pairs:
            memory.merge(its, weight)
        if self._before:
            self.now.solve_anew()
        self._clock = max(self._clock, other._clock)

    def solve(self) -> Solved:
        """Weights of everything learnt since the last change."""
        return self.now.solve(self._carried())

    def state(self) -> State:
        """All of it."""
        kept = self.now.state(self._carried())
        arrays = {**kept.arrays, "times": np.array([*self._cuts, self._clock])}
        if self._before is None:
            return State(kept.words, arrays)
        aside = self._before.state()
        arrays |= {f"{_BEFORE}{name}": one for name, one in aside.arrays.items()}
        return State({**kept.words, "before": aside.words}, arrays)

    def restore(self, state: State) -> None:
        """Become the one that gave this state."""
        arrays = state.arrays
        self.now.restore(state.words, arrays)
        if "times" in arrays:
            older, newer, self._clock = arrays["times"].tolist()
            self._cuts = (older, newer)
        if (words := state.words.get("before")) is not None:
            self._before = self._make()
            named = {
                name.removeprefix(_BEFORE): one for name, one in arrays.items() if name.startswith(_BEFORE)
            }
            self._before.restore(words, named)

    def _carried(self) -> Carried | None:
        """What is carried over; asked for only while the weights are not solved."""
        if self._before is None or not self._before.names or self.now.is_solved:
            return None
        return self._before.carried()

    def _weighed(self, memory: Memory, weight: Floats, time: Floats) -> Floats:
        """(n,) what rows count in the sums of a memory as they are."""
        return weight * counted(time, self._half_life, memory.era) if self._half_life else weight

    def _by_time(self, time: Floats) -> Iterator[tuple[Memory, Mask | slice]]:
        """The memories and which of the n rows belong to each."""
        if self._before is None:
            yield self.now, slice(None)
            return
        for memory, rows in (
            (self.now, time > self._cuts[1]),
            (self._before, (time > self._cuts[0]) & (time <= self._cuts[1])),
        ):
            if rows.any():
                yield memory, rows
