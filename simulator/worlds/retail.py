"""Retail: four offers by e-mail and SMS, in the morning or in the evening, to shoppers of three hidden types.

Nothing here is linear, and nothing is of a form a policy of nextbest fits: types are a hidden mixture, taste
meets thresholds of age and tenure, attention saturates, and offer, channel, slot and customer interact.
"""

from __future__ import annotations

import numpy as np

from policies.base import Floats
from simulator.world import Choice, Customers, Law, Memory, State, World
from simulator.worlds.parts import hill, one
from simulator.worlds.shoppers import BRAND, QUIET, SPEND, people

OFFERS = ("winter_sale", "new_arrivals", "free_delivery", "loyalty_gift")
CHANNELS = ("email", "sms")
SLOTS = ("now", "tonight")

_START = np.array([0.0, 10 / 24])  # days from a morning's decision to the slot
_TASTE = np.array([[0.9, 0.25, 0.7, 0.3], [0.3, 1.0, 0.3, 0.65], [0.0, 0.0, 0.05, 0.15]])  # type x offer
_DISCOUNT = np.array([1.0, 0.0, 0.4, 0.1])  # how much of the offer is price
# offer x channel: pictures need room, urgency does not
_FIT = np.array([[0.8, 1.1], [1.05, 0.4], [0.8, 0.9], [1.0, 0.55]])
_BASKET = np.array([0.8, 1.15, 0.85, 1.0, 1.0])  # value of a purchase by offer; the last is no_action


def laws(customers: Customers, state: State, day: int, choice: Choice) -> tuple[Law, ...]:
    """How retail customers come to see, click, buy and unsubscribe."""
    seen = _seen(customers, state, choice)
    start = np.where(choice.contact, _START[choice.slot], 0.0)
    basket = SPEND.mean * (0.65 + 0.7 * _spender(customers))
    paid = basket * _BASKET[choice.offer]
    ready = _ready(customers, state, day)
    induced = 0.28 * ready**0.7 * (0.35 + 0.65 * hill(_pull(customers, choice), 0.5))
    organic = _organic(customers, seen, ready)
    unasked = _unasked(seen, choice, basket)
    return (
        Law("seen", "seen", seen, delay=0.08, start=start),
        Law("click", "click", _click(customers, state, choice), "seen", 0.1, start),
        Law("purchase", "purchase", induced, "click", 1.1, start, paid, SPEND),
        Law("organic", "purchase", organic, delay=0.5, size=unasked, shape=SPEND),
        Law("unsubscribe", "unsubscribe", _annoyed(customers, state, choice), "seen", 0.15, start),
    )


def _seen(customers: Customers, state: State, choice: Choice) -> Floats:
    """(n, k) chance to notice the contact: channel by age, slot by the customer's hours, fatigue."""
    age, evening = one(customers.attributes["age"]), one(customers.latent["evening"])
    reach = np.where(choice.channel == 1, np.where(age < 60, 0.92, 0.55), np.where(age < 25, 0.45, 0.7))
    awake = np.where(choice.slot == 1, evening, 1 - evening)
    attention = 0.25 + 0.75 * awake**2 / (awake**2 + 0.2) * 1.2
    seen: Floats = reach * attention * np.exp(-0.25 * one(state.fatigue))
    return np.where(choice.contact & ~one(state.left), seen, 0.0)


def _click(customers: Customers, state: State, choice: Choice) -> Floats:
    """(n, k) chance to click once seen; an offer shown again and again wears out."""
    rows = np.arange(len(customers))[:, None]
    fresh = np.exp(-0.35 * state.worn[rows, choice.offer])
    urgent = 1 + 0.3 * ((choice.offer == 0) & (choice.channel == 1) & (choice.slot == 1))
    pull = _pull(customers, choice) * _FIT[choice.offer, choice.channel] * urgent
    return np.minimum(0.75 * hill(pull, 0.8), 0.95) * fresh


def _pull(customers: Customers, choice: Choice) -> Floats:
    """(n, k) how much the customer is drawn to the offer, 0 or more."""
    rows = np.arange(len(customers))[:, None]
    seen, kind = customers.attributes, customers.latent["type"].astype(np.int64)[:, None]
    pull = _TASTE[kind, choice.offer] + 0.2 * customers.latent["taste"][rows, choice.offer]
    pull += _DISCOUNT[choice.offer] * (one(customers.latent["price"]) - 0.5)
    pull += 0.35 * ((choice.offer == 1) & (one(seen["age"]) < 35))
    pull += 0.35 * ((choice.offer == 2) & (one(seen["area"]) == "Rural"))
    pull += 0.45 * ((choice.offer == 3) & (one(seen["tenure_days"]) > 1000))
    return np.maximum(pull, 0.0)


def _ready(customers: Customers, state: State, day: int) -> Floats:
    """(n, 1) readiness to buy at all, in (0, 1.4): by recency, weekday and payday; a purchase sates."""
    recency = one(customers.attributes["recency"])
    season = (1.2 if day % 7 in (4, 5) else 1.0) * (1.15 if day % 30 < 4 else 0.97)
    return season * (0.08 + 0.92 * np.exp(-(recency - 1) / 6)) * np.exp(-0.8 * one(state.sated))


def _organic(customers: Customers, seen: Floats, ready: Floats) -> Floats:
    """(n, k) chance to buy unasked today; a quiet customer who sees a message would rather not."""
    put_off = np.where(one(customers.latent["type"]) == QUIET, 0.7, 0.0)
    loves = np.where(one(customers.latent["type"]) == BRAND, 1.5, 0.9)
    return 0.009 * ready * loves * (1 - put_off * seen)


def _unasked(seen: Floats, choice: Choice, basket: Floats) -> Floats:
    """(n, k) mean value of an unasked purchase: who saw a discount takes it on what they meant to buy."""
    paid: Floats = basket * (1 - seen * np.maximum(1 - _BASKET[choice.offer], 0.0))
    return paid


def _annoyed(customers: Customers, state: State, choice: Choice) -> Floats:
    """(n, k) chance to unsubscribe once seen: what does not concern us annoys, and what comes too often."""
    quiet = np.where(one(customers.latent["type"]) == QUIET, 0.02, 0.001)
    idle = 0.02 * (1 - hill(_pull(customers, choice), 0.2))
    tired = 0.03 * hill(one(state.fatigue), 9.0)
    return (quiet + idle + tired) * np.where(choice.channel == 1, 1.5, 1.0)


def _spender(customers: Customers) -> Floats:
    history: Floats = one(customers.attributes["history"])
    return history / (history + 250)


RETAIL = World(
    "retail",
    "Four offers by e-mail and SMS, morning or evening, to shoppers of three hidden types",
    OFFERS,
    CHANNELS,
    SLOTS,
    Memory(fatigue=4.0, worn=14.0, sated=10.0),
    people,
    laws,
)
