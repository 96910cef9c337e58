from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from engine.calendar import microseconds
from engine.domain import Program
from engine.program import loads
from engine.store.rows import DecisionRow
from simulator.inspector import Inspector
from tests.engine.programs import AT
from tests.store import made

TEXT = b"""
program: spring
groups: {all: {caps: [3 per 30 days]}, few: {within: all}}
offers:
  sale: {value: 1, group: few, stock: 3, starts: 2026-11-01, ends: 2026-11-30}
  news: {value: 1, group: all}
channels:
  email: {consent: marketing, cost: 0.4, caps: [2 per 7 days]}
  sms: {consent: none, cost: 0.4, quiet: "21:00-08:00"}
slots: {now: {}}
cooldowns: ["unsubscribe: pause 10 days"]
holidays: ["2026-12-25"]
options: 2
budgets: {money: {money: 1 per day, channels: [sms]}}
goal: {outcomes: {purchase: 1}, window: 2 days}
arms: {policy: 0.5, holdout: 0.5}
"""
PROGRAM: Program = loads(TEXT, "spring.yaml", 1)


def row(number: int, after: timedelta = timedelta(0), **given: Any) -> DecisionRow:
    at_us = microseconds(AT + after)
    fields = {"customer": "c", "offer": "news", "channel": "email", "propensity": 1.0, "key": f"k{number}"}
    when = {"at_us": at_us, "send_at_us": at_us, "feasible": bytes([0b11000000])}
    return made.decision(number, **{**fields, **when, **given})


@pytest.fixture
def inspector() -> Inspector:
    found = Inspector({("spring", 1): PROGRAM})
    person = found.person("c")
    person.consent, person.zone = {"marketing": True}, "Europe/Oslo"
    return found


def broken(inspector: Inspector) -> dict[str, int]:
    return dict(+inspector.broken)


def test_what_is_promised_and_kept_is_no_violation(inspector: Inspector) -> None:
    inspector.answered(row(1))
    inspector.answered(row(2, timedelta(days=3)))
    inspector.answered(row(3, timedelta(days=7), offer="sale"))
    inspector.repeated(row(3, timedelta(days=7), offer="sale"))
    assert (broken(inspector), inspector.decisions, inspector.contacts) == ({}, 3, 3)


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("consent", row(1, customer="stranger", offer="news")),
        ("quiet hours", row(1, timedelta(hours=12), channel="sms")),
        ("quiet hours", row(1, customer="stranger", channel="sms")),
        ("holdout", row(1, arm="holdout")),
        ("season", row(1, timedelta(days=10), offer="sale")),
        ("holiday", row(1, timedelta(days=32))),
        ("options", row(1, feasible=bytes([0b11110000]))),
        ("propensity", row(1, propensity=0.0)),
    ],
)
def test_one_decision_can_break_a_promise(kind: str, row: DecisionRow, inspector: Inspector) -> None:
    inspector.answered(row)
    assert kind in broken(inspector)


def test_the_third_in_seven_days_is_one_too_many_in_whatever_order(inspector: Inspector) -> None:
    for number, days in enumerate([6.9, 0, 3]):
        inspector.answered(row(number, timedelta(days=days)))
    assert broken(inspector) == {"cap": 1}


def test_caps_of_the_groups_above_count_their_offers_together(inspector: Inspector) -> None:
    for number in range(4):
        inspector.answered(row(number, timedelta(days=8 * number), offer="news"))
    assert broken(inspector) == {"cap": 1}


def test_a_pause_lasts_to_its_end_and_no_longer(inspector: Inspector) -> None:
    inspector.person("c").outcomes.append((microseconds(AT), "unsubscribe", "", ""))
    inspector.answered(row(1, timedelta(days=10)))
    assert broken(inspector) == {}
    inspector.answered(row(2, timedelta(days=10, microseconds=-1)))
    assert broken(inspector) == {"cool-down": 1}


def test_stock_and_money_run_out(inspector: Inspector) -> None:
    for number in range(4):
        inspector.person(f"c{number}").zone = "Europe/Oslo"
        inspector.answered(row(number, offer="sale", customer=f"c{number}", channel="sms"))
    assert broken(inspector)["budget"] == 1 + 2  # the fourth piece; 0.8 a day are two contacts


def test_a_key_has_one_answer_and_a_customer_one_arm(inspector: Inspector) -> None:
    inspector.answered(row(1))
    inspector.answered(row(2, key="k1", contact=False))
    inspector.answered(row(3, arm="bau", contact=False))
    inspector.repeated(row(4, key="k3", contact=False, arm="bau"))
    assert broken(inspector) == {"duplicate": 1, "arm moved": 1, "repeat answered otherwise": 1}
