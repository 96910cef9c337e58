"""The ladder from no contact to learning: what contacting, today's rules and the learning policy each add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import polars as pl

from engine.experiments.compare import Reading, Setting, compare
from engine.experiments.metric import Term
from engine.experiments.units import aggregates

ORDER = ("holdout", "bau", "random", "policy")
_WORTH = {
    ("holdout", "bau"): "What today's rules are worth",
    ("holdout", "random"): "What contacting is worth",
    ("bau", "random"): "What spreading contacts by lot does to today's rules",
    ("random", "policy"): "What choosing is worth",
    ("bau", "policy"): "What learning is worth against today's rules",
    ("holdout", "policy"): "What it is all worth",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One arm against the one below it.

    Attributes:
        below, arm: the arms.
        worth: what the difference tells, in words.
        reading: the figures; None where nothing varies in the two arms.
    """

    below: str
    arm: str
    worth: str
    reading: Reading | None


def steps(
    units: pl.DataFrame,
    metric: str,
    arms: Sequence[str],
    covariates: Sequence[str],
    setting: Setting,
) -> tuple[Step, ...]:
    """Every arm against the one below it on the ladder, then the policy against today's rules.

    Args:
        units: one row a customer, with `arm`.
        metric: what is compared, clamped already if it is to be.
        arms: those there are, in the order of `ORDER`.
        covariates: known before.
        setting: how to read the differences.
    """
    term, before = Term(metric), tuple(Term(name) for name in covariates)
    samples = aggregates(units, "arm", [term, *before])
    pairs = list(pairwise(arms))
    if "bau" in arms and "policy" in arms and ("bau", "policy") not in pairs:
        pairs.append(("bau", "policy"))
    return tuple(
        Step(below, arm, _WORTH[below, arm], compare(samples[below], samples[arm], term, before, setting))
        for below, arm in pairs
    )
