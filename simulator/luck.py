"""Chance as a function: a customer's luck is the same whatever is decided and whoever else is asked."""

from __future__ import annotations

import zlib

import numpy as np

from policies.base import Floats, Ints

_WORDS = 4  # 64-bit numbers that one step of Philox's counter yields


def uniform(seed: int, stream: str, index: Ints, day: int = 0) -> Floats:
    """Uniform numbers in [0, 1) that depend on (seed, stream, customer, day) only.

    Args:
        seed: of the world, in 0..2**64 - 1.
        stream: what the luck is about, for example ``"click"``; other names give independent numbers.
        index: (n,) numbers of the customers in the world, in any order.
        day: 0..2**32 - 1.

    Returns:
        (n,) uniforms. Customer 7's is the same alone and among a million. The cost grows with the spread of
        `index`, not with its length.

    Source: Salmon, Moraes, Dror and Shaw (2011), "Parallel Random Numbers: As Easy as 1, 2, 3", Philox-4x64.
    """
    if len(index) == 0:
        return np.zeros(0)
    first = int(index.min()) // _WORDS
    key = np.array([seed, zlib.crc32(stream.encode()) << 32 | day], dtype=np.uint64)
    counter = np.array([first, 0, 0, 0], dtype=np.uint64)
    generator = np.random.Generator(np.random.Philox(key=key, counter=counter))
    return generator.random(int(index.max()) - first * _WORDS + 1)[index - first * _WORDS]
