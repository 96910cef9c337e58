"""Whom a program reaches: how many customers each stage, rule and offer lets through."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from engine.domain import Program
from engine.feasible import Feasible, feasible
from engine.hurdles import ARBITRATION, STAGES
from engine.screen import Screen
from engine.situation import Situations
from policies.base import Mask

ASKED = tuple(stage for stage in STAGES if stage != ARBITRATION)  # the stages that look at the customer


@dataclass(slots=True)
class Reach:
    """Counts of customers; `add` takes in more of them.

    Attributes:
        stages: who has an action left after the stage and those before it.
        rules: who passes each rule, "offer sale: clv > 50", asked by itself.
        offers: who may get the offer, by some channel and slot.
        nothing: who is left with nothing.
    """

    customers: int = 0
    stages: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    offers: Counter[str] = field(default_factory=Counter)
    nothing: int = 0

    def add(self, program: Program, screen: Screen, situations: Situations) -> Feasible:
        """Take in n customers; what is feasible for them."""
        made = feasible(program, screen, situations)
        self.customers += len(situations)
        self.stages.update(_by_stage(made))
        self.offers.update(_by_offer(program, made))
        self.rules.update(_by_rule(screen, situations))
        self.nothing += int(without(made).sum())
        return made


def without(made: Feasible) -> Mask:
    """(n,) who is left with nothing."""
    return np.logical_not(made.mask[:, 1:].any(axis=1))


def _by_stage(made: Feasible) -> dict[str, int]:
    """An action is left after a stage if what drops it, if anything does, is of a later one."""
    place = {stage: i for i, stage in enumerate(ASKED)}
    dropped = np.array([len(ASKED), *(place[reason.stage] for reason in made.reasons)])[made.blame]
    furthest = dropped[:, 1:].max(axis=1, initial=-1)
    return {stage: int((furthest > i).sum()) for stage, i in place.items()}


def _by_offer(program: Program, made: Feasible) -> dict[str, int]:
    columns: dict[str, list[int]] = {one.name: [] for one in program.offers}
    for j, action in enumerate(program.actions):
        if action.offer:
            columns[action.offer].append(j)
    return {name: int(made.mask[:, own].any(axis=1).sum()) for name, own in columns.items()}


def _by_rule(screen: Screen, situations: Situations) -> dict[str, int]:
    if not screen.rules:
        return {}
    held = screen.passes(situations.values, len(situations)).sum(axis=0)
    return {f"{rule.owner}: {rule.text}": int(n) for rule, n in zip(screen.rules, held, strict=True)}
