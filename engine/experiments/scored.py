"""Units of an experiment file by a score known before: does it find whom to treat?"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from engine.errors import InputError
from engine.experiments.experiment import Experiment
from engine.experiments.results import clamping
from engine.experiments.targeting import Targeting, targeting


def scored(units: pl.DataFrame, experiment: Experiment, arms: Iterable[str]) -> tuple[Targeting, ...]:
    """How the score ranks units by what each arm adds to the first metric that decides; none without a score.

    Units without a score are left out, and the result says how many were ranked.

    Raises:
        InputError: the score is the same for all, or too few units have one.
    """
    if experiment.score is None:
        return ()
    metric = experiment.leading[0]
    known = units.select(experiment.arm, metric, experiment.score).drop_nulls()
    limits = clamping(known[metric], experiment.clamp)
    value = known if limits is None else known.with_columns(pl.col(metric).clip(*limits))
    others = [arm for arm in arms if arm != experiment.control]
    return tuple(_read(value, experiment, metric, experiment.score, arm) for arm in others)


def _read(units: pl.DataFrame, experiment: Experiment, metric: str, score: str, arm: str) -> Targeting:
    control = experiment.control
    pair = units.filter(pl.col(experiment.arm).is_in([control, arm]))
    found = targeting(
        (score, metric, arm, control),
        pair[metric].to_numpy(),
        pair[score].to_numpy(),
        (pair[experiment.arm] == arm).cast(pl.Int64).to_numpy(),
        experiment.level,
    )
    if found is None:
        raise InputError(
            f"--score '{score}' is the same for all units of '{arm}' and '{control}', or they are too few to "
            "rank: 80 of each with a score are needed. Leave it out."
        )
    return found
