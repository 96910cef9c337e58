"""Subscription: hours watched, plans made dearer, and a monthly renewal that some would rather not notice.

A contact brings people back to what they pay for, and in the three days before the renewal it reminds the
idle that they pay. Titles have an audience each, ruled by what was watched and by thresholds, not by slopes.
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

DRAMA, SPORT, FAMILY, ANNUAL = 0, 1, 2, 3
_PLAN = Marginal((0.0, 1.0), (50.0, 90.0))  # an annual plan
_GENRES = ("drama", "sport", "family")


def days_left(day: int) -> int:
    """Days until the monthly renewal, the same for all: 29 on the first day."""
    return 29 - day % 30


def people(seed: int, index: Ints) -> Customers:
    """Subscribers: what they watched, and whether they still care."""
    luck = Luck(seed, index)
    care = expit(1.5 * luck.normal("care") + 0.4)
    genre = luck.level(_GENRES, (0.45, 0.3, 0.25), "genre")
    told = np.where(luck.uniform("told genre") < 0.8, genre, luck.level(_GENRES, (0.4, 0.3, 0.3), "other"))
    country = luck.level(("NO", "SE", "DK", "FI"), (0.3, 0.4, 0.2, 0.1), "country")
    attributes: dict[str, NDArray[np.generic]] = {
        "age": np.clip(40 + 14 * luck.normal("age"), 16, 90).astype(np.int64),
        "hours": np.round(9 * care * (0.2 + luck.wait("hours")), 1),
        "idle_days": np.floor(14 * (1 - care) * luck.wait("idle")).astype(np.int64),
        "tenure_months": (1 + np.floor(14 * luck.wait("tenure"))).astype(np.int64),
        "screens": 1 + np.floor(3.5 * luck.uniform("screens") ** 1.5).astype(np.int64),
        "watched": told,
        "device": luck.level(("phone", "tv", "web"), (0.4, 0.45, 0.15), "device"),
        "country": country,
    }
    consent = {"marketing": luck.uniform("may write") < 0.85, "push": luck.uniform("may push") < 0.6}
    genres = np.stack([genre == one_of for one_of in _GENRES], axis=1).astype(np.float64)
    latent = {"care": care, "genre": genres, "night": expit(1.6 * luck.normal("night"))}
    return Customers(seed, index, attributes, consent, np.array([ZONES[c] for c in country]), latent)


def laws(customers: Customers, state: State, day: int, choice: Choice) -> tuple[Law, ...]:
    """How subscribers notice, come to watch, take a dearer plan, and cancel."""
    care, here = one(customers.latent["care"]), ~one(state.left)
    begin, reached = start(choice), _reached(customers, state, choice)
    pull = _pull(customers, state, choice)
    weekend = 1.35 if day % 7 in (4, 5, 6) else 1.0
    annual = choice.contact & (choice.offer == ANNUAL)
    settled = (one(customers.attributes["tenure_months"]) >= 6) & (one(customers.attributes["hours"]) > 3)
    asleep = (care < 0.35) & (days_left(day) < 3)
    due = 8.0 if days_left(day) < 3 else 0.5
    hazard = 0.012 * (1 - care) ** 2 * due * (1 + np.where(asleep, 3.0, -0.35 * hill(pull, 0.5)) * reached)
    return (
        seen(reached, choice),
        Law("click", "click", hill(pull, 0.6) * 0.9, "seen", 0.1, begin),
        Law("watch", "watch", np.where(annual, 0.1, 0.75 * np.minimum(weekend, 1.3)), "click", 0.3, begin),
        Law("purchase", "purchase", np.where(annual, 0.12, 0.0) * settled, "click", 0.9, begin, 70.0, _PLAN),
        Law("unasked", "watch", np.where(here, 0.12 * care * weekend, 0.0), delay=0.4),
        Law("cancel", "cancel", np.where(here, hazard, 0.0), delay=0.9),
    )


def _reached(customers: Customers, state: State, choice: Choice) -> Floats:
    """(n, k) chance to notice: a push by those with a phone in hand, either at one's own hour."""
    phone = one(customers.attributes["device"]) == "phone"
    reach = np.where(choice.channel == 1, np.where(phone, 0.9, 0.45), np.where(phone, 0.4, 0.6))
    night = one(customers.latent["night"])
    awake = np.where(choice.slot == 1, night, 1 - night)
    return noticed(choice, state, reach * (0.3 + 0.7 * hill(awake, 0.15)), tired=0.35)


def _pull(customers: Customers, state: State, choice: Choice) -> Floats:
    """(n, k) how much the message draws: one's own genre, steps of age and household, wear."""
    told, line = customers.attributes, rows(state)
    genre = customers.latent["genre"][line, np.minimum(choice.offer, 2)]
    pull = np.where(choice.offer == ANNUAL, 0.3 + 0.5 * one(customers.latent["care"]), 0.15 + 0.95 * genre)
    pull = pull + 0.4 * ((choice.offer == FAMILY) & (one(told["screens"]) >= 3))
    pull += 0.35 * ((choice.offer == SPORT) & (one(told["age"]) < 30) & (one(told["device"]) == "phone"))
    return np.asarray(pull * np.exp(-0.45 * state.worn[line, choice.offer]))


def moment(day: int) -> Mapping[str, int]:
    """What a request says of the moment: days until the renewal."""
    return {"days_left": days_left(day)}


SUBSCRIPTION = World(
    "subscription",
    "What to watch by e-mail and push, a dearer plan, and a renewal that the idle are better not reminded of",
    ("drama", "sport", "family", "annual"),
    ("email", "push"),
    ("now", "tonight"),
    Memory(fatigue=2.5, worn=7.0, sated=60.0),
    people,
    laws,
    moment,
    sells="click",
    ends="cancel",
)
