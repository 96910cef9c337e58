"""The ladder from no contact to learning: what contacting, today's rules and the learning policy each add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import polars as pl

from engine.domain import ABLATIONS
from engine.experiments.compare import Reading, Setting, compare
from engine.experiments.metric import Term
from engine.experiments.units import aggregates

ORDER = ("holdout", "bau", "random", *ABLATIONS, "policy", "evaluation")
_RUNGS = ("holdout", "bau", "random")
_WORTH = {
    ("holdout", "bau"): "What today's rules are worth",
    ("holdout", "random"): "What contacting is worth",
    ("bau", "random"): "What spreading contacts by lot does to today's rules",
    ("random", "policy"): "What choosing is worth",
    ("bau", "policy"): "What learning is worth against today's rules",
    ("holdout", "policy"): "What it is all worth",
    ("no_levers", "policy"): "What your levers are worth",
    ("prediction_only", "policy"): "What values, costs and learning add to the predictions",
    ("eligibility_only", "policy"): "What the rules applicable and suitable are worth",
    (
        "policy",
        "evaluation",
    ): "What the policy earns with customers it never learnt from, against those it did",
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

    The policy stands for itself in `evaluation` where the program has that arm, whose customers are
    independent; the two are compared as well. Last come the arms that leave something out.

    Args:
        units: one row a customer, with `arm`.
        metric: what is compared, clamped already if it is to be.
        arms: those there are, in the order of `ORDER`.
        covariates: known before.
        setting: how to read the differences.
    """
    term, before = Term(metric), tuple(Term(name) for name in covariates)
    samples = aggregates(units, "arm", [term, *before])
    return tuple(
        Step(below, arm, worth, compare(samples[below], samples[arm], term, before, setting))
        for below, arm, worth in _pairs(arms)
    )


def served(arms: Sequence[str]) -> str | None:
    """The arm that stands for the policy: `evaluation` where there is one, which never taught it."""
    return next((arm for arm in ("evaluation", "policy") if arm in arms), None)


def _pairs(arms: Sequence[str]) -> list[tuple[str, str, str]]:
    """What is compared with what, and what that tells."""
    top = served(arms)
    rungs = [arm for arm in arms if arm in _RUNGS or arm == top]
    pairs = list(pairwise(rungs))
    if top and "bau" in arms and ("bau", top) not in pairs:
        pairs.append(("bau", top))
    pairs += [("policy", "evaluation")] if {"policy", "evaluation"} <= {*arms} else []
    pairs += [(arm, top) for arm in arms if arm in ABLATIONS and top]
    return [(below, arm, _WORTH.get((below, arm)) or _WORTH[below, "policy"]) for below, arm in pairs]
