"""A plan: what a program file would change if it were applied now, and for how many customers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from engine.domain import Program
from engine.plan.change import Change
from engine.plan.check import Found, check
from engine.plan.diff import diff
from engine.plan.finder import Finder, Hurdle
from engine.plan.people import people
from engine.plan.reach import ASKED, Reach
from engine.plan.sample import sample
from engine.screen import screen
from engine.situation import columns
from engine.store import customers
from engine.uncollected import uncollected

CHUNK = 5_000


class Plan(msgspec.Struct, frozen=True):
    """What applying a file would change.

    Attributes:
        live: the version that is current, None if the store has no such program.
        sha: of the file and of what it is compared with; the same plan has the same.
    """

    program: str
    source: str
    live: int | None
    changes: tuple[Change, ...]
    findings: list[Found]
    sha: str


class Numbers(msgspec.Struct, frozen=True):
    """A number of customers by the live program and by the new one; None where one has no such thing."""

    before: int | None
    after: int | None


class Effect(msgspec.Struct, frozen=True):
    """Whom the programs reach, on customers of the store as they are at one moment.

    Attributes:
        customers, population: looked at, and in the store.
        error: how far a share may be off for all customers, 19 times in 20; 0 where all are looked at.
        stages, rules, offers: customers let through, by name.
        nothing: customers left with nothing.
        freed: of those the new program leaves with nothing, whom the removal of one hurdle would free.
        hurdles: those hurdles of the new program.
    """

    customers: int
    population: int
    error: float
    stages: dict[str, Numbers]
    rules: dict[str, Numbers]
    offers: dict[str, Numbers]
    nothing: Numbers
    freed: int
    hurdles: list[Hurdle]


def plan(live: Program | None, new: Program) -> Plan:
    """What `new` changes against the live program."""
    shas = ((live.sha256 if live else ""), new.sha256)
    return Plan(
        new.name,
        new.source,
        live.version if live else None,
        diff(live, new) if live else (),
        check(new),
        hashlib.sha256("\n".join((new.name, *shas)).encode()).hexdigest()[:12],
    )


@uncollected()
def effect(
    connection: Connection,
    live: Program | None,
    new: Program,
    at: datetime,
    size: int,
) -> Effect | None:
    """Count customers by both programs; None where the store has none. Only reads.

    Args:
        at: the moment decided for.
        size: how many customers to look at; 0 for all.
    """
    chosen = sample(customers.customer_ids(connection), size)
    if not chosen.ids:
        return None
    before, after, finder = Reach(), Reach(), Finder(new)
    ready, was = screen(new), screen(live) if live else None
    for start in range(0, len(chosen.ids), CHUNK):
        ids = chosen.ids[start : start + CHUNK]
        if live is not None and was is not None:
            before.add(live, was, columns(live, people(connection, live, ids, at)))
        found = people(connection, new, ids, at)
        finder.add(found, after.add(new, ready, columns(new, found)))
    return Effect(
        len(chosen.ids),
        chosen.population,
        chosen.error,
        _side_by_side(before.stages, after.stages, ASKED),
        _side_by_side(before.rules, after.rules),
        _side_by_side(before.offers, after.offers),
        Numbers(before.nothing if live else None, after.nothing),
        finder.freed,
        finder.hurdles(),
    )


def _side_by_side(
    before: Mapping[str, int], after: Mapping[str, int], names: Sequence[str] = ()
) -> dict[str, Numbers]:
    """The names of the new program first, then those only the live one has."""
    known = dict.fromkeys([*names, *after, *before])
    return {name: Numbers(before.get(name), after.get(name)) for name in known}
