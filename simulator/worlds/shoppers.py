"""The customers of the retail worlds.

Recency, history and spend have the marginals of the 64,000 customers of Kevin Hillstrom's MineThatData e-mail
challenge (2008): the shares of recency and the quantiles of history and of 578 positive spends are the tables
below, and recency and history keep their rank correlation of -0.23. All else is made up.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr

from policies.base import Floats, Ints
from simulator.marginal import Marginal
from simulator.world import Customers
from simulator.worlds.parts import ZONES, Luck

_AT = (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0)
# fmt: off
HISTORY = Marginal(_AT, (  # money spent in the past year, USD
    29.99, 29.99, 29.99, 29.99, 50.3, 80.19, 115.28, 158.11, 210.81, 281.21, 382.03, 561.19, 747.26, 1218.66,
    1889.2, 3345.93))
SPEND = Marginal(_AT, (  # of one purchase, USD
    29.99, 29.99, 29.99, 29.99, 29.99, 37.66, 58.92, 80.8, 100.81, 138.81, 178.43, 256.49, 362.2, 499.0,
    499.0, 499.0))
RECENCY = np.cumsum([  # customers whose last purchase was 1, 2, .. 12 months ago
    8952, 7537, 5904, 5077, 4510, 4605, 4078, 3495, 6441, 7565, 3504, 2332]) / 64_000
# fmt: on
_CORRELATION = -0.236  # of the normal copula whose rank correlation is -0.226

BARGAIN, BRAND, QUIET = 0, 1, 2  # hidden types: hunts bargains, loves the brand, wants to be left alone


def people(seed: int, index: Ints) -> Customers:
    """Customers of the retail worlds: what they are, what can be seen of it, what they allow."""
    luck = Luck(seed, index)
    u, z = luck.uniform, luck.normal
    older, busy = z("recency"), z("history")
    busy = _CORRELATION * older + np.sqrt(1 - _CORRELATION**2) * busy
    recency = 1 + np.searchsorted(RECENCY[:-1], ndtr(older), side="right")
    history = HISTORY.quantile(ndtr(busy)).round(2)
    age = np.clip(44 + 15 * z("age"), 18, 85).astype(np.int64)
    tenure = np.clip(-900 * np.log1p(-u("tenure")) + 30, 30, 7300).astype(np.int64)
    kind = _kind(recency, history, u("type"))
    price = expit(1.3 * (kind == BARGAIN) - 1.0 * (kind == BRAND) + 0.9 * z("price"))
    evening = expit(1.7 * z("evening") + 0.03 * (40 - age))
    country = luck.level(("NO", "SE", "DK", "FI"), (0.35, 0.35, 0.2, 0.1), "country")
    attributes: dict[str, NDArray[np.generic]] = {
        "age": age,
        "tenure_days": tenure,
        "recency": recency.astype(np.int64),
        "history": history,
        "discount_share": expit(3.5 * (price - 0.5) + 0.6 * z("seen price")).round(3),
        "evening_share": expit(4.0 * (evening - 0.5) + 0.7 * z("seen evening")).round(3),
        "complaints": np.floor(-np.log1p(-u("complaints")) * np.where(kind == QUIET, 1.9, 0.3)).astype(
            np.int64
        ),
        "newbie": tenure < 365,
        "area": luck.level(("Rural", "Suburban", "Urban"), (0.15, 0.45, 0.4), "area"),
        "country": country,
        "bought_by": luck.level(("Phone", "Web", "Multichannel"), (0.438, 0.441, 0.121), "bought by"),
    }
    consent = {"marketing": u("marketing consent") < 0.92, "sms": u("sms consent") < 0.65}
    taste = np.stack([z(f"taste {j}") for j in range(4)], axis=1)
    latent = {"type": kind.astype(np.float64), "price": price, "evening": evening, "taste": taste}
    return Customers(seed, index, attributes, consent, np.array([ZONES[c] for c in country]), latent)


def _kind(recency: Ints, history: Floats, u: Floats) -> Ints:
    """(n,) hidden type: who buys much leans to the brand, who has not for long to being left alone."""
    rich = history / (history + 250)
    lean = np.exp(np.stack([0.7 - 0.5 * rich, -0.4 + 1.8 * rich, -1.0 + 0.16 * recency], axis=1))
    share = np.cumsum(lean, axis=1) / lean.sum(axis=1, keepdims=True)
    kind: Ints = (u[:, None] >= share[:, :2]).sum(axis=1)
    return kind
