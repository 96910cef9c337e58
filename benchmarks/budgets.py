"""What shadow prices earn with scarce stock: `python -m benchmarks.budgets [--json] [--n N] [--seeds S]`.

A stationary world: n customers come through a day, each with an expected value for each of three offers;
there is stock for a tenth of those who would be sent the offer. Earned is the expected net value of what the
real engine sends, on a real store, as a share of the offline optimum (the linear program that knows everyone
beforehand): first come first served, in real time with prices paced to the end of the day, and as one batch
with prices solved beforehand. The policy goes by the true expected values, so nothing but allocation differs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_matrix, vstack
from sqlalchemy import Connection

from engine.applied import apply_text
from engine.budget.book import Prices
from engine.budget.solve import prices
from engine.calendar import microseconds
from engine.decide import Decided, decide
from engine.live import Lives
from engine.program import loads
from engine.request import Request
from engine.store import ledger, open_store
from engine.store.customers import put_customers
from engine.store.predictions import put_predictions
from engine.store.rows import CustomerRow, PredictionRow
from policies.base import Floats, Ints

START = datetime(2026, 11, 24, tzinfo=UTC)
VALUES = (40.0, 25.0, 60.0)
COST = 0.1
SCARCE = 0.1


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--json", action="store_true")
    asked.add_argument("--n", type=int, default=20_000)
    asked.add_argument("--seeds", type=int, default=3)
    given = asked.parse_args()
    runs = [measure(given.n, seed) for seed in range(given.seeds)]
    shares = {
        f"{name}, {law}": round(statistics.mean(one[law][name] for one in runs), 4)
        for law in LAWS
        for name in runs[0][law]
    }
    found: dict[str, object] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "n": given.n,
        "seeds": given.seeds,
        **shares,
    }
    print(json.dumps(found) if given.json else "\n".join(f"{name}: {value}" for name, value in found.items()))


def even(chance: np.random.Generator, n: int) -> Floats:
    """Responses spread over the whole range, each offer's independent of the other's."""
    return chance.beta(1.0, 9.0, (n, len(VALUES)))


def alike(chance: np.random.Generator, n: int) -> Floats:
    """Some customers respond to everything, most to nothing."""
    return chance.beta(0.3, 6.0, (n, 1)) * chance.uniform(0.7, 1.3, (n, len(VALUES)))


def banded(chance: np.random.Generator, n: int) -> Floats:
    """Three bands of response only: very many customers are worth the same."""
    return chance.choice([0.02, 0.05, 0.2], (n, len(VALUES)), p=[0.6, 0.37, 0.03])


LAWS = {"even": even, "alike": alike, "banded": banded}


def measure(n: int, seed: int) -> dict[str, dict[str, float]]:
    """Shares of the offline optimum, by law of the responses and way of deciding."""
    found = {}
    for law, responses in LAWS.items():
        chance = np.random.default_rng([seed, n])
        worth = responses(chance, n) * np.array(VALUES) - COST
        best = np.argmax(np.column_stack([np.zeros(n), worth]), axis=1)
        stock = [max(1, int(SCARCE * (best == j + 1).sum())) for j in range(len(VALUES))]
        groups = list(arrivals(chance, n))
        most = optimum(worth, stock)
        found[law] = {
            "first come": earned(worth, stock, groups, deadline=False) / most,
            "in real time": earned(worth, stock, groups, deadline=True) / most,
            "as a batch": earned(worth, stock, [(0.0, np.arange(n))], deadline=False, solved=True) / most,
        }
    return found


def arrivals(chance: np.random.Generator, n: int) -> Iterator[tuple[float, Ints]]:
    """Groups of 1 to 32 customers, at their share of the day."""
    i = 0
    while i < n:
        size = int(chance.integers(1, 33))
        yield i / n, np.arange(i, min(i + size, n))
        i += size


def optimum(worth: Floats, stock: Sequence[int]) -> float:
    """The most that any allocation earns: at most one offer a customer, no more than the stock of each."""
    n, k = worth.shape
    one_each = csr_matrix((np.ones(n * k), (np.repeat(np.arange(n), k), np.arange(n * k))))
    in_stock = csr_matrix((np.ones(n * k), (np.tile(np.arange(k), n), np.arange(n * k))))
    solved = linprog(
        -worth.ravel(),
        A_ub=vstack([one_each, in_stock]),
        b_ub=np.array([1.0] * n + list(stock)),
        method="highs",
    )
    return float(-solved.fun)


def program(stock: Sequence[int], deadline: bool) -> str:
    """Three offers in stock; with a deadline they end with the day."""
    ends = f', ends: "{START + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"' if deadline else ""
    offers = "\n".join(f"  o{j}: {{value: {VALUES[j]}, stock: {stock[j]}{ends}}}" for j in range(len(stock)))
    scores = "\n".join(f"  p_buy.o{j}: o{j}" for j in range(len(stock)))
    return f"""
program: scarce
predictions:
{scores}
offers:
{offers}
channels: {{mail: {{cost: {COST}, consent: marketing}}}}
slots: {{now: {{}}}}
goal: {{outcomes: {{purchase: 1}}, window: 2 days}}
arms: {{policy: 1}}
policy: {{kind: formula}}
bau: {{kind: priority}}
"""


def earned(
    worth: Floats,
    stock: Sequence[int],
    groups: Sequence[tuple[float, Ints]],
    deadline: bool,
    solved: bool = False,
) -> float:
    """Expected net value of what the engine sends."""
    text = program(stock, deadline).encode()
    with tempfile.TemporaryDirectory(prefix="nextbest-") as folder:
        store = open_store(Path(folder) / "store.db")
        with store.write() as connection:
            apply_text(connection, loads(text, "scarce.yaml"), text, START)
            put_people(connection, worth)
        total, lives = 0.0, Lives()
        for share, members in groups:
            at = START + share * timedelta(days=1)
            requests = [Request(f"c{i}", "scarce", f"k{i}", at) for i in members]
            with store.write() as connection:
                live = lives.get(connection, "scarce")
                going: Prices | None = prices(connection, live, requests) if solved else None
                made = decide(connection, requests, {"scarce": live}, going)
            for i, answer in zip(members, made.answers, strict=True):
                assert isinstance(answer, Decided)
                total += worth[i, int(answer.row.offer[1:])] if answer.row.offer else 0.0
        with store.read() as connection:
            assert all(
                page.used + page.reserved <= page.quota for page in ledger.all_pages(connection, "scarce")
            )
        store.close()
    return total


def put_people(connection: Connection, worth: Floats) -> None:
    """The customers, with true predictions of their responses."""
    response = ((worth + COST) / np.array(VALUES)).tolist()
    at_us = microseconds(START)
    put_customers(
        connection, [CustomerRow(f"c{i}", {}, {"marketing": True}, "UTC", at_us) for i in range(len(worth))]
    )
    scores = [
        PredictionRow(f"c{i}", f"p_buy.o{j}", "1", p, at_us, at_us)
        for i, row in enumerate(response)
        for j, p in enumerate(row)
    ]
    put_predictions(connection, scores)


if __name__ == "__main__":
    main()
