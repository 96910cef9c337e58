"""What a policy keeps: words (anything JSON) and arrays. The form in which snapshots carry it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from policies.base import Policy


@dataclass(frozen=True, slots=True)
class State:
    """`words` survive JSON unchanged; `arrays` are little-endian numbers or bytes."""

    words: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]


@runtime_checkable
class Kept(Policy, Protocol):
    """A policy that can be kept in a snapshot and made again from it."""

    kind: str
    settings: Mapping[str, Any]

    def state(self) -> State:
        """All that was learnt."""
        ...

    def restore(self, state: State) -> None:
        """Become the policy that gave this state; called on a new one made with the same settings."""
        ...
