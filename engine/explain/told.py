"""The parts of an explanation, as they are told."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.feasible import Funnel


class Rival(msgspec.Struct, frozen=True):
    """An action that was not taken: dropped at a stage by a rule, or feasible and worth `value`.

    `value` is net of the price of what is scarce, as the policy compares it; `behind` is by how much it is
    less than that of the action taken, negative where it is more.
    """

    action: str
    feasible: bool
    stage: str
    rule: str
    value: float | None
    behind: float | None
    probability: float


class Factor(msgspec.Struct, frozen=True):
    """What a fact adds to the score of the action taken, and to its lead over the runner-up.

    Measured against a customer of whom the fact is typical. `lead` is None without a runner-up.
    """

    name: str
    value: Any
    score: float
    lead: float | None


class Breakdown(msgspec.Struct, frozen=True):
    """The score of the action taken, as a sum: `base` and what every factor adds.

    `predicted` is what was expected before anything was learnt, and is the first of the factors.
    """

    value: float
    base: float
    predicted: float
    runner_up: str | None
    lead: float | None
    base_lead: float | None


class Move(msgspec.Struct, frozen=True):
    """A fact as it is and as it would be; `short_of` is a value on the way at which nothing changes yet."""

    name: str
    value: Any
    becomes: Any
    short_of: Any
    words: str


class Counterfactual(msgspec.Struct, frozen=True):
    """The smallest change found that makes another action the best, or several equally good ones."""

    actions: list[str]
    changes: list[Move]
    sentence: str


class Explanation(msgspec.Struct, frozen=True):
    """One decision explained.

    `score`, `factors` and `counterfactuals` are empty for an action that was explored or left to chance: no
    fact made it win. All but the first two are empty where nothing was decided.
    """

    sentence: str
    reasons: list[str]
    score: Breakdown | None = None
    factors: list[Factor] = []
    counterfactuals: list[Counterfactual] = []
    rivals: list[Rival] = []
    funnel: Funnel | None = None
