"""What a batch did, counted chunk by chunk."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from engine.domain import Program
from engine.feasible import Funnel, merge
from engine.lane import Settled


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """What a batch did: who was in which arm, what was chosen, what the funnel dropped."""

    customers: int
    replayed: int
    arms: dict[str, int]
    actions: dict[str, int]
    withheld: int
    explored: int
    mean_propensity: float
    funnel: Funnel
    snapshot: int | None


@dataclass(slots=True)
class Tally:
    """What was done so far."""

    arms: Counter[str]
    actions: Counter[str]
    customers: int = 0
    replayed: int = 0
    withheld: int = 0
    explored: int = 0
    propensity: float = 0.0
    funnel: Funnel = field(default_factory=lambda: merge([]))

    def add(self, settled: Settled, replayed: int) -> None:
        """Count a chunk, of which so many were decided before."""
        table = settled.table
        self.customers += table.height
        self.replayed += replayed
        self.withheld += table.height - table["withheld"].null_count()
        self.explored += int(table["explored"].sum())
        self.propensity += float(table["propensity"].sum())
        self.arms.update(dict(table["arm"].value_counts().iter_rows()))
        self.actions.update(dict(table["action"].value_counts().iter_rows()))
        self.funnel = merge([self.funnel, settled.funnel])

    def summary(self, snapshot: int) -> BatchSummary:
        """All of it; `snapshot` is the version of what was learnt."""
        return BatchSummary(
            self.customers,
            self.replayed,
            _ranked(self.arms),
            _ranked(self.actions),
            self.withheld,
            self.explored,
            self.propensity / self.customers,
            self.funnel,
            snapshot,
        )


def tally(program: Program) -> Tally:
    """Nothing yet; arms and actions stand as in the program, and equal counts stay in that order."""
    arms, actions = (name for name, _ in program.arms), (action.name for action in program.actions)
    return Tally(Counter(dict.fromkeys(arms, 0)), Counter(dict.fromkeys(actions, 0)))


def _ranked(counts: Counter[str]) -> dict[str, int]:
    """The most frequent first, equal ones in the order of the program."""
    return {name: count for name, count in counts.most_common() if count}
