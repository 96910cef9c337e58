"""The short reasons of a decision, as a reply gives them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from engine.choose import Choices, Live, scorer
from engine.domain import Program
from engine.feasible import Funnel, funnel
from engine.once import latest, once
from policies.base import Ints


def reasons(live: Live, choices: Choices, i: int) -> list[str]:
    """The short reasons of reply i.

    How many offers remained, what the drawn action is worth, how it was drawn.
    """
    figures = _figures(live.program, choices)
    said = [f"{figures.left[i]} of {len(live.program.offers)} offers eligible"]
    if scorer(live) is not None:
        price = f", less {figures.spent[i]:.4g} for what is scarce" if figures.spent[i] else ""
        how = "highest expected" if figures.best[i] else "expected"
        said.append(f"{how} net value {figures.value[i]:.4g}{price}")
    explored = " (explored)" if figures.explored[i] else ""
    said.append(f"chosen with probability {figures.probability[i]:.3g}{explored}")
    return said


@dataclass(frozen=True, slots=True)
class _Figures:
    """Of each of n choices: offers left, value of the drawn action, what it spends, whether it is the best,
    its chance."""

    left: list[int]
    value: list[float]
    spent: list[float]
    best: list[bool]
    probability: list[float]
    explored: list[bool]


@latest
def _figures(program: Program, choices: Choices) -> _Figures:
    """Worked out for a whole group at once: it costs no more than for one."""
    row, drawn = np.arange(len(choices.drawn)), choices.drawn
    worth = choices.value if choices.charge is None else choices.value - choices.charge
    best = np.where(choices.feasible.mask, worth, -np.inf).max(axis=1)
    value, net = choices.value[row, drawn], worth[row, drawn]
    offers, mask = _offers(program), choices.feasible.mask
    left = np.logical_or.reduceat(mask, offers, axis=1) if len(offers) else mask[:, :0]
    return _Figures(
        left.sum(axis=1).tolist(),
        value.tolist(),
        (value - net).tolist(),
        (net >= best).tolist(),
        choices.pmf[row, drawn].tolist(),
        choices.explored.tolist(),
    )


def funnel_of(choices: Choices, i: int) -> Funnel:
    """How many actions each stage and each rule dropped for reply i."""
    made, row = choices.feasible, slice(i, i + 1)
    return funnel(replace(made, mask=made.mask[row], blame=made.blame[row], send_us=made.send_us[row]))


@once
def _offers(program: Program) -> Ints:
    """Where the actions of each offer start; they stand side by side."""
    names = [action.offer for action in program.actions]
    return np.array([i for i, name in enumerate(names) if name and name != names[i - 1]], dtype=np.int64)
