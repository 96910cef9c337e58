"""What happened to many customers as arrays: what cool-downs and rules look at without an object for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import overload

import numpy as np

from engine.columns import NEVER
from engine.kinds import OF_CONTACTS
from engine.pasts import Pasts
from engine.situation import Happened
from policies.base import Ints, Mask


@dataclass(frozen=True, slots=True, eq=False)
class Happenings(Sequence[list[Happened]]):
    """What happened to n customers, in order; read one by one they are lists.

    Attributes:
        after: when each of m happened, and the offer and the channel it follows from, "" for none.
        kind, seq: (m,) its place in `kinds`, and the outcome's in the store.
    """

    after: Pasts
    kind: Ints
    seq: Ints
    kinds: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.after)

    @overload
    def __getitem__(self, at: int) -> list[Happened]: ...
    @overload
    def __getitem__(self, at: slice) -> Happenings: ...
    def __getitem__(self, at: int | slice) -> list[Happened] | Happenings:
        if isinstance(at, slice):
            return Happenings(self.after[at], self.kind, self.seq, self.kinds)
        return self._happened(int(self.after.start[at]), int(self.after.start[at + 1]))

    def __iter__(self) -> Iterator[list[Happened]]:
        bounds = self.after.start.tolist()
        every, first = self._happened(bounds[0], bounds[-1]), bounds[0]
        return iter([every[a - first : b - first] for a, b in pairwise(bounds)])

    def of_kind(self, kind: str) -> Mask:
        """(m,) which of what happened to these customers is of a kind."""
        here = self.after.contacts
        if kind not in self.kinds:
            return np.zeros(here.stop - here.start, dtype=np.bool_)
        return np.asarray(self.kind[here] == self.kinds.index(kind))

    def once(self, some: Mask, kind: str) -> Mask:
        """(m,) those of some of a kind; an outcome that stands there for several contacts once."""
        if kind in OF_CONTACTS:
            return some
        place = np.flatnonzero(some)
        _, first = np.unique(self.seq[self.after.contacts][place], return_index=True)
        made = np.zeros_like(some)
        made[place[first]] = True
        return made

    def last(self, offer: str, kind: str, at_us: Ints) -> Ints:
        """(n,) when the last of a kind after an offer happened by (n,) then; `NEVER` if it did not."""
        made = np.full(len(self), NEVER, dtype=np.int64)
        offers = self.after.offers
        if offer in offers:
            here, row = self.after.contacts, self.after.row
            then = self.after.at_us[here]
            some = self.of_kind(kind) & (self.after.offer[here] == offers.index(offer)) & (then <= at_us[row])
            np.maximum.at(made, row[some], then[some])
        return made

    def _happened(self, first: int, last: int) -> list[Happened]:
        after = self.after
        columns = (after.at_us, self.kind, after.offer, after.channel, self.seq)
        return [
            Happened(at_us, self.kinds[kind], after.offers[offer], after.channels[channel], seq)
            for at_us, kind, offer, channel, seq in zip(
                *(one[first:last].tolist() for one in columns), strict=True
            )
        ]
