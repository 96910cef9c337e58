"""What packages above the engine say beside a plan: the entry points of the group ``nextbest.plan``.

Each is a function of (connection, edited program, moment, decisions to look at) that only reads, and answers
with a `Said`, or None where it has nothing to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from typing import Any

from sqlalchemy import Connection

from engine.domain import Program

GROUP = "nextbest.plan"


@dataclass(frozen=True, slots=True)
class Said:
    """What is said: lines for people, figures for JSON."""

    lines: tuple[str, ...]
    figures: Mapping[str, Any]


Sayer = Callable[[Connection, Program, datetime, int], Said | None]


def sayers() -> dict[str, Sayer]:
    """Everybody who has something to say, by name."""
    return {point.name: point.load() for point in metadata.entry_points(group=GROUP)}


def beside(connection: Connection, new: Program, at: datetime, decisions: int) -> dict[str, Said]:
    """What is said of a program that is to replace the live one of its name."""
    said = {name: ask(connection, new, at, decisions) for name, ask in sorted(sayers().items())}
    return {name: one for name, one in said.items() if one is not None}
