"""A store's report is what summing its rows one by one says, and days add up to the whole."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.applied import apply_text
from engine.calendar import microseconds
from engine.errors import RefusedError
from engine.experiments.program import report_program
from engine.experiments.stored import (
    BEFORE,
    CONTACTS,
    MARGIN,
    OFFERS,
    REVENUE,
    REWARD,
    Panel,
    number_of,
    panel,
)
from engine.program import loads
from engine.store import Store, open_store
from engine.store.assignments import assignments_iter, put_assignments
from engine.store.decisions import append_decisions, decisions_iter
from engine.store.flows import DAY_US
from engine.store.outcomes import append_outcomes, outcomes_iter
from tests.experiments.programs import DAY, START, TEXT, Person, shop

LAST = 12
GOAL = {"purchase": (0.0, 0.5), "visit": (1.0, 0.0), "unsubscribe": (-2.0, 0.0)}  # amount, share: as in TEXT
COST = {CONTACTS: 0.05, OFFERS: 0.2}
DAYS = st.integers(0, LAST)
OUTCOMES = st.tuples(
    st.floats(-3, LAST, width=32), st.sampled_from([*GOAL, "song"]), st.integers(0, 400).map(lambda n: n / 8)
)
PEOPLE = st.lists(
    st.builds(
        Person,
        st.sampled_from(["policy", "policy", "random", "bau", "holdout", "excluded"]),
        st.integers(0, 4),
        st.lists(DAYS, max_size=3).map(lambda days: tuple(4 + day for day in days)),
        st.lists(OUTCOMES, max_size=5).map(tuple),
    ),
    min_size=1,
    max_size=14,
)


def by_hand(people: list[Person], day: float) -> dict[str, dict[str, float]]:
    """Every customer with an arm by then, by adding up rows."""
    found: dict[str, dict[str, float]] = {}
    for i, one in enumerate(people):
        if one.arm == "excluded" or one.start > day:
            continue
        sums: Counter[str] = Counter()
        for when, kind, value in one.outcomes:
            amount, share = GOAL.get(kind, (0.0, 0.0))
            at = microseconds(START + when * DAY) - microseconds(START)
            if at > day * DAY_US:
                continue
            if at < one.start * DAY_US:
                sums[BEFORE] += amount + share * value
            else:
                sums[MARGIN] += amount + share * value
                sums[REVENUE] += value
                sums[number_of(kind)] += 1
        sent = [each for each in set(one.contacts) if each <= day]
        for name, price in COST.items():
            sums[name] += price * len(sent)
        sums["contacts"] = len(sent)
        sums[REWARD] = sums[MARGIN] - sums[CONTACTS] - sums[OFFERS]
        sums["decisions"] = len({one.start, *sent})
        found[f"c{i}"] = dict(sums)
    return found


def read(store: Store, day: float) -> Panel | None:
    with store.read() as connection:
        try:
            return panel(connection, "spring", START + day * DAY)
        except RefusedError:
            return None


def same(one: float, other: float) -> bool:
    return one == pytest.approx(other, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(PEOPLE, st.integers(0, LAST + 4))
def test_every_customers_sums_are_those_of_the_rows(people: list[Person], day: int) -> None:
    with TemporaryDirectory() as folder:
        store = shop(Path(folder) / "shop.db", people)
        found, wanted = read(store, day), by_hand(people, day)
        store.close()
    if found is None:
        assert not wanted and all(one.start > day for one in people)
        return
    told = {row["customer"]: row for row in found.units.iter_rows(named=True)}
    assert told.keys() == wanted.keys()
    for customer, sums in wanted.items():
        for name, value in sums.items():
            assert same(told[customer][name], value), (customer, name)
    assert {number_of(kind) for kind in found.kinds} == {
        name for sums in wanted.values() for name in sums if name.startswith("number of ")
    }


@settings(max_examples=15, deadline=None)
@given(PEOPLE)
def test_the_reports_means_and_account_are_those_of_the_rows(people: list[Person]) -> None:
    with TemporaryDirectory() as folder:
        store = shop(Path(folder) / "shop.db", people)
        with store.read() as connection:
            try:
                found = report_program(connection, "spring", START + (LAST + 5) * DAY)
            except RefusedError:
                store.close()
                return
        store.close()
    wanted = by_hand(people, LAST + 5)
    of: dict[str, list[dict[str, float]]] = {arm: [] for arm in found.arms}
    for i, one in enumerate(people):
        if one.arm in of:
            of[one.arm].append(wanted[f"c{i}"])
    assert found.figures.units == {arm: len(rows) for arm, rows in of.items()}
    top, control = of[found.arm], of[found.control]
    for amount in found.money.amounts:
        gap = mean(top, amount.name) - mean(control, amount.name)
        assert same(amount.customer.value, gap), amount.name
        assert same(amount.total.value, gap * len(top)), amount.name
    for metric in found.figures.metrics:
        for one in metric.comparisons:
            reading = (one.unclamped or one.reading) if metric.clamped_at else one.reading
            if metric.metric.startswith("number of") or metric.metric in (REVENUE, MARGIN, REWARD):
                means = mean(of[one.control], metric.metric), mean(of[one.arm], metric.metric)
                assert reading.mean == pytest.approx(means, abs=1e-9), metric.metric


def mean(rows: list[dict[str, float]], name: str) -> float:
    return sum(row.get(name, 0.0) for row in rows) / len(rows)


@settings(max_examples=12, deadline=None)
@given(PEOPLE, st.randoms(use_true_random=False))
def test_a_store_that_was_loaded_day_by_day_is_the_one_loaded_whole(
    people: list[Person], chance: Any
) -> None:
    with TemporaryDirectory() as folder:
        whole = shop(Path(folder) / "whole.db", people)
        piecemeal = by_day(whole, Path(folder) / "days.db", chance)
        for day in (2, LAST // 2, LAST + 4):
            one, other = read(whole, day), read(piecemeal, day)
            assert (one is None) == (other is None)
            if one is not None and other is not None:
                names = one.units.columns
                assert one.units.rows() == other.units.select(names).rows()
                assert one.daily.sort("customer", "day").rows() == other.daily.sort("customer", "day").rows()
        whole.close()
        piecemeal.close()


def by_day(whole: Store, path: Path, chance: Any) -> Store:
    """A store that was told the same day after day, each day's outcomes in any order, some of them twice."""
    with whole.read() as connection:
        decisions = decisions_iter(connection, "spring", 0, 1000)
        outcomes = [one for _, one in outcomes_iter(connection, 0, 1000)]
        arms = list(assignments_iter(connection, "spring"))
    store = open_store(path)
    with store.write() as connection:
        apply_text(connection, loads(TEXT.encode(), "spring.yaml"), TEXT.encode(), START)
    rows = [*decisions, *outcomes]
    for day in sorted({one.at_us // DAY_US for one in rows} | {one.assigned_us // DAY_US for one in arms}):
        today = [one for one in outcomes if one.at_us // DAY_US == day]
        chance.shuffle(today)
        with store.write() as connection:
            put_assignments(connection, [one for one in arms if one.assigned_us // DAY_US == day])
            append_decisions(connection, [one for one in decisions if one.at_us // DAY_US == day])
            append_outcomes(connection, [*today, *today[:1]])
    return store


@settings(max_examples=12, deadline=None)
@given(PEOPLE)
def test_days_add_up_to_the_whole(people: list[Person]) -> None:
    """What the days brought, added up to any evening, is what the customers had brought by then."""
    with TemporaryDirectory() as folder:
        store = shop(Path(folder) / "shop.db", people)
        end = read(store, LAST + 5)
        evenings = {day: read(store, day + 15.999 / 24) for day in range(-1, LAST + 5, 3)}
        store.close()
    if end is None:
        return
    first = microseconds(START) // DAY_US
    for day, found in evenings.items():
        by_then = end.daily.filter(pl.col("day") <= first + day)["amount"].sum()
        assert same(by_then, 0.0 if found is None else found.units[REWARD].sum()), day
