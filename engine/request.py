"""A request for a decision, and what makes two of them the same."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_128_hexdigest

from engine import xxh3
from engine.calendar import microseconds
from engine.xxh3 import Hashes, Texts
from policies.kernel import kernel

if TYPE_CHECKING:
    import polars as pl


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question: what is the next best action for this customer?

    `key` makes a repeat harmless. Without `explore` the policy takes the action it holds to be best.
    """

    customer: str
    program: str
    key: str
    at: datetime
    context: dict[str, Any] = {}
    explore: bool = True


def decision_id(program: str, key: str, at: datetime) -> str:
    """32 hex digits, ordered by the millisecond of `at`, the rest a hash of program and key.

    A repeat gets the same.
    """
    named = xxh3_128_hexdigest(f"{program}\x1f{key}".encode())
    return f"{microseconds(at) // 1000:012x}{named[:20]}"


def decision_ids(program: str, keys: Texts, at: datetime) -> tuple[pl.Series, Hashes]:
    """(n,) `decision_id` of each key, and the first 64 bits of the hash in each."""
    import polars as pl

    high, low = xxh3.double_hashes(f"{program}\x1f", keys)
    digits = np.empty((len(keys), 32), dtype=np.uint8)
    digits[:, :12] = np.frombuffer(f"{microseconds(at) // 1000:012x}".encode(), dtype=np.uint8)
    _write(high, low, digits)
    return pl.Series(digits.view("S32").ravel(), dtype=pl.Binary).cast(pl.String), high


@kernel("void(u8[::1], u8[::1], u1[:,::1])", writes=1)
def _write(high: Hashes, low: Hashes, digits: NDArray[np.uint8]) -> None:
    """The last 20 digits of each row: the first 80 bits of its hash."""
    for i in range(len(digits)):
        for j in range(20):
            word = high[i] if j < 16 else low[i]
            four = np.uint8((word >> np.uint64(60 - 4 * (j % 16))) & np.uint64(15))
            digits[i, 12 + j] = four + (48 if four < 10 else 87)


def fingerprint(request: Request) -> bytes:
    """What must be equal for a repeated key to be the same request: customer, request context, and whether
    the policy may explore.

    Not the time: a mail tool that pulls a decision again, or a batch that is resumed, asks at another moment.
    """
    asked = [request.customer, request.context, *([] if request.explore else [False])]
    return hashlib.sha256(_sorted(asked)).digest()


_sorted = msgspec.json.Encoder(order="sorted").encode
