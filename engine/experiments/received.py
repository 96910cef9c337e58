"""What contacts did to those whom they reached: the ladder counts everybody in an arm, reached or not.

The lot decides who may be contacted, not who is reached. Dividing what an arm earned over the holdout by the
share of its customers who were reached gives the effect on these (`engine.experiments.encouragement`). It
rests on a contact that reached nobody having done nothing. No other arm can be compared so: both of them
reach customers, with different contacts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from engine.experiments.encouragement import Delivered, effects
from engine.experiments.results import clamping
from engine.experiments.stored import MARGIN, RECEIPTS, received_as
from engine.experiments.verdict import number
from engine.experiments.welch import Interval

CONTROL = "holdout"


@dataclass(frozen=True, slots=True)
class Received:
    """The effect of contacts on those they reached.

    Attributes:
        kind: of the outcome that tells of it: `delivered` or `seen`.
        arm: whose customers; compared with the holdout.
        customers: in the arm.
        found: the share that was reached in the holdout and the arm, and the effect on margin, before the
            cost of contacts and offers, per customer reached.
        sentence: the same in words.
    """

    kind: str
    arm: str
    customers: int
    found: Delivered
    sentence: str


def received(
    units: pl.DataFrame, arms: Sequence[str], level: float, clamp: float, per: str = "customer"
) -> tuple[Received, ...]:
    """Every arm above the holdout, by each kind of outcome that tells of delivery; () without a holdout.

    Args:
        units: one row a customer, as in `engine.experiments.stored.Panel`.
        arms: that are compared.
        clamp: quantile beyond which margin does not count.
        per: what a row is called.
    """
    kinds = [kind for kind in RECEIPTS if received_as(kind) in units.columns]
    if CONTROL not in arms or not kinds:
        return ()
    limits = clamping(units[MARGIN], clamp)
    counted = units if limits is None else units.with_columns(pl.col(MARGIN).clip(*limits))
    size = dict(units.group_by("arm").len().iter_rows())
    made = []
    for kind in kinds:
        reached = counted.with_columns((pl.col(received_as(kind)) > 0).cast(pl.Float64))
        for one in effects(reached, "arm", CONTROL, received_as(kind), [MARGIN], None, level, arms):
            made.append(Received(kind, one.arm, size[one.arm], one, _sentence(one, kind, level, per)))
    return tuple(made)


def _sentence(one: Delivered, kind: str, level: float, per: str) -> str:
    shares = f"{one.share[1]:.1%} of {one.arm} and {one.share[0]:.1%} of {CONTROL} {_told(kind)}"
    if one.effect is None:
        return (
            f"{shares}: too little of a difference to divide by (F = {one.strength:.1f}, must be 10 or more)."
        )
    if one.effect.low is None or one.effect.high is None:
        return f"{shares}. The effect on them is unbounded: the lot moves delivery too little."
    scale = Interval(one.effect.value, one.effect.low, one.effect.high)
    more = "more" if scale.value >= 0 else "less"
    span = f"{number(scale.low, scale)} to {number(scale.high, scale)}"
    return (
        f"{shares}. {number(abs(scale.value), scale)} {more} margin per {per} whom it reached "
        f"({100 * level:g} % interval {span})."
    )


def _told(kind: str) -> str:
    return "had a contact delivered" if kind == "delivered" else "saw a contact"
