"""Newsletter: the shoppers and the messages of retail, judged by what they click.

A click, a purchase and an unsubscription count the same whatever their size. Clicks are frequent and close to
their cause, so that a short season of few customers suffices to learn offer, channel and slot.
"""

from __future__ import annotations

from dataclasses import replace

from simulator.worlds.retail import RETAIL

NEWSLETTER = replace(
    RETAIL,
    name="newsletter",
    title="Four offers by e-mail and SMS, morning or evening, judged by what is clicked",
)
