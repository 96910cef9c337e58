"""A column of few distinct values: places among them. What hangs on it is worked out once a value."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from engine.happenings import Happenings
from engine.pasts import Pasts
from policies.base import Ints

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Coded(Sequence[T], Generic[T]):
    """n values, those at (n,) places of `levels`."""

    place: Ints
    levels: Sequence[T]

    def __len__(self) -> int:
        return len(self.place)

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> Coded[T]: ...
    def __getitem__(self, at: int | slice) -> T | Coded[T]:
        if isinstance(at, slice):
            return Coded(self.place[at], self.levels)
        return self.levels[int(self.place[at])]

    def __contains__(self, value: object) -> bool:
        return value in self.levels and bool((self.place == self.levels.index(value)).any())

    def __iter__(self) -> Iterator[T]:
        return iter([self.levels[j] for j in self.place.tolist()])


def nothing_in(values: Sequence[Any]) -> bool:
    """Whether all values are known to be empty, without looking at each."""
    if isinstance(values, Happenings):
        values = values.after
    if isinstance(values, Pasts):
        return bool(values.contacts.start == values.contacts.stop)
    return isinstance(values, Coded) and not any(values.levels)


def every(values: Sequence[bool]) -> bool:
    """Whether all values are true, without looking at each where no level is not."""
    return (isinstance(values, Coded) and all(values.levels)) or all(values)


def levels(values: Sequence[T]) -> Sequence[T]:
    """What may be among the values, in fewer places where that is known."""
    return values.levels if isinstance(values, Coded) else values


def same(value: T, n: int) -> Coded[T]:
    """The value n times."""
    return Coded(np.zeros(n, dtype=np.int64), (value,))


H = TypeVar("H", bound=Hashable)


def coded(values: Sequence[H]) -> Coded[H]:
    """The values with their places among the distinct ones, in the order in which they first occur."""
    if isinstance(values, Coded):
        return values
    levels: dict[H, int] = {}
    place = [levels.setdefault(one, len(levels)) for one in values]
    return Coded(np.array(place, dtype=np.int64), list(levels))


def mapped(values: Sequence[T], test: Callable[[T], bool]) -> NDArray[np.bool_]:
    """(n,) what the test says of each value."""
    if not isinstance(values, Coded):
        return np.array([test(one) for one in values], dtype=np.bool_)
    return np.array([test(one) for one in values.levels], dtype=np.bool_)[values.place]


def where(values: Sequence[H], wanted: AbstractSet[H]) -> NDArray[np.bool_]:
    """(n,) which of the values are among some."""
    return mapped(values, wanted.__contains__)
