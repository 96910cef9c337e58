"""Telco: keep customers from leaving. Discounts taken by those who would have stayed, sleepers woken.

Whether somebody is about to leave is hidden. A contact moves the hazard of leaving, up or down by who is
contacted with what; the curves are steps, products and saturations, of no form that a policy fits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from policies.base import Floats, Ints
from simulator.marginal import Marginal
from simulator.world import Choice, Customers, Law, Memory, State, World
from simulator.worlds.parts import ZONES, Luck, hill, noticed, one, rows, seen, start

LOYAL, RISKY, ASLEEP = 0, 1, 2  # hidden: content, about to leave, paying without a thought
DISCOUNT, DATA, UPGRADE, SERVICE = 0, 1, 2, 3

_HAZARD = np.array([0.0006, 0.02, 0.0015])  # of leaving on a day, by type
_SAVES = np.array([0.65, 0.3, 0.15, 0.2])  # share of the hazard of the risky that the offer takes away
_LIKES = np.array([[0.75, 0.35, 0.1, 0.1], [0.8, 0.5, 0.05, 0.5], [0.5, 0.2, 0.0, 0.05]])  # type x offer
_GIVES = np.array([0.045, 0.012, 0.0, 0.0])  # months of the fee that taking the offer costs
_MARGIN = Marginal((0.0, 0.5, 0.9, 1.0), (5.0, 20.0, 60.0, 200.0))  # of an upgrade


def people(seed: int, index: Ints) -> Customers:
    """Subscribers: what is known of them, and of which type they are."""
    luck = Luck(seed, index)
    tenure = np.clip(28 * luck.wait("tenure"), 1, 180).astype(np.int64)
    kind = np.where(tenure > 30, luck.uniform("type") ** 1.4, luck.uniform("type"))
    kind = np.where(kind < 0.5, LOYAL, np.where(kind < 0.72, RISKY, ASLEEP))
    trend = -0.5 * (kind == RISKY) + 0.35 * luck.normal("trend")
    calls = np.floor(luck.wait("calls") * np.where(kind == RISKY, 1.8, 0.5)).astype(np.int64)
    usage = np.exp(1.8 + 0.8 * luck.normal("usage") - 1.6 * (kind == ASLEEP))
    country = luck.level(("NO", "SE", "DK", "FI"), (0.3, 0.3, 0.2, 0.2), "country")
    attributes: dict[str, NDArray[np.generic]] = {
        "tenure_months": tenure,
        "fee": np.round(12 + 30 * luck.uniform("fee") ** 2, 2),
        "usage_gb": usage.round(2),
        "usage_trend": trend.round(3),
        "service_calls": calls,
        "months_left": np.maximum(np.floor(24 * luck.uniform("bound") - 8), 0).astype(np.int64),
        "price_searches": np.floor(luck.wait("seeks") * np.where(kind == RISKY, 2.0, 0.6)).astype(np.int64),
        "plan": luck.level(("prepaid", "single", "family"), (0.2, 0.5, 0.3), "plan"),
        "country": country,
    }
    consent = {"marketing": luck.uniform("may write") < 0.9, "phone": luck.uniform("may call") < 0.55}
    latent = {"type": kind.astype(np.float64), "patience": expit(luck.normal("patience"))}
    return Customers(seed, index, attributes, consent, np.array([ZONES[c] for c in country]), latent)


def laws(customers: Customers, state: State, day: int, choice: Choice) -> tuple[Law, ...]:
    """How subscribers notice, take what is offered, and leave."""
    reached, here = _reached(customers, state, choice), ~one(state.left)
    accepted = hill(_pull(customers, state, choice), 0.5)
    gives = np.where(choice.contact, _GIVES[choice.offer], 0.0)
    takes = (choice.contact & (gives > 0)).astype(np.float64)
    buys = np.where(choice.contact & (choice.offer == UPGRADE), 0.25 * np.exp(-4 * one(state.sated)), 0.0)
    begin, fee = start(choice), one(customers.attributes["fee"])
    return (
        seen(reached, choice),
        Law("accept", "accept", accepted, "seen", 0.8, begin),
        Law("concession", "concession", takes, "accept", 1.0, begin, gives * fee, _EVEN),
        Law("upgrade", "purchase", buys, "accept", 2.0, begin, 4.0 + 0.4 * fee, _MARGIN),
        Law("churn", "churn", np.where(here, _hazard(customers, reached, day, choice), 0.0), delay=3.0),
    )


_EVEN = Marginal((0.0, 1.0), (0.8, 1.2))


def _reached(customers: Customers, state: State, choice: Choice) -> Floats:
    """(n, k) chance to notice: calls are answered in the evening, mail by those who use the net much."""
    usage = one(customers.attributes["usage_gb"])
    mail = np.where(choice.slot == 1, 0.55, 0.5) * (0.6 + 0.5 * hill(usage, 20.0))
    call = np.where(choice.slot == 1, 0.75, 0.35)
    return noticed(choice, state, np.where(choice.channel == 1, call, mail))


def _pull(customers: Customers, state: State, choice: Choice) -> Floats:
    """(n, k) how much the offer draws: by type, by steps of what is known; a repeated offer wears out."""
    told, kind = customers.attributes, customers.latent["type"].astype(np.int64)[:, None]
    pull = _LIKES[kind, choice.offer] * (0.7 + 0.6 * one(customers.latent["patience"]))
    pull = pull + 0.4 * ((choice.offer == DATA) & (one(told["usage_gb"]) > 12))
    pull += 0.4 * ((choice.offer == UPGRADE) & (one(told["tenure_months"]) > 24) & (one(told["fee"]) > 18))
    pull += 0.3 * ((choice.offer == SERVICE) & (one(told["service_calls"]) >= 2))
    return np.asarray(pull * np.exp(-0.4 * state.worn[rows(state), choice.offer]))


def _hazard(customers: Customers, reached: Floats, day: int, choice: Choice) -> Floats:
    """(n, k) chance to leave: saved by the right offer, woken by any, bound ones hardly."""
    told, kind = customers.attributes, customers.latent["type"].astype(np.int64)[:, None]
    bound = np.where(one(told["months_left"]) > 2, 0.35, 1.0)
    season = 1.35 if day % 30 < 3 else 0.96  # bills come on the first days of the month
    saves = _SAVES[choice.offer] + 0.6 * ((choice.offer == SERVICE) & (one(told["service_calls"]) >= 2))
    saves = saves + 0.3 * ((choice.offer == DATA) & (one(told["usage_gb"]) > 12))
    saved = np.where(kind == RISKY, np.minimum(saves, 0.9), 0.0)
    woken = np.where(kind == ASLEEP, np.where(choice.channel == 1, 6.0, 3.0), 0.0)
    hazard: Floats = _HAZARD[kind] * bound * season * (1 + reached * (woken - saved))
    return hazard


TELCO = World(
    "telco",
    "Four offers by e-mail and phone to subscribers: some about to leave, some best left asleep",
    ("discount", "data_bonus", "upgrade", "service_call"),
    ("email", "call"),
    ("now", "tonight"),
    Memory(fatigue=5.0, worn=21.0, sated=30.0),
    people,
    laws,
    sells="accept",
    responds="accept",
    ends="churn",
)
