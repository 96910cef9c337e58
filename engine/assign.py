"""Arms: who is in the holdout, decided by a salted hash before anything else is looked at.

The hash of (salt, unit) is uniform on 64 bits; an arm owns a half-open range of it, so shares are exact to
2**-64 and two programs with different salts assign independently. The store keeps the first assignment of a
unit for ever.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_digest, xxh3_64_intdigest

from engine import xxh3
from engine.coded import Coded
from engine.domain import ArmName, Program
from engine.xxh3 import Texts
from policies.base import Floats
from policies.kernel import kernel

SPACE = 1 << 64
_SEPARATOR = "\x1f"


def unit_hash(salt: str, unit: str) -> int:
    """The 64-bit hash a unit is assigned by, uniform and stable for ever."""
    return xxh3_64_intdigest(f"{salt}{_SEPARATOR}{unit}".encode())


def unit_hashes(salt: str, units: Iterable[str]) -> NDArray[np.uint64]:
    """(n,) `unit_hash` of each unit."""
    if isinstance(units, Texts):
        return xxh3.hashes(f"{salt}{_SEPARATOR}", units)
    return np.frombuffer(_digests(salt, units), dtype=">u8").astype(np.uint64)


def _digests(salt: str, units: Iterable[str]) -> bytes:
    """The hashes one after the other, the highest byte of each first."""
    salted = f"{salt}{_SEPARATOR}".encode()
    return b"".join([xxh3_64_digest(salted + unit.encode()) for unit in units])


def signed(hashed: int) -> int:
    """A hash as the signed 64 bits a database holds."""
    return hashed - SPACE if hashed >> 63 else hashed


def held_back(hashed: int, share: float) -> bool:
    """Whether a hash lies in the first `share` of all: a larger share holds all that a smaller one held."""
    return hashed < round(share * SPACE)


def upper_bounds(shares: Iterable[float]) -> list[int]:
    """Half-open upper ends of the hash ranges of arms with the given shares; the last one is 2**64."""
    running, bounds = 0.0, []
    for share in shares:
        running += share
        bounds.append(min(round(running * SPACE), SPACE))
    bounds[-1] = SPACE
    return bounds


def assign(program: Program, units: Iterable[str]) -> list[ArmName]:
    """The arm of each unit by hash alone. Whoever is already assigned keeps the stored arm instead."""
    return list(arms(program, units))


def arms(program: Program, units: Iterable[str]) -> Coded[ArmName]:
    """As `assign`, with the arms as places among those of the program."""
    bounds = [end for end in upper_bounds(share for _, share in program.arms) if end < SPACE]
    place = np.searchsorted(np.array(bounds, dtype=np.uint64), unit_hashes(program.salt, units), side="right")
    return Coded(place, [name for name, _ in program.arms])


def uniforms(program: str, keys: Iterable[str]) -> Floats:
    """(n,) numbers in [0, 1), one a decision key: the chance `policies.base.draw` is given.

    A retry of the same key draws the same action; 53 bits of a hash that shares nothing with the arm's.
    """
    salt = f"draw{_SEPARATOR}{program}"
    if isinstance(keys, Texts):
        return (unit_hashes(salt, keys) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    digest = np.frombuffer(_digests(salt, keys), dtype=np.uint8)
    u = np.empty(len(digest) // 8)
    _uniforms(digest, u)
    return u


@kernel("void(u1[::1], f8[::1])", writes=1)
def _uniforms(digest: NDArray[np.uint8], u: Floats) -> None:
    """The first 53 bits of every 8 bytes, as a fraction."""
    for i in range(len(u)):
        hashed = np.uint64(0)
        for byte in range(8):
            hashed = (hashed << np.uint64(8)) | np.uint64(digest[8 * i + byte])
        u[i] = np.float64(hashed >> np.uint64(11)) * 2.0**-53
