"""Null: nothing works. Messages are seen and clicked, cost money, and change nothing anybody buys."""

from __future__ import annotations

import numpy as np

from simulator.world import Choice, Customers, Law, Memory, State, World
from simulator.worlds.shoppers import SPEND, people


def laws(customers: Customers, state: State, day: int, choice: Choice) -> tuple[Law, ...]:
    """Purchases come unasked or not at all; clicks vary by offer, channel, slot and age, and mean nothing."""
    age, recency = customers.attributes["age"][:, None], customers.attributes["recency"][:, None]
    click = np.where(choice.offer == 0, 0.3, 0.1) * np.where((age < 40) == (choice.slot == 1), 1.5, 0.5)
    organic = 0.004 + 0.016 * np.exp(-recency / 6)
    reach = np.where(choice.channel == 1, 0.9, 0.6)
    return (
        Law("seen", "seen", np.where(choice.contact, reach, 0.0), delay=0.08),
        Law("click", "click", click, "seen", 0.1),
        Law("organic", "purchase", organic, delay=0.5, size=SPEND.mean, shape=SPEND),
    )


NULL = World(
    "null",
    "Nothing works: messages are seen and clicked, cost money, and change nothing anybody buys",
    ("winter_sale", "new_arrivals"),
    ("email", "sms"),
    ("now", "tonight"),
    Memory(fatigue=4.0, worn=14.0, sated=10.0),
    people,
    laws,
)
