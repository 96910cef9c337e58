from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from engine.budget.account import accounts
from engine.budget.tariff import LIFE_US
from engine.calendar import microseconds
from engine.decide import Batch, decide
from engine.live import live
from engine.request import Request
from engine.situation import decode
from engine.store import Store, customers, ledger, open_store, outcomes
from engine.store.rows import DecisionRow, OutcomeRow
from engine.store.savepoint import undoable
from tests.engine.budget.scarce import hours, scarce
from tests.engine.programs import AT, applied, ask, people, person, settled

STOCK = """
program: spring
attributes: {age: integer}
offers: {sale: {value: 40, stock: STOCK}, news: {value: 1}}
channels: {email: {cost: 0.01, consent: marketing}}
slots: {now: {}}
goal: {outcomes: {purchase: 1, visit: 1}, window: 2 days}
arms: {policy: 0.6, random: 0.2, bau: 0.2}
policy: {kind: formula, epsilon: 0.5}
bau: {kind: priority}
"""


class Undone(Exception):
    pass


def rows(batch: Batch) -> list[DecisionRow]:
    return [one.row for one in settled(batch)]


def sold(made: list[DecisionRow]) -> int:
    return sum(row.offer == "sale" for row in made)


@pytest.mark.parametrize("stock", [1, 7, 60])
def test_one_commit_sells_what_there_is_and_not_a_piece_more(store: Store, stock: int) -> None:
    with store.write() as c:
        applied(c, STOCK.replace("STOCK", str(stock)))
        batch = ask(c, people(c, 400))
    assert sold(rows(batch)) == stock
    assert len(batch.rounds) <= 8  # a turn is cut where the last pieces go, and not before


def test_a_group_decides_as_one_after_the_other_at_the_same_prices(store: Store) -> None:
    names, prices = [f"c{i}" for i in range(80)], {("stock sale", LIFE_US): 3.0}
    with store.write() as c:
        applied(c, STOCK.replace("STOCK", "20"))
        people(c, 80)
        current = {"spring": live(c, "spring")}
        requests = [Request(name, "spring", name, AT) for name in names]
        with suppress(Undone), undoable(c):
            one_by_one = [settled(decide(c, [one], current, prices))[0].row for one in requests]
            raise Undone
        at_once = rows(decide(c, requests, current, prices))
    assert sold(at_once) == 20
    for one, other in zip(one_by_one, at_once, strict=True):
        assert (one.action, one.propensity, one.feasible) == (other.action, other.propensity, other.feasible)


def test_a_budget_that_lasts_does_not_cut_a_turn(store: Store) -> None:
    with store.write() as c:
        applied(c, STOCK.replace("STOCK", "100000"))
        assert len(ask(c, people(c, 400)).rounds) == 1


def test_what_a_propensity_says_is_how_often_it_happens_when_the_stock_runs_out(store: Store) -> None:
    """1 / propensity is on average the size of the feasible set, if propensities are exact."""
    made: list[DecisionRow] = []
    with store.write() as c:
        applied(c, STOCK.replace("STOCK", "3 per hour"))
        names = people(c, 12)
        for hour in range(160):
            made += rows(ask(c, names, AT + hours(hour), f"{hour}"))
    policy = [row for row in made if row.arm == "policy"]
    sizes = np.array([np.unpackbits(np.frombuffer(row.feasible, np.uint8)).sum() for row in policy])
    excess = np.array([1 / row.propensity for row in policy]) - sizes
    assert 0.3 < (sizes == 3).mean() < 0.9
    for size in (2, 3):
        part = excess[sizes == size]
        assert abs(part.mean()) < 4 * part.std() / np.sqrt(len(part))


def test_the_holdout_draws_nothing(store: Store) -> None:
    with store.write() as c:
        text = STOCK.replace("STOCK", "9").replace(
            "{policy: 0.6, random: 0.2, bau: 0.2}", "{policy: 0.5, holdout: 0.5}"
        )
        applied(c, text)
        made = rows(ask(c, people(c, 200)))
    assert sum(row.withheld is not None and "sale" in row.withheld for row in made) > 0
    assert sold(made) == 9


def events(*told: tuple[str, DecisionRow, int], named: bool = True) -> list[OutcomeRow]:
    """(kind, decision, hours after) as outcomes."""
    return [
        OutcomeRow(f"{kind}:{row.id}", row.id if named else None, row.customer, kind, 1.0, at, at)
        for kind, row, after in told
        if (at := row.at_us + after * 3_600_000_000)
    ]


def state(store: Store, budget: str) -> tuple[int, int]:
    """Pieces used and reserved."""
    with store.read() as c:
        (page,) = [page for page in ledger.all_pages(c, "spring") if page.budget == budget]
    return page.used // 1_000_000, page.reserved // 1_000_000


def test_a_reservation_is_settled_released_or_runs_out(store: Store) -> None:
    text = STOCK.replace("STOCK", "{count: 4, settled_by: purchase, hold: 1 day}")
    with store.write() as c:
        applied(c, text)
        made = [row for row in rows(ask(c, people(c, 60))) if row.offer == "sale"]
    assert state(store, "stock sale") == (0, 4)
    with store.write() as c:
        outcomes.append_outcomes(c, events(("purchase", made[0], 1), ("bounced", made[1], 1)))
        outcomes.append_outcomes(c, events(("purchase", made[2], 2), named=False))
        outcomes.append_outcomes(c, events(("bounced", made[0], 3), ("click", made[3], 3)))
    assert state(store, "stock sale") == (2, 1)
    with store.write() as c:
        again = rows(ask(c, people(c, 60), AT + hours(25), "later"))
    assert sold(again) == 2
    assert state(store, "stock sale") == (2, 2)
    with store.write() as c:
        outcomes.append_outcomes(c, events(("purchase", made[3], 30)))
    assert state(store, "stock sale") == (2, 2)  # sold too late, when nothing was left
    with store.write() as c:
        ask(c, people(c, 1), AT + hours(60), "latest")
        outcomes.append_outcomes(c, events(("purchase", made[3], 61), ("visit", made[3], 61)))
        outcomes.append_outcomes(
            c, [OutcomeRow("x", made[3].id, made[3].customer, "purchase", 1.0, 10**15, 0)]
        )
    assert state(store, "stock sale")[0] == 3  # sold too late, but there was one left


def test_an_account_shows_what_was_held_too_long_as_free_before_the_next_decision(store: Store) -> None:
    text = STOCK.replace("STOCK", "{count: 4, settled_by: purchase, hold: 1 day}")
    with store.write() as c:
        applied(c, text)
        made = [row for row in rows(ask(c, people(c, 60))) if row.offer == "sale"]
        outcomes.append_outcomes(c, events(("purchase", made[0], 1)))
        program = live(c, "spring").program
        told = [accounts(c, program, microseconds(AT + hours(after)))[0] for after in (23, 25)]
    assert [(one.used, one.reserved, one.left) for one in told] == [(1, 3, 0), (1, 0, 3)]


def test_another_version_of_the_program_goes_on_with_the_ledger(store: Store) -> None:
    with store.write() as c:
        applied(c, STOCK.replace("STOCK", "5"))
        first = rows(ask(c, people(c, 50)))
        applied(c, STOCK.replace("STOCK", "8"))
        second = rows(ask(c, people(c, 50), key="b"))
        applied(c, STOCK.replace("STOCK", "2"))
        third = rows(ask(c, people(c, 50), key="c"))
    assert (sold(first), sold(second), sold(third)) == (5, 3, 0)


def test_a_group_that_fails_leaves_the_ledger_as_it_was(store: Store) -> None:
    with store.write() as c:
        applied(c, STOCK.replace("STOCK", "5"))
        names = people(c, 50)
    with pytest.raises(ZeroDivisionError), store.write() as c:
        assert sold(rows(ask(c, names))) == 5
        raise ZeroDivisionError
    with store.write() as c:
        assert ledger.all_pages(c, "spring") == []
        assert sold(rows(ask(c, names))) == 5


def test_a_price_spreads_a_days_capacity_over_the_day(store: Store) -> None:
    text = STOCK.replace(", stock: STOCK", "").replace("epsilon: 0.5", "epsilon: 0.0")
    text = text.replace("program: spring", "program: spring\npredictions: {p_buy.sale: sale}")
    text = text.replace("{email: {", "{email: {capacity: 30 per day, ").replace(
        "{policy: 0.6, random: 0.2, bau: 0.2}", "{policy: 1}"
    )
    chance, sent, prices = np.random.default_rng(7), Counter[int](), []
    with store.write() as c:
        applied(c, text, AT - hours(9))
        customers.put_customers(c, [person("c")])
        current = live(c, "spring")
        for minute in range(0, 1440, 4):
            at = AT - hours(9) + hours(1) * (minute / 60)
            p = float(chance.beta(1, 9))
            request = Request("c", "spring", f"{minute}", at, {"p_buy.sale": p})
            (answer,) = settled(decide(c, [request], {"spring": current}))
            sent[minute // 360] += answer.row.contact
            prices.append(decode(answer.row.situation).limits["capacity email"].drawn[0][2])
    assert 27 <= sum(sent.values()) <= 30
    assert min(sent[quarter] for quarter in range(4)) >= 3
    assert 4.0 < np.median(prices[60:]) < 16.0  # a twelfth of beta(1, 9) lies above 0.24: 9.6 of 40


CHILD = """
import json, sys
from engine.service import Service
from engine.request import Request
from engine.store import open_store
from tests.engine.programs import AT
store, sold = open_store(sys.argv[1]), 0
service = Service(store)
for group in range(8):
    asked = [Request(f"c{i}", "spring", f"{sys.argv[2]}:{group}:{i}", AT) for i in range(20)]
    with store.write() as c:
        made = service.answer(c, asked)
    sold += sum(one.row.offer == "sale" for one in made)
print(json.dumps(sold))
store.close()
"""


def test_two_processes_sell_what_there_is_and_not_a_piece_more(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = open_store(path)
    with store.write() as c:
        applied(c, STOCK.replace("STOCK", "90"))
        people(c, 20)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path), name], stdout=subprocess.PIPE, env=environment, text=True
        )
        for name in ("a", "b")
    ]
    total = sum(json.loads(child.communicate(timeout=120)[0]) for child in children)
    assert total == 90
    assert state(store, "stock sale") == (90, 0)
    store.close()


def test_a_budget_that_comes_anew_otherwise_starts_anew_and_finds_its_pages_again(store: Store) -> None:
    at, told = datetime(2026, 11, 30, 22, tzinfo=UTC), []
    with store.write() as c:
        customers.put_customers(c, [person(f"c{i}") for i in range(12)])
        for i, per in enumerate(("9", "9 per day", "9 per 2 weeks", "9")):
            applied(c, scarce("Europe/Oslo", "month").replace("stock: 9", f"stock: {per}"))
            current = live(c, "spring")
            decide(c, [Request(f"c{n}", "spring", f"{i}:{n}", at) for n in range(12)], {"spring": current})
            known = accounts(c, current.program, microseconds(at))
            told.append(next((one.until, one.used) for one in known if one.budget == "stock sale"))
    assert [until for until, _ in told] == [None, "2026-12-01", "2026-12-07", None]
    assert 0 < told[0][1] <= told[3][1]
