"""Customers of the store as a decision would find them. Nothing is assigned, and nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from engine.budget.book import Book
from engine.calendar import microseconds
from engine.domain import Program
from engine.enrol import Enrolled
from engine.gather import gather
from engine.request import Request
from engine.situation import Situation


def people(connection: Connection, program: Program, ids: Sequence[str], at: datetime) -> list[Situation]:
    """A situation for each customer, as if in the policy's arm, with what budgets have left.

    What an earlier reservation still holds counts as used, even if it is to be released by now.
    """
    requests = [Request(customer, program.name, f"plan:{customer}", at) for customer in ids]
    situations = gather(connection, program, requests, Enrolled(["policy"] * len(ids), ids))
    if not program.budgets or not situations:
        return situations
    unsettled = tuple(replace(budget, settled_by="", hold=None) for budget in program.budgets)
    return Book(connection, replace(program, budgets=unsettled), [microseconds(at)], None).limited(situations)
