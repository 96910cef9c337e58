"""The ladder: what each arm earned as an experiment sees it, and the truth of it beside each estimate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.domain import Action, ArmName, Program
from engine.experiments.report import Report, analyse
from engine.experiments.sample import measure, project
from engine.experiments.welch import Effect, Interval, interval
from policies.base import Floats, Ints
from simulator.happen import after, outcomes
from simulator.season import Rung
from simulator.truth import response
from simulator.world import Customers, World

METRIC = "net reward"


@dataclass(frozen=True, slots=True)
class Totals:
    """What n customers brought in a season, each (n,): summed over the days.

    Attributes:
        arm: of each.
        reward: realised net reward.
        value: expected net reward of what was decided for each.
        alone: expected net reward had nobody contacted them.
        regret: shortfall of the probabilities to the greedy best.
        contacts: number of contacts.
    """

    arm: NDArray[np.str_]
    reward: Floats
    value: Floats
    alone: Floats
    regret: Floats
    contacts: Ints


def left_alone(world: World, program: Program, customers: Customers, days: int) -> Floats:
    """(n,) expected net reward of a season in which nobody is contacted, under the customers' own luck.

    The same world lived through again with no_action for everyone: purchases come unasked and sate as they
    did, so that what an arm gains over it is what its contacts did.
    """
    quiet, nobody = replace(program, actions=(Action(),)), np.zeros(len(customers), dtype=np.int64)
    state, total = world.fresh(len(customers)), np.zeros(len(customers))
    for day in range(days):
        total += response(world, quiet, customers, state, day)[:, 0]
        found = outcomes(world, customers, state, day, quiet.actions, nobody)
        state = after(world, state, quiet.actions, nobody, found)
    return total


def experiment(totals: Totals, program: Program) -> Report | None:
    """The season as an experiment: one unit a customer, every arm against the holdout; None without one.

    An arm of one customer, or in which nobody brought anything, is left out: it has no spread to go by.
    """
    enough = [str(arm) for arm in np.unique(totals.arm) if _varies(totals.reward[totals.arm == arm])]
    if "holdout" not in enough or len(enough) < 2:
        return None
    kept = np.isin(totals.arm, enough)
    frame = pl.DataFrame({"arm": totals.arm[kept].tolist(), METRIC: totals.reward[kept]})
    share: dict[str, float] = {arm: part for arm, part in program.arms if arm in enough}
    split = {arm: part / sum(share.values()) for arm, part in share.items()}
    return analyse(
        frame, arm="arm", control="holdout", metrics=[METRIC], expected_split=split, allow_negative=[METRIC]
    )


def ladder(totals: Totals, report: Report | None) -> tuple[Rung, ...]:
    """One row an arm in which there is anybody, in the order policy, random, bau, holdout."""
    return tuple(_rung(arm, totals, report) for arm in get_args(ArmName) if (totals.arm == arm).any())


def _rung(arm: ArmName, totals: Totals, report: Report | None) -> Rung:
    own = totals.arm == arm
    found = None
    if report is not None:
        found = next((one.reading for one in report.metrics[0].comparisons if one.arm == arm), None)
    return Rung(
        arm,
        int(own.sum()),
        float(totals.contacts[own].mean()),
        _mean(totals.reward[own]),
        float(totals.value[own].mean()),
        None if found is None else found.absolute,
        float((totals.value[own] - totals.alone[own]).mean()),
        None if found is None else found.p,
        float(totals.regret[own].mean()),
    )


def _varies(reward: Floats) -> bool:
    return len(reward) > 1 and float(np.ptp(reward)) > 0.0


def _mean(reward: Floats) -> Interval | None:
    """The mean with its 95 % interval, corrected for skewness; None where nothing varies."""
    if not _varies(reward):
        return None
    one = project(measure((METRIC,), reward[:, None]), np.ones(1))
    skew = one.third / one.n**2 / one.error**1.5
    return interval(Effect(one.mean, one.error**0.5, one.n - 1, skew))
