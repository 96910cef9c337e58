"""A program's customers by the scores they had before their assignment: does a score find whom to contact?"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from sqlalchemy import Connection

from engine.calendar import microseconds
from engine.errors import RefusedError
from engine.experiments.members import mean_before
from engine.experiments.stored import REWARD, TYPES, Panel
from engine.experiments.targeting import Targeting, targeting
from engine.store import flows


def ranked(
    connection: Connection,
    panel: Panel,
    units: pl.DataFrame,
    arms: Sequence[str],
    model: str | None,
    level: float,
) -> Targeting | None:
    """The uplift of contacts by lot (of the policy's where there are none) along a model's scores.

    Only scores dated before the assignment count: later ones know what the arm did. A household or account
    has the mean of the scores its members had then.

    Args:
        units: one row a customer, the net reward clamped.
        arms: from the bottom of the ladder up.

    Raises:
        RefusedError: too few customers had a score of that model when they were assigned.
    """
    if model is None:
        return None
    rows = flows.scores(connection, panel.program.name, model, microseconds(panel.at))
    schema = {name: TYPES[kind] for name, kind in flows.SCORES.items()}
    scores = pl.DataFrame(rows, schema=schema, orient="row")
    newest = mean_before(scores, panel) if panel.program.unit else scores.unique("customer", keep="last")
    control, arm = arms[0], "random" if "random" in arms[1:] else arms[-1]
    known = units.filter(pl.col("arm").is_in([control, arm])).join(newest, on="customer")
    found = (
        None
        if known.is_empty()
        else targeting(
            (model, REWARD, arm, control),
            known[REWARD].to_numpy(),
            known["score"].to_numpy(),
            (known["arm"] == arm).cast(pl.Int64).to_numpy(),
            level,
        )
    )
    if found is None:
        raise RefusedError(
            f"--score is '{model}': {known.height:,} customers of {arm} and {control} had a score of that "
            "model, dated before their assignment, which is too few to rank. Name a model whose scores came "
            "in before."
        )
    return found
