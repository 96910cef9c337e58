"""The short reasons of a decision, as a reply gives them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from engine.choose import Choices, Live, scorer
from engine.domain import Program
from engine.feasible import Funnel, funnel
from engine.live import WHY_FALLEN
from engine.once import latest, once
from policies.base import Floats, Ints, Mask
from policies.kernel import kernel


def reasons(live: Live, choices: Choices, i: int) -> list[str]:
    """The short reasons of reply i.

    How many offers remained, and what the last fell to if none did; what the drawn action is worth, how it
    was drawn.
    """
    figures = _figures(live.program, choices)
    said = [f"{figures.left[i]} of {len(live.program.offers)} offers eligible"]
    if not figures.left[i]:
        last = choices.feasible.reasons[int(choices.feasible.blame[i].max()) - 1]
        said.append(f"the last fell to {last.stage}: {last.text}")
    if scorer(live) is not None:
        price = f", less {figures.spent[i]:.4g} for what is scarce" if figures.spent[i] else ""
        how = "highest expected" if figures.best[i] else "expected"
        said.append(f"{how} net value {figures.value[i]:.4g}{price}")
    explored = " (explored)" if figures.explored[i] else ""
    said.append(f"chosen with probability {figures.probability[i]:.3g}{explored}")
    if live.fallback:
        said.append(f"fallback: {WHY_FALLEN[live.fallback]}")
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
    worth = choices.value if choices.charge is None else choices.value - choices.charge
    left, found = np.empty(len(worth), dtype=np.int64), np.empty((4, len(worth)))
    mask, pmf = np.ascontiguousarray(choices.feasible.mask), np.ascontiguousarray(choices.pmf)
    each = np.ascontiguousarray(choices.value), np.ascontiguousarray(worth)
    _survey(mask, *each, pmf, choices.drawn, _offers(program), left, found)
    value, net, most, probability = found.tolist()
    return _Figures(
        left.tolist(),
        value,
        [one - other for one, other in zip(value, net, strict=True)],
        [one >= other for one, other in zip(net, most, strict=True)],
        probability,
        choices.explored.tolist(),
    )


@kernel("void(b1[:,::1], f8[:,::1], f8[:,::1], f8[:,::1], i8[::1], i8[::1], i8[::1], f8[:,::1])", writes=2)
def _survey(
    mask: Mask, value: Floats, worth: Floats, pmf: Floats, drawn: Ints, first: Ints, left: Ints, found: Floats
) -> None:
    """How many offers, whose actions start at `first`, each row has left, and four numbers of it.

    The value and the worth of the drawn action, the most that a feasible one is worth, and its probability.
    """
    n, k = mask.shape
    for i in range(n):
        most, left[i] = -np.inf, 0
        for j in range(k):
            most = max(most, worth[i, j] if mask[i, j] else -np.inf)
        for offer in range(len(first)):
            end, some = first[offer + 1] if offer + 1 < len(first) else k, 0
            for j in range(first[offer], end):
                some += mask[i, j]
            left[i] += some > 0
        found[0, i], found[1, i] = value[i, drawn[i]], worth[i, drawn[i]]
        found[2, i], found[3, i] = most, pmf[i, drawn[i]]


def funnel_of(choices: Choices, i: int) -> Funnel:
    """How many actions each stage and each rule dropped for reply i."""
    made, row = choices.feasible, slice(i, i + 1)
    return funnel(replace(made, mask=made.mask[row], blame=made.blame[row], send_us=made.send_us[row]))


@once
def _offers(program: Program) -> Ints:
    """Where the actions of each offer start; they stand side by side."""
    names = [action.offer for action in program.actions]
    return np.array([i for i, name in enumerate(names) if name and name != names[i - 1]], dtype=np.int64)
