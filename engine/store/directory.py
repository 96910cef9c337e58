"""Which fold may hold a name: hashes of many names in memory, eight bytes each."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_digest

from engine import xxh3
from engine.errors import StoreError
from engine.xxh3 import Texts

Hashes = NDArray[np.uint64]
_ID = re.compile("[0-9a-f]{32}").fullmatch
_BITS = 24  # the low bits of an entry number its fold, the high ones are of the hash
_FOLDS = 1 << _BITS
_LOW = np.uint64(_FOLDS - 1)


def hashes(names: Iterable[str]) -> Hashes:
    """(n,) 64-bit hashes of names, the same for ever; never 0."""
    if isinstance(names, Texts):
        return np.maximum(xxh3.hashes("", names), np.uint64(1))
    joined = b"".join([xxh3_64_digest(name.encode()) for name in names])
    return np.maximum(np.frombuffer(joined, dtype=">u8").astype(np.uint64), np.uint64(1))


def id_hashes(ids: Iterable[str]) -> Hashes:
    """(n,) of ids of decisions: 16 digits of the hash that each holds, 0 for what is no id."""
    return np.array([int(id[12:28], 16) or 1 if _ID(id) else 0 for id in ids], dtype=np.uint64)


class Directory:
    """Sorted runs of entries, each run at least twice as long as the next: adding n names costs n log n.

    What is found may be another name with the same first 40 bits of hash: who asks looks at the fold itself.

    Attributes:
        newest: number of the newest fold in it, 0 for none.
    """

    def __init__(self) -> None:
        self.newest = 0
        self._runs: list[Hashes] = []

    def add(self, number: int, names: Hashes) -> None:
        """Enter the names of a fold; hashes of 0 stand for nobody.

        Raises:
            StoreError: there are more folds than an entry can tell apart.
        """
        if number >= _FOLDS:
            raise StoreError(
                f"fold {number} of the log, must be below {_FOLDS}; export and start a new store."
            )
        self.newest = number
        if (names := names[names != 0]).size == 0:
            return
        self._runs.append(np.sort((names & ~_LOW) | np.uint64(number)))
        while len(self._runs) > 1 and len(self._runs[-2]) < 2 * len(self._runs[-1]):
            last = self._runs.pop()
            self._runs[-1] = np.sort(np.concatenate([self._runs[-1], last]), kind="stable")

    def find(self, names: Hashes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Indexes into `names`, and the number of a fold that may hold each, in no order."""
        order = np.argsort(names)  # looked up in order, neighbours lie together
        low = names[order] & ~_LOW
        index, number = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
        for run in self._runs:
            first = np.searchsorted(run, low)
            hit = np.flatnonzero(run[np.minimum(first, len(run) - 1)] & ~_LOW == low)
            first = first[hit]
            count = np.searchsorted(run, low[hit] | _LOW, side="right") - first
            within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
            index.append(np.repeat(order[hit], count))
            number.append((run[np.repeat(first, count) + within] & _LOW).astype(np.int64))
        return np.concatenate(index), np.concatenate(number)
