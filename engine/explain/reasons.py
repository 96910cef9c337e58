"""The short reasons of a decision, as a reply gives them."""

from __future__ import annotations

from dataclasses import replace
from itertools import compress

from engine.choose import Choices, Live, scorer
from engine.domain import Program
from engine.feasible import Funnel, funnel
from engine.once import once


def reasons(live: Live, choices: Choices, i: int) -> list[str]:
    """The short reasons of reply i.

    How many offers remained, what the drawn action is worth, how it was drawn.
    """
    mask, drawn = choices.feasible.mask[i], int(choices.drawn[i])
    left = len(set(compress(_offers(live.program), mask.tolist())) - {""})
    said = [f"{left} of {len(live.program.offers)} offers eligible"]
    if scorer(live) is not None:
        worth = choices.value[i] if choices.charge is None else choices.value[i] - choices.charge[i]
        best = worth[drawn] >= worth[mask].max()
        spent = float(choices.value[i, drawn] - worth[drawn])
        price = f", less {spent:.4g} for what is scarce" if spent else ""
        value = float(choices.value[i, drawn])
        said.append(f"{'highest expected' if best else 'expected'} net value {value:.4g}{price}")
    said.append(
        f"chosen with probability {choices.pmf[i, drawn]:.3g}{' (explored)' if choices.explored[i] else ''}"
    )
    return said


def funnel_of(choices: Choices, i: int) -> Funnel:
    """How many actions each stage and each rule dropped for reply i."""
    made, row = choices.feasible, slice(i, i + 1)
    return funnel(replace(made, mask=made.mask[row], blame=made.blame[row], send_us=made.send_us[row]))


@once
def _offers(program: Program) -> tuple[str, ...]:
    """The offer of each action, "" for no_action."""
    return tuple(action.offer for action in program.actions)
