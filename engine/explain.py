"""Why this action: one logged decision in plain words, computed again from what the log holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import compress
from typing import Any

import msgspec
import numpy as np

from engine import context
from engine.choose import Choices, Live, choose, prior_of, scorer
from engine.context import Encoding, Levels
from engine.domain import Action, Program
from engine.feasible import Funnel, funnel
from engine.once import once
from engine.predictions.staleness import aged
from engine.situation import Situation, columns

_FACTORS_AT_MOST = 3


class Rival(msgspec.Struct, frozen=True):
    """An action that was not taken: dropped at a stage by a rule, or feasible and worth `value`."""

    action: str
    feasible: bool
    stage: str
    rule: str
    value: float | None
    probability: float


class Factor(msgspec.Struct, frozen=True):
    """How much a fact moved the chosen action's lead.

    The lead with it, less the lead were it typical or unknown.
    """

    name: str
    value: Any
    effect: float


class Explanation(msgspec.Struct, frozen=True):
    """One decision explained. `factors` is empty for an action that was explored or not scored."""

    sentence: str
    reasons: list[str]
    factors: list[Factor]
    rivals: list[Rival]


def explain(live: Live, situation: Situation) -> Explanation:
    """Explain the decision a program makes in a situation."""
    situations = columns(live.program, [situation])
    choices = choose(live, situations)
    drawn = int(choices.drawn[0])
    factors = [] if choices.explored[0] else _factors(live, situation, choices)
    return Explanation(
        _sentence(live, situation, choices),
        [
            *reasons(live, choices, 0),
            *aged(live.program, situation.as_of, situation.at_us),
            *[_in_words(factor) for factor in factors],
        ],
        factors,
        [_rival(live, choices, j) for j in range(len(live.actions)) if j != drawn],
    )


def reasons(live: Live, choices: Choices, i: int) -> list[str]:
    """The short reasons of reply i.

    How many offers remained, what the drawn action is worth, how it was drawn.
    """
    mask, drawn = choices.feasible.mask[i], int(choices.drawn[i])
    left = len(set(compress(_offers(live.program), mask.tolist())) - {""})
    said = [f"{left} of {len(live.program.offers)} offers eligible"]
    if scorer(live) is not None:
        value = float(choices.value[i, drawn])
        best = value >= float(choices.value[i][mask].max())
        said.append(f"{'highest expected' if best else 'expected'} net value {_number(value)}")
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


def _sentence(live: Live, situation: Situation, choices: Choices) -> str:
    action = live.program.actions[int(choices.drawn[0])]
    if situation.arm == "holdout":
        return (
            f"{situation.customer} is in the holdout and gets nothing; {_said(action)} would have been sent."
        )
    if not choices.feasible.mask[0, 1:].any():
        return f"{situation.customer} gets nothing: every action is ruled out."
    served = {"policy": _served(live), "random": "the random arm", "bau": "today's rules"}[situation.arm]
    if not action.offer:
        return f"{situation.customer} gets nothing: no action was chosen by {served}."
    return f"{situation.customer} gets {_said(action)}, chosen by {served}."


def _served(live: Live) -> str:
    if live.fallback:
        return f"the {live.fallback}, as no snapshot of what was learnt is sound"
    return "what was learnt" if live.snapshot_version else "the predictions, as nothing is learnt yet"


def _said(action: Action) -> str:
    return (
        f"{action.offer} by {action.channel} {action.slot.replace('_', ' ')}" if action.offer else "nothing"
    )


def _rival(live: Live, choices: Choices, j: int) -> Rival:
    blame = int(choices.feasible.blame[0, j])
    reason = choices.feasible.reasons[blame - 1] if blame else None
    return Rival(
        live.program.actions[j].name,
        reason is None,
        reason.stage if reason else "",
        reason.text if reason else "",
        float(choices.value[0, j]) if reason is None else None,
        float(choices.pmf[0, j]),
    )


def _factors(live: Live, situation: Situation, choices: Choices) -> list[Factor]:
    """The facts that moved the lead over the runner-up most, each set to typical (or unknown) in turn."""
    runner_up = _runner_up(choices)
    judge = scorer(live)
    if runner_up is None or judge is None:
        return []
    situations = columns(live.program, [situation])
    X, prior = context.encode(live.encoding, situations), prior_of(live, situations)
    groups = feature_columns(live.encoding)
    without = np.repeat(X, len(groups) + 1, axis=0)
    for row, (_, members) in enumerate(groups, start=1):
        without[row, members] = 0.0
    scores = judge.scores(without, live.actions, np.repeat(prior, len(without), axis=0))
    lead = scores[:, int(choices.drawn[0])] - scores[:, runner_up]
    effect = lead[0] - lead[1:]
    order = np.argsort(-np.abs(effect), kind="stable")[:_FACTORS_AT_MOST]
    return [
        Factor(groups[j][0], situation.values.get(groups[j][0]), float(effect[j]))
        for j in order
        if effect[j] != 0.0
    ]


def _runner_up(choices: Choices) -> int | None:
    """The feasible action of the next highest value, None if only one is feasible."""
    drawn = int(choices.drawn[0])
    rivals = [j for j in np.flatnonzero(choices.feasible.mask[0]) if j != drawn]
    return int(max(rivals, key=lambda j: choices.value[0, j])) if rivals else None


def feature_columns(encoding: Encoding) -> list[tuple[str, Sequence[int]]]:
    """Each fact's name and the columns of X that hold it."""
    groups: list[tuple[str, Sequence[int]]] = []
    start = 0
    for feature in encoding.features:
        width = len(feature.levels) if isinstance(feature, Levels) else 2
        groups.append((feature.name, range(start, start + width)))
        start += width
    return [*groups, ("recent contacts", range(start, start + len(encoding.history)))]


def _in_words(factor: Factor) -> str:
    """`"history = 329 speaks for it (+0.012)"`."""
    side = "for" if factor.effect > 0 else "against"
    shown = "unknown" if factor.value is None else factor.value
    fact = factor.name if factor.name == "recent contacts" else f"{factor.name} = {shown}"
    return f"{fact} speaks {side} it ({factor.effect:+.2g} against the runner-up)"


def _number(value: float) -> str:
    return f"{value:.4g}"
