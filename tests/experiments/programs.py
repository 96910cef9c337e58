"""A program in a store whose customers did exactly what a test says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from engine.applied import apply_text
from engine.calendar import microseconds
from engine.program import loads
from engine.store import Store, open_store
from engine.store.assignments import put_assignments
from engine.store.decisions import append_decisions
from engine.store.outcomes import append_outcomes
from tests.store.made import assignment, decision, outcome

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
DAY = timedelta(days=1)
TEXT = """
program: spring
title: Spring at the shop
attributes:
  country: {type: text, levels: ["NO", SE]}
offers:
  sale: {cost: 0.2}
channels:
  email: {cost: 0.05, consent: marketing}
slots: {now: {}}
goal:
  outcomes: {purchase: {share: 0.5}, visit: 1, unsubscribe: -2}
  window: 2 days
arms: {policy: 0.5, random: 0.1, bau: 0.2, holdout: 0.2}
policy: {kind: uniform}
bau: {kind: priority}
"""


@dataclass(frozen=True, slots=True)
class Person:
    """A customer: arm, day of assignment, days of contact, and (day, kind, value) of outcomes."""

    arm: str
    start: int = 0
    contacts: Sequence[int] = ()
    outcomes: Sequence[tuple[float, str, float]] = ()
    logged: str = ""  # the arm in the decision log, where it is another


def shop(path: Path, people: Sequence[Person], text: str = TEXT) -> Store:
    """A store in which the program was applied and these people, c0 c1 .., lived."""
    store = open_store(path)
    decisions, outcomes = [], []
    for i, one in enumerate(people):
        for day in sorted({one.start, *one.contacts}):
            at_us, sent = microseconds(START + day * DAY), day in one.contacts
            decisions.append(
                decision(
                    len(decisions) + 1,
                    customer=f"c{i}",
                    at_us=at_us,
                    send_at_us=at_us if sent else None,
                    arm=one.logged or one.arm,
                    action=int(sent),
                    contact=sent,
                )
            )
        for day, kind, value in one.outcomes:
            at_us = microseconds(START + day * DAY)
            outcomes.append(
                outcome(f"e{len(outcomes)}", customer=f"c{i}", kind=kind, value=value, at_us=at_us)
            )
    with store.write() as connection:
        apply_text(connection, loads(text.encode(), "spring.yaml"), text.encode(), START)
        arms = [
            assignment(f"c{i}", arm=one.arm, assigned_us=microseconds(START + one.start * DAY))
            for i, one in enumerate(people)
        ]
        put_assignments(connection, arms)
        append_decisions(connection, decisions)
        append_outcomes(connection, outcomes)
    return store


def crowd(n: int, gain: float, seed: int = 1, days: int = 28, before: bool = False) -> list[Person]:
    """n people in the promised arms; the policy's buy for `gain` more on average than the others do."""
    chance = np.random.default_rng(seed)
    arms = chance.choice(["policy", "random", "bau", "holdout"], n, p=[0.5, 0.1, 0.2, 0.2])
    people = []
    for arm in arms:
        loyal = chance.exponential(10.0)
        bought = [(float(chance.uniform(0.1, days)), "purchase", loyal + chance.exponential(5.0))]
        if arm == "policy":
            bought.append((float(chance.uniform(0.1, days)), "purchase", 2 * gain))
        if before:
            bought.append((-float(chance.uniform(0.1, 20)), "purchase", loyal))
        if chance.random() < 0.2:
            bought.append((1.5, "visit", 0.0))
        if arm != "holdout" and chance.random() < 0.001:
            bought.append((2.5, "unsubscribe", 0.0))
        people.append(Person(str(arm), 0, () if arm == "holdout" else (0, 7), tuple(bought)))
    return people
