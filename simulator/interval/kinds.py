"""Intervals by name, and what each of them needs to know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from engine.errors import InputError, nearest
from policies.base import Floats
from simulator.interval.base import Evidence, Interval
from simulator.interval.bernstein import bernstein
from simulator.interval.betting import anytime
from simulator.interval.bootstrap import bootstrap
from simulator.interval.gamma import gamma
from simulator.interval.likelihood import likelihood
from simulator.interval.student import student

DEFAULT = "gamma"
SEED = 20261124
ONE_ROW_ONE_UNIT = ("likelihood", "anytime")  # rows must be independent, and the value that of IPS
MADE_FOR: Mapping[str, tuple[str, ...]] = {  # estimators, the usual one first
    "bernstein": ("dr", "ips", "dm"),
    **dict.fromkeys(ONE_ROW_ONE_UNIT, ("ips",)),
}
BOUNDED = ("bernstein", "likelihood", "anytime")  # rewards must have known limits


@dataclass(frozen=True, slots=True)
class Proof:
    """All that an interval may want to know of one estimate.

    Attributes:
        evidence: the terms of the estimate.
        weight: (n,) the target's weights, in the order of the decisions.
        reward: (n,) rewards in that order.
        largest: weight that none can exceed.
        low, high: limits that rewards are known to keep.
        modelled: whether a reward model's prediction is in the terms.
    """

    evidence: Evidence
    weight: Floats
    reward: Floats
    largest: float
    low: float
    high: float
    modelled: bool


def _bootstrap(proof: Proof, level: float) -> Interval:
    return bootstrap(proof.evidence, np.random.Generator(np.random.PCG64(SEED)), level)


def _bernstein(proof: Proof, level: float) -> Interval:
    return bernstein(proof.evidence, width(proof), level)


def _likelihood(proof: Proof, level: float) -> Interval:
    return likelihood(proof.weight, proof.reward, proof.largest, proof.low, proof.high, level)


def _anytime(proof: Proof, level: float) -> Interval:
    return anytime(proof.weight, proof.reward, proof.low, proof.high, proof.largest, level)


KINDS: Mapping[str, Callable[[Proof, float], Interval]] = {
    "gamma": lambda proof, level: gamma(proof.evidence, level),
    "student": lambda proof, level: student(proof.evidence, level),
    "bootstrap": _bootstrap,
    "bernstein": _bernstein,
    "likelihood": _likelihood,
    "anytime": _anytime,
}


def width(proof: Proof) -> float:
    """Range that no term of the estimate can leave."""
    span = proof.high - proof.low
    if proof.modelled:
        return (1.0 + 2.0 * proof.largest) * span
    return proof.largest * (max(proof.high, 0.0) - min(proof.low, 0.0))


def apart(kind: str, one: Proof, other: Proof, level: float) -> Interval:
    """The difference of two values on the same rows.

    It is paired, row by row. Only likelihood and anytime are made of two intervals that hold at once, which
    is wider (Bonferroni 1936).
    """
    if kind in ONE_ROW_ONE_UNIT:
        mine, its = (KINDS[kind](proof, (1 + level) / 2) for proof in (one, other))
        value = mine.value - its.value
        return Interval(value, mine.low - its.high, mine.high - its.low, float(np.hypot(mine.se, its.se)))
    return KINDS[kind](difference(one, other), level)


def difference(one: Proof, other: Proof) -> Proof:
    """Row by row, one less the other."""
    mine, its = one.evidence, other.evidence
    paired = Evidence(mine.term - its.term, mine.gain - its.gain, mine.surprise, mine.cluster)
    reach = one.largest + other.largest  # the terms of both move at once
    modelled = one.modelled or other.modelled
    return Proof(paired, one.weight, one.reward, reach, one.low, one.high, modelled)


def bounds(kind: str, reward: Floats, given: tuple[float, float] | None) -> tuple[float, float]:
    """Limits the rewards keep: as given, 0 and 1 where they are nothing else, else what was seen.

    Raises:
        InputError: the kind must know the limits and cannot.
    """
    low, high = float(reward.min()), float(reward.max())
    if given is not None:
        if not given[0] <= low <= high <= given[1]:
            raise InputError(
                f"reward limits are {given[0]:g},{given[1]:g}, but the log has rewards from {low:g} to "
                f"{high:g}; give limits that every reward keeps."
            )
        return given
    if kind in BOUNDED and not np.isin(reward, (0.0, 1.0)).all():
        raise InputError(
            f"interval {kind} must know between which limits every reward lies, and the log has others than "
            "0 and 1; give them with --limits LOW,HIGH, or take --interval gamma."
        )
    return (0.0, 1.0) if kind in BOUNDED else (low, high)


def check_kind(kind: str, estimators: tuple[str, ...], clustered: bool) -> None:
    """Raise `InputError` if there is no such interval, or it is none of these estimators or rows."""
    if kind not in KINDS:
        raise InputError(f"There is no interval '{kind}'.{nearest(kind, KINDS)}")
    fit = MADE_FOR.get(kind)
    if fit is not None and (odd := [name for name in estimators if name not in fit]):
        raise InputError(
            f"interval {kind} is not made for the estimator {odd[0]}; take --estimator {' or '.join(fit)}."
        )
    if clustered and kind in ONE_ROW_ONE_UNIT:
        raise InputError(
            f"interval {kind} counts every row as independent; leave --cluster out, or take --interval gamma."
        )
