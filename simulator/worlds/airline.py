"""Airline: seats that are worth nothing once the aeroplane has left, so that waiting has a price.

A flight leaves every Sunday night, and an offer goes out with a seat held, of which the program has so many a
week. Early in the week the leisurely book cheaply, late in the week those who must fly book dearly: a seat
given away on Tuesday is missing on Friday.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from policies.base import Floats, Ints
from simulator.marginal import Marginal
from simulator.world import Choice, Customers, Law, Memory, State, World
from simulator.worlds.parts import ZONES, Luck, hill, noticed, one, rows, seen, start

SUN, CITY, LOUNGE = 0, 1, 2
_FARE = Marginal((0.0, 0.2, 0.6, 0.9, 1.0), (40.0, 70.0, 110.0, 200.0, 420.0))


def days_left(day: int) -> int:
    """Days until the flight leaves: 6 on a Monday, 0 on a Sunday."""
    return 6 - day % 7


def people(seed: int, index: Ints) -> Customers:
    """Members: what is known of how they fly, and how much of it they must."""
    luck = Luck(seed, index)
    must = expit(1.6 * luck.normal("must") - 0.9)
    flights = np.floor(luck.wait("flights") * (1 + 9 * must**2)).astype(np.int64)
    country = luck.level(("NO", "SE", "DK", "FI"), (0.4, 0.3, 0.2, 0.1), "country")
    attributes: dict[str, NDArray[np.generic]] = {
        "age": np.clip(46 + 16 * luck.normal("age"), 18, 90).astype(np.int64),
        "flights": flights,
        "booked_ahead": np.round(45 * (1 - must) * (0.3 + luck.wait("ahead")), 1),
        "spent": np.round(flights * 90 * (0.6 + 0.8 * luck.uniform("spent")), 2),
        "children": (luck.uniform("children") < 0.35 * (1 - must)),
        "tier": np.where(flights > 8, "gold", np.where(flights > 3, "silver", "none")),
        "country": country,
    }
    consent = {"marketing": luck.uniform("may write") < 0.93, "sms": luck.uniform("may text") < 0.7}
    latent = {"must": must, "sun": luck.uniform("sun"), "idle": luck.uniform("idle")}
    return Customers(seed, index, attributes, consent, np.array([ZONES[c] for c in country]), latent)


def laws(customers: Customers, state: State, day: int, choice: Choice) -> tuple[Law, ...]:
    """How members notice, look, book, and have enough of it."""
    wants, left, begin = _wants(customers, state, day, choice), days_left(day), start(choice)
    reach = np.where(choice.channel == 1, np.where(one(customers.attributes["age"]) < 55, 0.85, 0.5), 0.6)
    late = np.where(choice.slot == 1, 0.75 + 0.5 * one(customers.latent["idle"]), 1.0)
    reached = noticed(choice, state, np.minimum(reach * late, 0.95))
    fare = _FARE.mean * (0.6 + 0.9 * one(customers.latent["must"]) * (1 - left / 9))
    paid = fare * np.where(choice.offer == LOUNGE, 0.3, np.where(choice.offer == SUN, 0.9, 1.1))
    tired = 0.002 + 0.02 * hill(one(state.fatigue), 4.0) * np.where(choice.channel == 1, 1.6, 1.0)
    unasked = 0.004 * (0.3 + one(customers.latent["must"]) * (2.0 if left < 3 else 0.7))
    return (
        seen(reached, choice),
        Law("click", "click", hill(wants, 0.35) * 0.8, "seen", 0.1, begin),
        Law("purchase", "purchase", 0.3 * hill(wants, 0.6), "click", 0.4, begin, paid, _FARE),
        Law("organic", "purchase", unasked * np.exp(-one(state.sated)), delay=0.5, size=fare, shape=_FARE),
        Law("unsubscribe", "unsubscribe", tired, "seen", 0.2, begin),
    )


def _wants(customers: Customers, state: State, day: int, choice: Choice) -> Floats:
    """(n, k) how much the customer wants the seat: leisure early and by taste, necessity in the last days."""
    told, must, left = customers.attributes, one(customers.latent["must"]), days_left(day)
    leisure = (1 - must) * np.exp(-((left - 5) ** 2) / 6)
    pressing = must * expit(2.0 * (2.5 - left)) * 1.6
    sun = 0.9 * (one(customers.latent["sun"]) > 0.5) + 0.5 * one(told["children"])
    wants = np.where(choice.offer == SUN, leisure * (0.4 + sun) + 0.1 * pressing, 0.0)
    wants = np.where(choice.offer == CITY, 0.35 * leisure + pressing, wants)
    wants = np.where(choice.offer == LOUNGE, pressing * 0.5 + 0.5 * (one(told["tier"]) == "gold"), wants)
    worn = np.where(choice.contact, state.worn[rows(state), choice.offer], 0.0)
    return np.asarray(wants * np.exp(-0.3 * worn - 0.9 * one(state.sated)))


def moment(day: int) -> Mapping[str, int]:
    """What a request says of the moment: days until the flight leaves."""
    return {"days_left": days_left(day)}


AIRLINE = World(
    "airline",
    "Seats that leave empty on Sunday night, offered to those who may fly and those who must",
    ("sun", "city", "lounge"),
    ("email", "sms"),
    ("now", "tonight"),
    Memory(fatigue=3.0, worn=5.0, sated=9.0),
    people,
    laws,
    moment,
)
