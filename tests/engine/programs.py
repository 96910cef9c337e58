"""A small program with every kind of limit in it, and customers to decide for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from engine.applied import apply_text
from engine.calendar import microseconds
from engine.decide import Batch, Decided, decide
from engine.domain import Program
from engine.live import live
from engine.program import loads
from engine.request import Request
from engine.store import customers
from engine.store.rows import CustomerRow

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TEXT = """
program: spring
attributes:
  age: integer
  spend: number
  country: {type: text, levels: ["NO", SE, DK]}
predictions: {p_buy.sale: sale}
offers:
  sale: {value: 40, priority: 3, eligible: age >= 18}
  loyalty: {value: 20, cost: 0.5, priority: 2, suitable: "country IN ('NO', 'SE')"}
  news: {value: 1, priority: 1}
channels:
  email: {cost: 0.01, consent: marketing, caps: [2 per 7 days]}
  sms: {cost: 0.1, consent: sms, quiet: "21:00-08:00"}
slots:
  now: {}
  tonight: {at: "18:30"}
caps: [3 per 7 days]
goal:
  outcomes: {purchase: {share: 0.5}, visit: 1, unsubscribe: -5}
  window: 7 days
arms: {policy: 0.5, random: 0.2, bau: 0.1, holdout: 0.2}
policy: {kind: linear, waves: 20}
bau: {kind: priority}
"""


def spring(text: str = TEXT) -> Program:
    """The program, not stored."""
    return loads(text.encode(), "spring.yaml", 1)


def applied(connection: Connection, text: str = TEXT, at: datetime = AT) -> Program:
    """The program, stored."""
    return apply_text(connection, loads(text.encode(), "spring.yaml"), text.encode(), at)


def person(name: str, **attributes: Any) -> CustomerRow:
    """A grown-up in Oslo who said yes to everything."""
    known = {"age": 40, "spend": 12.5, "country": "NO", **attributes}
    return CustomerRow(name, known, {"marketing": True, "sms": True}, "Europe/Oslo", microseconds(AT))


def people(connection: Connection, n: int) -> list[str]:
    """n customers in the store, differing in age, spend and country."""
    countries = ("NO", "SE", "DK")
    rows = [person(f"c{i}", age=15 + i % 60, spend=float(i % 17), country=countries[i % 3]) for i in range(n)]
    customers.put_customers(connection, rows)
    return [row.id for row in rows]


def ask(
    connection: Connection, names: list[str], at: datetime = AT, key: str = "k", program: str = "spring"
) -> Batch:
    """Decide for those customers, key "KEY:CUSTOMER"."""
    requests = [Request(name, program, f"{key}:{name}", at) for name in names]
    return decide(connection, requests, {program: live(connection, program)})


def settled(batch: Batch) -> list[Decided]:
    """The decisions of a batch in which none is refused."""
    answers = [one for one in batch.answers if isinstance(one, Decided)]
    assert len(answers) == len(batch.answers)
    return answers
