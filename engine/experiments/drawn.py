"""Decisions of a program as rows: what was drawn, with which probability, and what followed from it.

For experiments whose unit is the decision rather than the customer. A decision's reward is what the goal, as
it is now, makes of the outcomes that belong to it, less what its action cost under the version that sent it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from sqlalchemy import Connection

from engine.applied import stored_program
from engine.arbitrate import cost
from engine.calendar import MICROSECOND, microseconds
from engine.domain import Program
from engine.errors import RefusedError
from engine.experiments.stored import REWARD, frame, worth
from engine.store import chosen
from policies.base import Mask


@dataclass(frozen=True, slots=True)
class Drawn:
    """The decisions of some arms that had matured by a moment.

    Attributes:
        program: its current version.
        versions: those the decisions were made under.
        rows: decision, customer, at_us, version, arm, action, propensity, feasible; offer, channel and slot,
            "" where nothing was sent; and the net reward.
    """

    program: Program
    versions: Mapping[int, Program]
    rows: pl.DataFrame


def drawn(connection: Connection, name: str, arms: Collection[str], at: datetime) -> Drawn:
    """The decisions of those arms old enough at `at` for every outcome to be there; none by a fallback.

    Raises:
        NotFoundError: the store has no such program.
    """
    program = stored_program(connection, name)
    window_us = program.goal.window // MICROSECOND
    before_us = microseconds(at) - window_us
    rows = frame(chosen.chosen(connection, name, arms, before_us), chosen.CHOSEN)
    followed = frame(chosen.followed(connection, name, arms, before_us, window_us), chosen.FOLLOWED)
    versions = {number: stored_program(connection, name, number) for number in sorted(set(rows["version"]))}
    earned = worth(program, followed).group_by("decision").agg(pl.col("worth").sum())
    told = rows.join(_actions(versions), on=["version", "action"], how="left", maintain_order="left")
    told = told.join(earned, on="decision", how="left", maintain_order="left")
    reward = (pl.col("worth").fill_null(0.0) - pl.col("cost")).alias(REWARD)
    return Drawn(program, versions, told.with_columns(reward).drop("worth", "cost"))


def _actions(versions: Mapping[int, Program]) -> pl.DataFrame:
    """What each action of each version is made of, and what it costs."""
    listed = [
        (number, j, one.offer, one.channel, one.slot, spent)
        for number, program in versions.items()
        for j, (one, spent) in enumerate(zip(program.actions, cost(program).tolist(), strict=True))
    ]
    schema = {
        "version": pl.Int64,
        "action": pl.Int64,
        "offer": pl.String,
        "channel": pl.String,
        "slot": pl.String,
        "cost": pl.Float64,
    }
    return pl.DataFrame(listed, schema=schema, orient="row")


def feasible(rows: pl.DataFrame, program: Program) -> Mask:
    """(n, k) which actions could be chosen, of decisions made under one version.

    Raises:
        RefusedError: a logged action or feasible set is none of the version.
    """
    width = -(-len(program.actions) // 8)
    odd = rows.filter((pl.col("feasible").bin.size() != width) | (pl.col("action") >= len(program.actions)))
    if odd.height:
        raise RefusedError(
            f"program '{program.name}': {odd.height:,} decisions do not fit the {len(program.actions)} "
            f"actions of version {program.version}, under which they were logged; the log was damaged, or "
            "written by something else. nextbest replay says what is wrong with each."
        )
    packed = np.frombuffer(b"".join(rows["feasible"]), dtype=np.uint8).reshape(len(rows), width)
    return np.unpackbits(packed, axis=1, count=len(program.actions)).astype(np.bool_)
