from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.sparse import csr_matrix, hstack, identity, vstack

from engine.budget.solve import prices, prices_of_all
from engine.budget.tariff import LIFE_US
from engine.calendar import microseconds
from engine.decide import decide
from engine.live import live
from engine.request import Request
from engine.store import Store, ledger
from engine.store.customers import put_customers
from engine.store.predictions import put_predictions
from engine.store.rows import PredictionRow
from policies.base import Floats
from tests.engine.programs import AT, applied, person, settled

TEXT = """
program: spring
attributes: {age: integer}
predictions: {p.a: a, p.b: b}
offers: {a: {value: 40, stock: STOCK_A}, b: {value: 25, stock: STOCK_B}}
channels: {email: {cost: 0.01, consent: marketing}}
slots: {now: {}}
goal: {outcomes: {purchase: 1}, window: 2 days}
arms: {policy: 1}
policy: POLICY
bau: {kind: priority}
"""
N = 1500


def asked(store: Store, stock: tuple[int, int], policy: str, p: Floats) -> list[Request]:
    text = TEXT.replace("STOCK_A", str(stock[0])).replace("STOCK_B", str(stock[1])).replace("POLICY", policy)
    names, at_us = [f"c{i}" for i in range(len(p))], microseconds(AT)
    scores = [
        PredictionRow(name, f"p.{offer}", "1", float(p[i, j]), at_us, at_us)
        for i, name in enumerate(names)
        for j, offer in enumerate("ab")
    ]
    with store.write() as c:
        applied(c, text)
        put_customers(c, [person(name) for name in names])
        put_predictions(c, scores)
    return [Request(name, "spring", f"b:{name}", AT) for name in names]


def responses(seed: int) -> Floats:
    return np.random.default_rng(seed).beta(1, 9, (N, 2))


def dual(worth: Floats, stock: tuple[int, int]) -> Floats:
    """Prices of the allocation problem, by linear programming."""
    n, k = worth.shape
    one_each = csr_matrix((np.ones(n * k), (np.repeat(np.arange(n), k), np.arange(n * k))))
    in_stock = hstack([identity(k)] * n)
    bound = np.array([1.0] * n + list(stock))
    solved = linprog(-worth.ravel(), A_ub=vstack([one_each, in_stock]), b_ub=bound, method="highs")
    return np.asarray(-solved.ineqlin.marginals[-k:])


@pytest.mark.parametrize("stock", [(60, 60), (20, 400), (5000, 90)])
def test_the_prices_are_those_of_the_linear_program(store: Store, stock: tuple[int, int]) -> None:
    p = responses(1)
    requests = asked(store, stock, "{kind: formula}", p)
    with store.write() as c:
        found = prices(c, live(c, "spring"), requests)
    expected = dual(p * [40, 25] - 0.01, stock)
    for name, price in zip(("stock a", "stock b"), expected, strict=True):
        assert found.get((name, LIFE_US), 0.0) == pytest.approx(price, rel=0.03, abs=0.02)


@pytest.mark.parametrize("policy", ["{kind: formula, epsilon: 0.05}", "{kind: linear, waves: 0}"])
def test_what_is_priced_is_used_whole_and_lasts_to_the_end_of_the_batch(store: Store, policy: str) -> None:
    requests = asked(store, (150, 250), policy, responses(2))
    with store.write() as c:
        current = live(c, "spring")
        made = decide(c, requests, {"spring": current}, prices(c, current, requests))
        used = [page.used / 1_000_000 for page in ledger.all_pages(c, "spring")]
    assert 0.85 * 150 <= used[0] <= 150
    assert 0.85 * 250 <= used[1] <= 250
    late = [one.row for one in settled(made)][-N // 5 :]
    assert sum(row.offer == "a" for row in late) > 0.4 * 150 / 5


def test_what_lasts_anyway_is_free(store: Store) -> None:
    requests = asked(store, (N, N), "{kind: formula}", responses(3))
    with store.write() as c:
        assert prices(c, live(c, "spring"), requests) == {}


def test_a_sample_stands_for_the_whole_batch(store: Store) -> None:
    requests = asked(store, (100, 100), "{kind: formula}", responses(4))
    with store.write() as c:
        current = live(c, "spring")
        whole, part = prices(c, current, requests), prices(c, current, requests[::3], 3.0)
    assert part["stock a", LIFE_US] == pytest.approx(whole["stock a", LIFE_US], rel=0.15)


def test_a_program_without_budgets_has_no_prices(store: Store) -> None:
    requests = asked(store, (1, 1), "{kind: formula}", responses(6)[:5])
    with store.write() as c:
        applied(
            c,
            TEXT.replace(", stock: STOCK_A", "")
            .replace(", stock: STOCK_B", "")
            .replace("POLICY", "{kind: formula}"),
        )
        assert prices_of_all(c, live(c, "spring"), requests) == {}


def test_a_batch_that_goes_on_prices_what_is_left_for_who_is_left(store: Store) -> None:
    requests = asked(store, (100, 100), "{kind: formula}", responses(5))
    with store.write() as c:
        current = live(c, "spring")
        whole = prices(c, current, requests)
        decide(c, requests[: N // 2], {"spring": current}, whole)
        rest = prices(c, current, requests)
    assert rest["stock a", LIFE_US] == pytest.approx(whole["stock a", LIFE_US], rel=0.15)
