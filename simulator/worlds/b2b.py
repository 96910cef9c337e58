"""B2B: leads that an agent takes up or turns down, and deals that close weeks after the first word.

A lead goes to an agent only if the agent takes it, which depends on what the agent believes of the firm and
not on what is true. What follows comes in steps (an answer, a meeting, a deal), each days after the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from policies.base import Floats, Ints
from simulator.marginal import Marginal
from simulator.world import Choice, Customers, Law, Memory, State, World
from simulator.worlds.parts import ZONES, Luck, hill, noticed, one, rows, start

PAPER, WEBINAR, DEMO, QUOTE = 0, 1, 2, 3
AGENT = 1
_DEAL = Marginal((0.0, 0.5, 0.8, 0.95, 1.0), (400.0, 900.0, 2000.0, 6000.0, 16000.0))
_FIELDS = ("maker", "trade", "care", "public")


def people(seed: int, index: Ints) -> Customers:
    """Accounts: what the sales system knows, how far they really are, and what agents think of them."""
    luck = Luck(seed, index)
    ripe = luck.uniform("ripe")  # how far on the way to buying, known to nobody
    staff = np.exp(3.2 + 1.3 * luck.normal("staff")).astype(np.int64) + 1
    field = luck.level(_FIELDS, (0.35, 0.3, 0.2, 0.15), "field")
    country = luck.level(("NO", "SE", "DK", "FI"), (0.25, 0.4, 0.25, 0.1), "country")
    attributes: dict[str, NDArray[np.generic]] = {
        "staff": staff,
        "visits": np.floor(luck.wait("visits") * (0.4 + 6 * ripe**3)).astype(np.int64),
        "papers": np.floor(luck.wait("papers") * (0.5 + 2 * ripe)).astype(np.int64),
        "idle_days": np.floor(60 * (1.1 - ripe) * luck.wait("idle")).astype(np.int64),
        "lead_score": np.round(expit(2.5 * (ripe - 0.5) + 0.9 * luck.normal("score")), 3),
        "field": field,
        "role": luck.level(("user", "expert", "head"), (0.5, 0.3, 0.2), "role"),
        "is_customer": luck.uniform("is customer") < 0.2,
        "country": country,
    }
    belief = expit(1.2 * (np.log(staff) - 3.5) + 0.8 * luck.normal("belief"))
    consent = {"marketing": luck.uniform("may write") < 0.8, "sales": luck.uniform("may call") < 0.75}
    latent = {"ripe": ripe, "belief": belief, "patience": luck.uniform("patience")}
    return Customers(seed, index, attributes, consent, np.array([ZONES[c] for c in country]), latent)


def laws(customers: Customers, state: State, day: int, choice: Choice) -> tuple[Law, ...]:
    """How accounts are reached, answer, meet, sign, and ask to be left alone."""
    begin, told = start(choice), customers.attributes
    agent = choice.channel == AGENT
    mail = np.where(one(told["role"]) == "head", 0.3, 0.6) * (0.6 if day % 7 > 4 else 1.0)
    taken = (0.15 + 0.75 * one(customers.latent["belief"])) * (0.1 if day % 7 > 4 else 1.0)
    reached = noticed(choice, state, np.where(agent, taken, mail))
    turned_down = np.where(agent & choice.contact & ~one(state.left), 1 - reached, 0.0)
    answers = 0.7 * hill(_fit(customers, state, choice), 0.4)
    deal = 0.35 * hill(one(customers.latent["ripe"]), 0.35) * np.where(choice.offer == QUOTE, 1.3, 1.0)
    size = _DEAL.mean * (0.4 + 1.2 * hill(np.log1p(one(told["staff"])), 16.0))
    annoyed = (0.006 + 0.12 * (1 - one(customers.latent["ripe"])) ** 2) * np.where(agent, 1.5, 0.6)
    tired = 1 + 2 * hill(one(state.fatigue), 3.0)
    return (
        Law("seen", "seen", reached, delay=0.3, start=begin),
        Law("turned down", "turned_down", turned_down, delay=0.3, start=begin),
        Law("answer", "answer", answers, "seen", 1.5, begin),
        Law("meeting", "meeting", np.where(agent, 0.55, 0.25), "answer", 4.0, begin),
        Law("deal", "purchase", deal, "meeting", 9.0, begin, size, _DEAL),
        Law("organic", "purchase", _unasked(customers, state), delay=3.0, size=size, shape=_DEAL),
        Law("unsubscribe", "unsubscribe", np.minimum(annoyed * tired, 0.5), "seen", 1.0, begin),
    )


def _fit(customers: Customers, state: State, choice: Choice) -> Floats:
    """(n, k) how well the step suits the account: papers early, a demo half-way, a quote at the end."""
    told, ripe = customers.attributes, one(customers.latent["ripe"])
    right = np.array([0.15, 0.4, 0.65, 0.9])[choice.offer]
    fit = np.exp(-(((ripe - right) / 0.22) ** 2))
    fit = fit + 0.25 * ((choice.offer == WEBINAR) & (one(told["field"]) == "public"))
    fit += 0.3 * ((choice.offer == DEMO) & (one(told["role"]) == "expert") & (one(told["papers"]) >= 2))
    fit = fit * np.where((choice.channel == AGENT) & (choice.offer == PAPER), 0.4, 1.0)
    fit = fit * (0.6 + 0.6 * one(customers.latent["patience"]))
    return np.asarray(fit * np.exp(-0.5 * state.worn[rows(state), choice.offer]))


def _unasked(customers: Customers, state: State) -> Floats:
    """(n, 1) chance that an account comes by itself."""
    ripe = one(customers.latent["ripe"])
    return np.asarray(0.0006 * ripe**2 * np.exp(-3 * one(state.sated)))


B2B = World(
    "b2b",
    "Four steps by e-mail and agent to firms at different points of the way, deals weeks later",
    ("paper", "webinar", "demo", "quote"),
    ("email", "agent"),
    ("now", "tonight"),
    Memory(fatigue=10.0, worn=30.0, sated=90.0),
    people,
    laws,
    sells="meeting",
    responds="answer",
)
