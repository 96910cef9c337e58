"""What of each budget is used, reserved and left, and what more of it would be worth: for people to read."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection

from engine.budget.tariff import LIFE_US, MICRO, Tariff, tariffs
from engine.domain import Program
from engine.store import ledger


class Account(msgspec.Struct, frozen=True):
    """One period of a budget.

    `until` is when it ends, null for the program's whole life; `price` is what one more unit would earn, in
    money.
    """

    budget: str
    unit: str
    until: str | None
    quota: float
    used: float
    reserved: float
    left: float
    price: float


def accounts(connection: Connection, program: Program, at_us: int) -> list[Account]:
    """Every budget of a program: the period of now, and those to come that were drawn on already.

    What was held too long is free again, though the ledger says so only with the next decision.
    """
    pages = {(page.budget, page.start_us): page for page in ledger.all_pages(connection, program.name)}
    held = {(name, start): amount for name, start, amount in ledger.overdue(connection, program.name, at_us)}
    found = []
    for tariff in tariffs(program):
        now = tariff.start(at_us)
        own = [start for budget, start in pages if budget == tariff.budget.name and tariff.begins(start)]
        later = [start for start in own if start > now]
        for start in [now, *sorted(later)] if tariff.period else [LIFE_US]:
            page = pages.get((tariff.budget.name, start))
            used, reserved, price = (page.used, page.reserved, page.price) if page else (0, 0, 0.0)
            reserved -= held.get((tariff.budget.name, start), 0)
            found.append(_account(tariff, start, used, reserved, price))
    return found


def _account(tariff: Tariff, start_us: int, used: int, reserved: int, price: float) -> Account:
    left = max(0, tariff.quota - used - reserved)
    until = tariff.in_words(start_us).removeprefix(" until ") or None
    return Account(
        tariff.budget.name,
        tariff.budget.unit,
        until,
        tariff.quota / MICRO,
        used / MICRO,
        reserved / MICRO,
        left / MICRO,
        price,
    )
