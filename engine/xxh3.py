"""XXH3 of many texts at once: what the library `xxhash` says of each, without a call for each.

A kernel (`policies.kernel`) hashes texts of up to 128 bytes, salt included; longer ones are asked of the
library.

Source: Collet, "XXH3" (xxHash 0.8, `xxhash.h`, seed 0 and the default secret), for lengths up to 128.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest, xxh3_128_intdigest

from policies.base import Ints
from policies.kernel import kernel

if TYPE_CHECKING:
    import polars as pl

Bytes = NDArray[np.uint8]
Hashes = NDArray[np.uint64]
_LONGEST = 128
_ALL = (1 << 64) - 1
_SECRET = np.frombuffer(
    bytes.fromhex(
        "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221"
        "b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
        "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364"
    ),
    dtype="<u8",
).astype(np.uint64)
_FIRST, _SECOND, _THIRD = (  # primes of 64 bits, as the source numbers them
    np.uint64(0x9E3779B185EBCA87),
    np.uint64(0xC2B2AE3D27D4EB4F),
    np.uint64(0x165667B19E3779F9),
)
_FOURTH, _SHORT = np.uint64(0x85EBCA77C2B2AE63), np.uint64(0x85EBCA77)
_MIX, _MIX_SHORT = np.uint64(0x165667919E3779F9), np.uint64(0x9FB21C651E98DF25)
_LOW = np.uint64(0xFFFFFFFF)


@dataclass(frozen=True, slots=True, eq=False)
class Texts(Sequence[str]):
    """n texts as bytes that lie one after the other, all with the same beginning.

    Attributes:
        body: the bytes of all, in UTF-8.
        start: (n + 1,) where each starts, and where the last ends.
        said: (n,) the texts, for whoever reads one.
        before: what each begins with; neither in `body` nor in `said`.
    """

    body: Bytes
    start: Ints
    said: Sequence[str]
    before: str = ""

    @classmethod
    def of(cls, series: pl.Series) -> Texts:
        """Those of a series of texts without nulls."""
        start = np.zeros(len(series) + 1, dtype=np.int64)
        np.cumsum(series.str.len_bytes().to_numpy(), out=start[1:])
        body = np.frombuffer(series.str.join("").item().encode(), dtype=np.uint8)
        return cls(body, start, series.to_list())

    def after(self, before: str) -> Texts:
        """The texts, each with that before it."""
        return Texts(self.body, self.start, self.said, before + self.before)

    def __len__(self) -> int:
        return len(self.start) - 1

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> Texts: ...
    def __getitem__(self, at: int | slice) -> str | Texts:
        if isinstance(at, slice):
            first, last, _ = at.indices(len(self))
            return Texts(self.body, self.start[first : last + 1], self.said[at], self.before)
        return self.before + self.said[at]

    def __iter__(self) -> Iterator[str]:
        return map(self.before.__add__, self.said) if self.before else iter(self.said)


def hashes(salt: str, texts: Texts) -> Hashes:
    """(n,) `xxh3_64_intdigest` of the salt and each text together."""
    made = np.empty(len(texts), dtype=np.uint64)
    if _hashes(_prefix(salt, texts), texts.body, texts.start, made):
        for i in _too_long(salt, texts):
            made[i] = xxh3_64_intdigest((salt + texts[i]).encode())
    return made


def double_hashes(salt: str, texts: Texts) -> tuple[Hashes, Hashes]:
    """(n,) the high and the low half of `xxh3_128_intdigest` of the salt and each text together."""
    high, low = np.empty(len(texts), dtype=np.uint64), np.empty(len(texts), dtype=np.uint64)
    if _double_hashes(_prefix(salt, texts), texts.body, texts.start, high, low):
        for i in _too_long(salt, texts):
            both = xxh3_128_intdigest((salt + texts[i]).encode())
            high[i], low[i] = both >> 64, both & _ALL
    return high, low


def _prefix(salt: str, texts: Texts) -> Bytes:
    return np.frombuffer((salt + texts.before).encode(), dtype=np.uint8)


def _too_long(salt: str, texts: Texts) -> list[int]:
    room = _LONGEST - len(_prefix(salt, texts))
    found: list[int] = np.flatnonzero(np.diff(texts.start) > room).tolist()
    return found


@kernel("b1(u1[::1], u1[::1], i8[::1], u8[::1])", writes=1)
def _hashes(salt: Bytes, body: Bytes, start: Ints, made: Hashes) -> bool:
    """Hash each text after the salt; whether any is too long for it."""
    said, long = np.empty(_LONGEST, np.uint8), False
    for i in range(len(made)):
        size = len(salt) + start[i + 1] - start[i]
        if size > _LONGEST:
            long = True
        else:
            _place(salt, body, start[i], start[i + 1], said)
            made[i] = _hash(said, size)
    return long


@kernel("b1(u1[::1], u1[::1], i8[::1], u8[::1], u8[::1])", writes=2)
def _double_hashes(salt: Bytes, body: Bytes, start: Ints, high: Hashes, low: Hashes) -> bool:
    said, long = np.empty(_LONGEST, np.uint8), False
    for i in range(len(high)):
        size = len(salt) + start[i + 1] - start[i]
        if size > _LONGEST:
            long = True
        else:
            _place(salt, body, start[i], start[i + 1], said)
            high[i], low[i] = _double_hash(said, size)
    return long


@kernel("void(u1[::1], u1[::1], i8, i8, u1[::1])", writes=1)
def _place(salt: Bytes, body: Bytes, first: int, end: int, said: Bytes) -> None:
    for j in range(len(salt)):
        said[j] = salt[j]
    for j in range(end - first):
        said[len(salt) + j] = body[first + j]


@kernel("u8(u1[::1], i8)")
def _hash(said: Bytes, size: int) -> Any:
    """XXH3_64bits of the first `size` bytes."""
    length, secret = np.uint64(size), _SECRET
    if size > 16:
        added = length * _FIRST
        for part in range((size - 1) // 32, -1, -1):
            added += _mixed(said, 16 * part, 4 * part)
            added += _mixed(said, size - 16 * (part + 1), 4 * part + 2)
        return _avalanche(added)
    if size > 8:
        low = _eight(said, 0) ^ secret[3] ^ secret[4]
        high = _eight(said, size - 8) ^ secret[5] ^ secret[6]
        top, bottom = _product(low, high)
        return _avalanche(length + _turned(low) + high + (top ^ bottom))
    if size > 3:
        keyed = (_four(said, size - 4) + (_four(said, 0) << np.uint64(32))) ^ secret[1] ^ secret[2]
        keyed ^= _rotated(keyed, 49) ^ _rotated(keyed, 24)
        keyed *= _MIX_SHORT
        keyed ^= (keyed >> np.uint64(35)) + length
        keyed *= _MIX_SHORT
        return keyed ^ (keyed >> np.uint64(28))
    if size > 0:
        return _short_avalanche(_three(said, size) ^ (secret[0] & _LOW) ^ (secret[0] >> np.uint64(32)))
    return _short_avalanche(secret[7] ^ secret[8])


@kernel("UniTuple(u8, 2)(u1[::1], i8)")
def _double_hash(said: Bytes, size: int) -> Any:
    """XXH3_128bits of the first `size` bytes: the high half and the low one."""
    length, secret, half = np.uint64(size), _SECRET, np.uint64(32)
    if size > 16:
        low, high = length * _FIRST, np.uint64(0)
        for part in range((size - 1) // 32, -1, -1):
            near, far = 16 * part, size - 16 * (part + 1)
            low += _mixed(said, near, 4 * part)
            low ^= _eight(said, far) + _eight(said, far + 8)
            high += _mixed(said, far, 4 * part + 2)
            high ^= _eight(said, near) + _eight(said, near + 8)
        last = low * _FIRST + high * _FOURTH + length * _SECOND
        return np.uint64(0) - _avalanche(last), _avalanche(low + high)
    if size > 8:
        first, last = _eight(said, 0), _eight(said, size - 8)
        high, low = _product(first ^ last ^ secret[4] ^ secret[5], _FIRST)
        low += (length - np.uint64(1)) << np.uint64(54)
        last ^= secret[6] ^ secret[7]
        high += last + (last & _LOW) * (_SHORT - np.uint64(1))
        low ^= _turned(high)
        top, bottom = _product(low, _SECOND)
        return _avalanche(top + high * _SECOND), _avalanche(bottom)
    if size > 3:
        keyed = (_four(said, 0) + (_four(said, size - 4) << half)) ^ secret[2] ^ secret[3]
        high, low = _product(keyed, _FIRST + (length << np.uint64(2)))
        high += low << np.uint64(1)
        low ^= high >> np.uint64(3)
        low = (low ^ (low >> np.uint64(35))) * _MIX_SHORT
        return _avalanche(high), low ^ (low >> np.uint64(28))
    if size > 0:
        low = _three(said, size)
        turned = _turned(low) >> half
        high = ((turned << np.uint64(13)) | (turned >> np.uint64(19))) & _LOW
        low ^= (secret[0] & _LOW) ^ (secret[0] >> half)
        high ^= (secret[1] & _LOW) ^ (secret[1] >> half)
        return _short_avalanche(high), _short_avalanche(low)
    return _short_avalanche(secret[10] ^ secret[11]), _short_avalanche(secret[8] ^ secret[9])


@kernel("u8(u1[::1], i8, i8)")
def _mixed(said: Bytes, at: int, word: int) -> Any:
    """16 bytes and two words of the secret, multiplied and folded."""
    high, low = _product(_eight(said, at) ^ _SECRET[word], _eight(said, at + 8) ^ _SECRET[word + 1])
    return high ^ low


@kernel("UniTuple(u8, 2)(u8, u8)")
def _product(a: Any, b: Any) -> Any:
    """The high and the low half of a product of 128 bits."""
    half = np.uint64(32)
    low, left = (a & _LOW) * (b & _LOW), (a >> half) * (b & _LOW)
    right, high = (a & _LOW) * (b >> half), (a >> half) * (b >> half)
    carried = (low >> half) + (left & _LOW) + right
    return high + (left >> half) + (carried >> half), (carried << half) | (low & _LOW)


@kernel("u8(u8)")
def _avalanche(h: Any) -> Any:
    h ^= h >> np.uint64(37)
    h *= _MIX
    return h ^ (h >> np.uint64(32))


@kernel("u8(u8)")
def _short_avalanche(h: Any) -> Any:
    h ^= h >> np.uint64(33)
    h *= _SECOND
    h ^= h >> np.uint64(29)
    h *= _THIRD
    return h ^ (h >> np.uint64(32))


@kernel("u8(u8, i8)")
def _rotated(h: Any, bits: int) -> Any:
    return (h << np.uint64(bits)) | (h >> np.uint64(64 - bits))


@kernel("u8(u8)")
def _turned(h: Any) -> Any:
    """The eight bytes in the other order."""
    made = np.uint64(0)
    for _ in range(8):
        made = (made << np.uint64(8)) | (h & np.uint64(255))
        h = h >> np.uint64(8)
    return made


@kernel("u8(u1[::1], i8)")
def _eight(said: Bytes, at: int) -> Any:
    made = np.uint64(0)
    for j in range(8):
        made |= np.uint64(said[at + j]) << np.uint64(8 * j)
    return made


@kernel("u8(u1[::1], i8)")
def _four(said: Bytes, at: int) -> Any:
    made = np.uint64(0)
    for j in range(4):
        made |= np.uint64(said[at + j]) << np.uint64(8 * j)
    return made


@kernel("u8(u1[::1], i8)")
def _three(said: Bytes, size: int) -> Any:
    """One to three bytes and how many there are, in four."""
    first, middle, last = np.uint64(said[0]), np.uint64(said[size >> 1]), np.uint64(said[size - 1])
    return (first << np.uint64(16)) | (middle << np.uint64(24)) | last | (np.uint64(size) << np.uint64(8))
