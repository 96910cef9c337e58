"""Snapshots: everything a policy has learnt as bytes that cannot be read wrongly.

Layout: 8 bytes magic, 32 bytes SHA-256 of all that follows, 8 bytes length of the header, the header (JSON:
kind, settings, words, and name, type and shape of every array), then the arrays' bytes, little-endian, one
after the other. No pickle: reading a snapshot runs no code from it."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policies.make import make
from policies.state import Kept, State

MAGIC = b"nxtbst\x00\x03"
_TYPES = {"float64": "<f8", "int64": "<i8", "uint8": "|u1"}
_START = len(MAGIC) + 32 + 8


class SnapshotError(ValueError):
    """Bytes that are not a whole, unchanged snapshot; the message says what is wrong and what to do."""


def pack(policy: Kept) -> bytes:
    """The policy as bytes. The same state gives the same bytes."""
    state = policy.state()
    arrays = {name: np.ascontiguousarray(state.arrays[name]) for name in sorted(state.arrays)}
    header = {
        "kind": policy.kind,
        "settings": dict(policy.settings),
        "words": state.words,
        "arrays": [[name, one.dtype.name, list(one.shape)] for name, one in arrays.items()],
    }
    text = json.dumps(header, sort_keys=True, allow_nan=False).encode()
    flat = [one.astype(_TYPES[one.dtype.name], copy=False).reshape(-1) for one in arrays.values()]
    body: list[bytes | memoryview] = [struct.pack("<Q", len(text)), text, *(one.data for one in flat)]
    digest = hashlib.sha256()
    for part in body:
        digest.update(part)
    return b"".join([MAGIC, digest.digest(), *body])


def unpack(packed: bytes | memoryview, make: Callable[[str, Mapping[str, Any]], Kept] = make) -> Kept:
    """The policy that was packed, made anew by its kind and settings.

    Raises:
        SnapshotError: the bytes were cut, changed, mixed up, or never were a snapshot.
    """
    header, arrays = _read(_checked(packed))
    policy = make(header["kind"], header["settings"])
    policy.restore(State(header["words"], arrays))
    return policy


def sha256(packed: bytes) -> str:
    """The snapshot's own hash, its name for ever."""
    return bytes(_checked(packed)[len(MAGIC) : len(MAGIC) + 32]).hex()


def _checked(given: bytes | memoryview) -> memoryview:
    packed = memoryview(given)  # a slice of it is no copy: snapshots take a hundred megabytes
    if len(packed) < _START or packed[: len(MAGIC)] != MAGIC:
        raise SnapshotError(
            "not a snapshot of this version of nextbest; serve the last good snapshot instead."
        )
    if hashlib.sha256(packed[len(MAGIC) + 32 :]).digest() != bytes(packed[len(MAGIC) : len(MAGIC) + 32]):
        raise SnapshotError(
            "the snapshot was cut or changed (its SHA-256 differs); serve the last good one instead."
        )
    return packed


def _read(packed: memoryview) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    (length,) = struct.unpack("<Q", packed[_START - 8 : _START])
    header = json.loads(bytes(packed[_START : _START + length]))
    arrays: dict[str, NDArray[Any]] = {}
    at = _START + length
    for name, dtype, shape in header["arrays"]:
        one = np.frombuffer(packed, dtype=_TYPES[dtype], count=math.prod(shape), offset=at)
        arrays[name] = one.reshape(shape).astype(dtype, copy=False)
        at += one.nbytes
    return header, arrays
