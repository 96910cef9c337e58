"""What all decisions of a fold have in common, as far as the store asks for it; read once."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from engine.store.statement import prepare, run
from engine.store.tables import table

_fold = table("fold")
_HEADER = prepare(select(_fold.c.header).where(_fold.c.number == bindparam("number")))


@dataclass(frozen=True, slots=True)
class Common:
    """The time that the decisions were made for, whether the fold keeps profiles, and which kinds of outcome
    settle what the decisions drew on budgets.
    """

    at_us: int
    profiles: bool
    settling: frozenset[str]


def common(c: Connection, number: int) -> Common:
    """What the decisions of a fold have in common."""
    from engine.unfold import header_of

    known: dict[int, Common] = c.get_execution_options()["folds"].common
    if number not in known:
        header = header_of(run(c, _HEADER, number=number)[0][0])
        known[number] = Common(header.at_us, header.profiles is not None, frozenset(header.settling))
    return known[number]
