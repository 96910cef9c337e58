"""Outcomes that settle what decisions drew on budgets: the decisions have rows then."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from engine.store import folds
from engine.store.directory import hashes
from engine.store.headers import common


def have_rows(c: Connection, came: Collection[tuple[str, str]]) -> None:
    """Have the rows of customers made whose decisions in a fold drew on what an outcome settles.

    Args:
        came: customer and kind of outcomes.
    """
    if (turn := folds.turn_of(c)) is None or not came:
        return
    who, kinds = zip(*came, strict=True)
    found = folds.find(c, turn, "customers", hashes(who))
    folds.customers(c, {who[i] for number, i in found if kinds[i] in common(c, number).settling})
