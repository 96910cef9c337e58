"""What offers and channels do, each by itself and together: read from a program's arm `random`.

That arm draws every feasible action with a logged probability, so it is a factorial experiment that goes on
all the time. Compared are decisions in which every combination could have been drawn, each weighed by one
over the probability of the combination it got: not everybody may be sent everything, and who may not must
not be taken for an effect. A customer's decisions are taken together.

Source: Horvitz and Thompson (1952), JASA 47; Dasgupta, Pillai and Rubin (2015) for the contrasts, as in
    `engine.experiments.factorial`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import polars as pl
from sqlalchemy import Connection

from engine.domain import Program
from engine.errors import InputError, RefusedError, nearest
from engine.experiments import srm
from engine.experiments.drawn import Drawn, drawn, feasible
from engine.experiments.factorial import Factorial, Grid, contrasts, grid
from engine.experiments.results import clamping
from engine.experiments.stored import REWARD
from engine.experiments.trust import LIMIT, Check
from policies.base import Floats, Ints

ARM = "random"
FACTORS = ("offer", "channel", "slot")
FEWEST = 30  # customers of each combination
SAME = 1e-9  # a probability may miss 1 by this much
WHOLE = f"{REWARD}, unclamped"


def factors(
    connection: Connection,
    name: str,
    at: datetime,
    wanted: Sequence[str],
    references: Sequence[str] = (),
    level: float = 0.95,
    clamp: float = 0.999,
) -> Factorial:
    """Main effects and interactions on the net reward of a decision, from a program's store.

    Args:
        at: decisions whose outcomes were all there by then are counted.
        wanted: two or three of `FACTORS`; `offer=sale|gift` names the levels that are compared.
        references: the level of each that others are compared with; the first of the program if not given.
        clamp: quantile beyond which a reward does not count; the unclamped effects stand beside.

    Raises:
        InputError: no such factor or level.
        NotFoundError: no such program.
        RefusedError: no arm `random`, or a combination that too few customers could or did get.
    """
    return read(drawn(connection, name, [ARM], at), wanted, references, level, clamp)


def read(
    found: Drawn,
    wanted: Sequence[str],
    references: Sequence[str] = (),
    level: float = 0.95,
    clamp: float = 0.999,
) -> Factorial:
    """As `factors`, from the decisions of the arm `random`."""
    called = f"program '{found.program.name}'"
    picked = dict(_picked(one) for one in wanted)
    if len(picked) < 2:
        raise InputError("--factors needs two or three of offer, channel and slot, such as offer,channel.")
    if found.rows.is_empty():
        days = found.program.goal.window.total_seconds() / 86_400
        raise RefusedError(
            f"{called} has no decision of the arm '{ARM}' from {days:g} days ago or earlier: only there "
            "offers and channels are drawn by lot. Give it a share, arms: {policy: 0.8, random: 0.1, "
            "holdout: 0.1}, and wait for the goal's window."
        )
    whole = grid(list(picked), [_levels(found.program, *one) for one in picked.items()], references, called)
    options, cell = _placed(found, whole)
    open_to = np.flatnonzero((options > 0).all(axis=1))
    kept = open_to[cell[open_to] >= 0]
    rows = found.rows[kept.tolist()]
    _supported(called, whole, options, cell[kept], rows["customer"])
    reward, groups = rows[REWARD], rows["customer"].rank("dense").to_numpy().astype(np.int64) - 1
    limits = clamping(reward, clamp)
    values = {REWARD: reward.to_numpy()}
    if limits is not None:
        values = {REWARD: reward.clip(*limits).to_numpy(), WHOLE: reward.to_numpy()}
    propensity = found.rows["propensity"].to_numpy()
    chance = propensity[kept] * options[kept, cell[kept]]
    told = contrasts(values, cell[kept], whole, level, called, groups, 1 / chance)
    count = np.bincount(cell[kept], minlength=len(whole.cells)).tolist()
    checks = (
        _draws(whole, options, cell, propensity),
        _support(len(cell), len(open_to), len(kept)),
    )
    return Factorial(called, level, dict(zip(whole.names(), count, strict=True)), checks, told)


def _picked(text: str) -> tuple[str, tuple[str, ...]]:
    """`offer=sale|gift` -> the factor and its levels, () for all."""
    factor, _, levels = text.partition("=")
    if factor.strip() not in FACTORS:
        raise InputError(
            f"--factors has '{factor.strip()}', must be offer, channel or slot in a program."
            f"{nearest(factor.strip(), FACTORS)}"
        )
    return factor.strip(), tuple(one.strip() for one in levels.split("|") if one.strip())


def _levels(program: Program, factor: str, picked: Sequence[str]) -> list[str]:
    """The levels of a factor in the program's order."""
    every = [one.name for one in getattr(program, f"{factor}s")]
    for one in picked:
        if one not in every:
            raise InputError(f"program '{program.name}' has no {factor} '{one}'.{nearest(one, every)}")
    return list(picked) or every


def _placed(found: Drawn, whole: Grid) -> tuple[Ints, Ints]:
    """(n, k) how many feasible actions of each decision are in each cell; (n,) the one drawn, -1 for none."""
    n, k = found.rows.height, len(whole.cells)
    options, cell = np.zeros((n, k), dtype=np.int64), np.full(n, -1, dtype=np.int64)
    version, action = found.rows["version"].to_numpy(), found.rows["action"].to_numpy()
    for number, program in found.versions.items():
        own = np.flatnonzero(version == number)
        place = np.array([_cell(whole, program, j) for j in range(len(program.actions))])
        inside = np.eye(k + 1, dtype=np.int64)[place, :k]
        options[own] = feasible(found.rows[own.tolist()], program) @ inside
        cell[own] = place[action[own]]
    return options, cell


def _cell(whole: Grid, program: Program, action: int) -> int:
    """The cell of an action; -1 if it is in none."""
    at = 0
    for factor, levels in zip(whole.factors, whole.levels, strict=True):
        level = getattr(program.actions[action], factor)
        if level not in levels:
            return -1
        at = at * len(levels) + levels.index(level)
    return at


def _supported(called: str, whole: Grid, options: Ints, cell: Ints, customer: pl.Series) -> None:
    """Refuse where a combination was never open beside the others, or hardly ever drawn."""
    remedy = (
        "Leave a factor out, or name the levels that are compared: "
        f"--factors {whole.factors[0]}={'|'.join(whole.levels[0][:2])},{','.join(whole.factors[1:])}."
    )
    if not len(cell):
        share = (options > 0).mean(axis=0)
        rare = int(share.argmin())
        raise RefusedError(
            f"{called}: no decision of the arm '{ARM}' could have drawn every combination; "
            f"{whole.names()[rare]} was open in {share[rare]:.1%} of them. {remedy}"
        )
    seen = (
        pl.DataFrame({"cell": cell, "customer": customer}).group_by("cell").agg(pl.col("customer").n_unique())
    )
    count = dict(seen.iter_rows())
    for i, name in enumerate(whole.names()):
        if count.get(i, 0) < FEWEST:
            raise RefusedError(
                f"{called}: the combination {name} was drawn for {count.get(i, 0)} customers for whom every "
                f"combination was open, and each needs {FEWEST}. {remedy}"
            )


def _draws(whole: Grid, options: Ints, cell: Ints, propensity: Floats) -> Check:
    """Were combinations drawn as often as the log says? All feasible actions are equally likely here."""
    title, n = "Drawn as logged?", len(cell)
    pmf = options * propensity[:, None]
    rest = 1 - pmf.sum(axis=1)
    if (rest < -SAME).any():
        sentence = (
            f"In {int((rest < -SAME).sum()):,} of {n:,} decisions the logged propensity is too high for the "
            "actions there were. The log was changed, or written by something else."
        )
        return Check("draws", title, False, sentence, count=int((rest < -SAME).sum()))
    outside = len(whole.cells)
    every = np.column_stack([pmf, np.maximum(rest, 0.0)])
    p, worst = srm.draws_p(np.where(cell < 0, outside, cell), every)
    if p >= LIMIT:
        sentence = f"{n:,} decisions by lot: every combination as often as logged (p = {p:.2g})."
        return Check("draws", title, True, sentence, p=p)
    name = [*whole.names(), "anything else"][worst]
    sentence = (
        f"'{name}' was not drawn as often as the logged propensities say (p = {p:.2g}). Decisions were lost, "
        "or the propensities are not those that were drawn with."
    )
    return Check("draws", title, False, sentence, p=p)


def _support(decisions: int, open_to: int, compared: int) -> Check:
    sentence = (
        f"In {open_to:,} of {decisions:,} decisions by lot every combination was open; the {compared:,} of "
        "them that drew one are compared. Who may be sent less is left out."
    )
    return Check("support", "Every combination open?", True, sentence)
