"""A campaign that another system sent, as a file: a row a customer, with what was sent and what followed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from engine.domain import Program
from engine.errors import InputError, nearest
from engine.profiles import customer_table, profiles
from engine.tables import read_table, require, require_ids
from engine.warm import PastDecision
from policies.base import NO_ACTION


def read_campaign(
    program: Program,
    path: Path,
    at_us: int,
    customer: str,
    action: str,
    propensity: str,
    outcomes: Mapping[str, str],
    means: Mapping[str, str],
) -> list[PastDecision]:
    """The rows of a campaign's file.

    Args:
        customer, action: columns.
        propensity: a column, or a number that holds for every row.
        outcomes: kind -> column; a 0, false or missing one did not happen, else it is its value.
        means: value of the action column -> action of the program, where they are not the same.

    Raises:
        InputError: a column that is not there, or a value that means nothing; names the row.
    """
    frame = read_table(path)
    require_ids(frame, customer, path)
    require(frame, [action, *outcomes.values()], path)
    known = profiles(program, customer_table(program, frame, path, customer), at_us)
    names = _actions(program)
    actions = [_action(names, means, one, f"{path}, row {i}") for i, one in enumerate(frame[action], 1)]
    chances = _propensities(frame, propensity, path)
    happened = zip(*(_values(frame[column], path) for column in outcomes.values()), strict=True)
    told = [[(kind, one) for kind, one in zip(outcomes, row, strict=True) if one] for row in happened]
    followed: Sequence[list[tuple[str, float]]] = told or [[] for _ in known]
    return [PastDecision(*row) for row in zip(known, actions, chances, followed, strict=True)]


def _actions(program: Program) -> dict[str, str]:
    """What may stand for an action: its name, or that of its offer if the offer has one action only."""
    names = {action.name: action.name for action in program.actions}
    of = [action.offer for action in program.actions]
    single = {one.offer: one.name for one in program.actions if one.offer and of.count(one.offer) == 1}
    return {**single, **names, "": NO_ACTION}


def _action(names: Mapping[str, str], means: Mapping[str, str], given: object, where: str) -> str:
    text = "" if given is None else str(given)
    meant = means.get(text, text)
    if meant not in names:
        raise InputError(
            f"{where}: '{meant}' is no action of the program; say what it means with "
            f"--means '{text}=ACTION'.{nearest(meant, [one for one in names if one])}"
        )
    return names[meant]


def _propensities(frame: pl.DataFrame, given: str, path: Path) -> list[float]:
    if given in frame.columns:
        return list(_values(frame[given], path))
    try:
        share = float(given)
    except ValueError:
        require(frame, [given], path)
    return [share] * frame.height


def _values(column: pl.Series, path: Path) -> Iterator[float]:
    """Numbers; what is missing is 0."""
    for i, one in enumerate(column, 1):
        try:
            value = 0.0 if one is None else float(one)
        except (TypeError, ValueError):
            value = math.nan
        if not math.isfinite(value):
            raise InputError(f"{path}, row {i}: {column.name} == {one!r}, must be a number; correct it.")
        yield value
