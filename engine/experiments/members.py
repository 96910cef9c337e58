"""What is known of people, told of the household or account they belong to, which has one arm.

A household is what its first member was: the one to whom the arm was given first. Who joined later came after
the arm, and may be its effect. Households whose members differ are counted, and must be few.
"""

from __future__ import annotations

import polars as pl

from engine.errors import RefusedError
from engine.experiments.stored import Panel

MIXED = 0.05  # of households may have members who differ before an attribute is refused
WHAT = "what is known"


def by_unit(known: pl.DataFrame, panel: Panel, attribute: str) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """What each household was when it came, and a note if some have members who differ.

    Args:
        known: customer and `WHAT`, of the people of whom it is known.

    Raises:
        RefusedError: more than `MIXED` of the households have members who differ.
    """
    told = (
        known.join(panel.people, left_on="customer", right_on="person")
        .sort("assigned_us", "customer")
        .group_by("unit", maintain_order=True)
        .agg(pl.col(WHAT).first(), (pl.col(WHAT).n_unique() > 1).alias("differ"))
    )
    found = told.select(pl.col("unit").alias("customer"), WHAT)
    n, noun = int(told["differ"].sum()), panel.program.unit
    if not n:
        return found, ()
    words = f"{n:,} of {told.height:,} units by {noun} have members who differ in '{attribute}'"
    if n > MIXED * told.height:
        raise RefusedError(
            f"--segment is '{attribute}': {words}, {n / told.height:.1%}, and at most {MIXED:.0%} may: "
            f"there is no saying what such a {noun} is. Name an attribute that all of a {noun} share."
        )
    return found, (f"{words}: each counts as the member who came first.",)


def mean_before(scores: pl.DataFrame, panel: Panel) -> pl.DataFrame:
    """The mean of the newest scores that the members of each household had when its arm was given.

    Args:
        scores: customer, score and dated_us, the newest last.
    """
    began = panel.people.group_by("unit").agg(pl.col("assigned_us").min())
    return (
        scores.join(panel.people.drop("assigned_us"), left_on="customer", right_on="person")
        .join(began, on="unit", maintain_order="left")
        .filter(pl.col("dated_us") <= pl.col("assigned_us"))
        .unique("customer", keep="last", maintain_order=True)
        .group_by("unit", maintain_order=True)
        .agg(pl.col("score").mean())
        .rename({"unit": "customer"})
    )
