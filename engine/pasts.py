"""The contacts of many customers as arrays: what caps and encodings count without an object for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import overload

import numpy as np

from engine.situation import Contact
from policies.base import Ints


@dataclass(frozen=True, slots=True, eq=False)
class Pasts(Sequence[list[Contact]]):
    """n customers' contacts; read one by one they are lists.

    Attributes:
        start: (n + 1,) where the contacts of each customer start among the m of all.
        at_us, offer, channel: (m,) when each is sent, and its places in `offers` and `channels`.
    """

    start: Ints
    at_us: Ints
    offer: Ints
    channel: Ints
    offers: tuple[str, ...]
    channels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.start) - 1

    @overload
    def __getitem__(self, at: int) -> list[Contact]: ...
    @overload
    def __getitem__(self, at: slice) -> Pasts: ...
    def __getitem__(self, at: int | slice) -> list[Contact] | Pasts:
        if isinstance(at, slice):
            first, last, _ = at.indices(len(self))
            return self._with(self.start[first : max(first, last) + 1])
        return self._contacts(int(self.start[at]), int(self.start[at + 1]))

    def __iter__(self) -> Iterator[list[Contact]]:
        bounds = self.start.tolist()
        every, first = self._contacts(bounds[0], bounds[-1]), bounds[0]
        return iter([every[a - first : b - first] for a, b in pairwise(bounds)])

    @property
    def contacts(self) -> slice:
        """Where the contacts of these customers stand among all."""
        return slice(int(self.start[0]), int(self.start[-1]))

    @property
    def row(self) -> Ints:
        """(m,) whose each contact is, of those in `contacts`."""
        return np.repeat(np.arange(len(self)), np.diff(self.start))

    def _with(self, start: Ints) -> Pasts:
        return Pasts(start, self.at_us, self.offer, self.channel, self.offers, self.channels)

    def _contacts(self, first: int, last: int) -> list[Contact]:
        columns = (one[first:last].tolist() for one in (self.at_us, self.offer, self.channel))
        return [
            Contact(at_us, self.offers[offer], self.channels[channel])
            for at_us, offer, channel in zip(*columns, strict=True)
        ]


class Names:
    """Offers and channels by their numbers, given as they first come."""

    def __init__(self) -> None:
        self._offers: dict[str, int] = {}
        self._channels: dict[str, int] = {}

    def offer(self, name: str) -> int:
        """The number of an offer."""
        return self._offers.setdefault(name, len(self._offers))

    def channel(self, name: str) -> int:
        """The number of a channel."""
        return self._channels.setdefault(name, len(self._channels))

    def told(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The offers and the channels, by their numbers."""
        return tuple(self._offers), tuple(self._channels)


def pasts(n: int, row: Ints, at_us: Ints, offer: Ints, channel: Ints, names: Names) -> Pasts:
    """The contacts of n customers, each of the one that `row` says; those of one stay in their order."""
    order = np.argsort(row, kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=n))]).astype(np.int64)
    return Pasts(start, at_us[order], offer[order], channel[order], *names.told())
