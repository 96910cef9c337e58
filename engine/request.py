"""A request for a decision, and what makes two of them the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_128_digest, xxh3_128_hexdigest

from engine.calendar import microseconds

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


def decision_ids(program: str, keys: Sequence[str], at: datetime) -> tuple[pl.Series, NDArray[np.uint64]]:
    """(n,) `decision_id` of each key, and the first 64 bits of the hash in each."""
    import polars as pl

    salt = f"{program}\x1f".encode()
    named = b"".join([xxh3_128_digest(salt + key.encode()) for key in keys])
    digits = named.hex()
    hashed = pl.Series([digits[start : start + 20] for start in range(0, len(digits), 32)], dtype=pl.String)
    first = np.frombuffer(named, dtype=">u8")[::2].astype(np.uint64)
    return f"{microseconds(at) // 1000:012x}" + hashed, first


def fingerprint(request: Request) -> bytes:
    """What must be equal for a repeated key to be the same request: customer, request context, and whether
    the policy may explore.

    Not the time: a mail tool that pulls a decision again, or a batch that is resumed, asks at another moment.
    """
    asked = [request.customer, request.context, *([] if request.explore else [False])]
    return hashlib.sha256(_sorted(asked)).digest()


_sorted = msgspec.json.Encoder(order="sorted").encode
