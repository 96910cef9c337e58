"""The worlds that ship with nextbest, one file each; `docs/worlds/` says what is true in them."""

from __future__ import annotations

from engine.errors import NotFoundError, nearest
from simulator.world import World
from simulator.worlds import adversarial, airline, b2b, newsletter, null, retail, subscription, telco

WORLDS = {
    one.name: one
    for one in (
        retail.RETAIL,
        newsletter.NEWSLETTER,
        telco.TELCO,
        airline.AIRLINE,
        subscription.SUBSCRIPTION,
        b2b.B2B,
        adversarial.ADVERSARIAL,
        null.NULL,
    )
}


def world(name: str) -> World:
    """The world of this name.

    Raises:
        NotFoundError: there is none; the message names the nearest.
    """
    if name not in WORLDS:
        raise NotFoundError(f"There is no world '{name}'.{nearest(name, WORLDS)}")
    return WORLDS[name]
