"""Whom a plan says it reaches: counted again by hand, by brute force, and on a store that must not change."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain import Program
from engine.feasible import feasible
from engine.plan.finder import Finder
from engine.plan.people import people
from engine.plan.plan import Effect, Numbers, effect
from engine.plan.reach import Reach, without
from engine.plan.sample import sample
from engine.program import loads
from engine.screen import screen
from engine.situation import Contact, Situation, columns
from engine.store import Store, customers
from tests.engine import programs as made
from tests.engine.programs import AT, TEXT, applied, ask, person

AT_US = 1_795_424_400_000_000  # 2026-11-23 09:00 UTC
DAY_US = 86_400_000_000
LINES = {
    "program: age > 20": "eligible: age > 20\n",
    "group cheap: spend < 12": "    suitable: spend < 12\n",
    "group cheap: 1 per 2 days": "    caps: [1 per 2 days]\n",
    "offer news: country = 'SE'": "    applicable: country = 'SE'\n",
    "offer news: spend > 3": "    suitable: spend > 3\n",
    "offer sale: outside its dates": "    starts: 2026-12-01\n",
    "channel sms: quiet hours": '    quiet: "06:00-12:00"\n',
    "channel sms: spend > 8": "    suitable: spend > 8\n",
    "channel email: 1 per 7 days": "    caps: [1 per 7 days]\n",
    "all channels: 2 per 30 days": "caps: [2 per 30 days]\n",
}
STRICT = """
program: strict
attributes: {age: integer, spend: number, country: text}
predictions: {p_buy: sale}
eligible: age > 20
groups:
  cheap:
    suitable: spend < 12
    caps: [1 per 2 days]
offers:
  sale:
    value: 40
    cost: 3
    starts: 2026-12-01
  news:
    group: cheap
    applicable: country = 'SE'
    suitable: spend > 3
channels:
  email:
    consent: marketing
    caps: [1 per 7 days]
  sms:
    consent: none
    quiet: "06:00-12:00"
    suitable: spend > 8
slots: {now: {}}
caps: [2 per 30 days]
goal: {outcomes: {purchase: 1}, window: 7 days}
arms: {policy: 1.0}
"""


def strict(text: str = STRICT) -> Program:
    return loads(text.encode(), "strict.yaml", 1)


def by_lot(seed: int, n: int) -> list[Situation]:
    """Customers at all the edges of the program's rules."""
    lot = Random(seed)
    return [
        Situation(
            f"c{i}",
            f"k{i}",
            AT_US,
            "policy",
            {
                "age": lot.choice([18, 30, 30]),
                "spend": lot.choice([2.0, 5.0, 10.0, 20.0]),
                "country": lot.choice(["NO", "SE"]),
                "p_buy": lot.choice([0.0, 0.5]),
            },
            {"marketing": lot.choice([True, True, False])},
            [
                Contact(AT_US - days * DAY_US, lot.choice(["sale", "news"]), lot.choice(["email", "sms"]))
                for days in lot.sample([1, 5, 20], lot.choice([0, 0, 1, 2]))
            ],
            "UTC",
        )
        for i in range(n)
    ]


def left(program: Program, people: list[Situation]) -> set[str]:
    """Who is left with nothing."""
    made = feasible(program, screen(program), columns(program, people))
    return {people[i].customer for i in np.flatnonzero(without(made))}


def found(program: Program, people: list[Situation]) -> Finder:
    finder = Finder(program)
    finder.add(people, feasible(program, screen(program), columns(program, people)))
    return finder


@settings(deadline=None, max_examples=5)
@given(st.integers(0, 10_000))
def test_a_hurdle_keeps_something_from_those_whom_the_file_without_its_line_would_free(seed: int) -> None:
    program, customers = strict(), by_lot(seed, 90)
    nothing = left(program, customers)
    finder = found(program, customers)
    counted = {one.hurdle: one.customers for one in finder.hurdles()}
    freed: set[str] = set()
    for hurdle, line in LINES.items():
        assert STRICT.count(line) == 1
        own = nothing - left(strict(STRICT.replace(line, "")), customers)
        freed |= own
        assert counted.pop(hurdle, 0) == len(own), hurdle
    freed |= nothing - left(strict(STRICT.replace("consent: marketing", "consent: none")), customers)
    assert counted.keys() <= {"channel email: no consent to marketing"}
    assert (finder.nothing, finder.freed) == (len(nothing), len(freed))


def test_the_value_foregone_is_what_the_best_action_set_free_is_predicted_to_earn() -> None:
    program = strict()
    one = Situation("c", "k", AT_US, "policy", {"age": 30, "spend": 20.0, "p_buy": 0.5}, {"marketing": True})
    finder = found(program, [one, one])
    assert [(h.hurdle, h.customers, h.value) for h in finder.hurdles()] == [
        ("offer sale: outside its dates", 2, 2 * (0.5 * 40 - 3))
    ]
    unpredicted = strict(STRICT.replace("predictions: {p_buy: sale}\n", ""))
    assert [h.value for h in found(unpredicted, [one]).hurdles()] == [None]


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000))
def test_what_is_left_after_the_last_stage_is_what_is_not_left_with_nothing(seed: int) -> None:
    program, reach = strict(), Reach()
    for part in (by_lot(seed, 20), by_lot(seed + 1, 20)):
        reach.add(program, screen(program), columns(program, part))
    after = list(reach.stages.values())
    assert after == sorted(after, reverse=True)
    assert after[-1] == 40 - reach.nothing
    assert max(reach.offers.values()) <= after[-1] <= sum(reach.offers.values())
    assert reach.rules["program: age > 20"] >= after[0]


def counted(store: Store, before: str, after: str, size: int = 0) -> Effect:
    live, new = (loads(text.encode(), "spring.yaml", 1) for text in (before, after))
    with store.read() as c:
        found = effect(c, live, new, AT, size)
    assert found is not None
    return found


@pytest.fixture
def crowd(store: Store) -> Store:
    """The program spring and 100 customers, a third of them in each country, ages 15 to 74."""
    with store.write() as c:
        applied(c)
        made.people(c, 100)
    return store


def test_reach_is_told_before_and_after(crowd: Store) -> None:
    found = counted(crowd, TEXT, TEXT.replace("age >= 18", "age >= 20"))
    assert (found.customers, found.population, found.error) == (100, 100, 0.0)
    assert found.offers["sale"] == Numbers(94, 90)  # ages 15, 16, 17 and then 18, 19 come twice
    assert found.offers["loyalty"] == Numbers(67, 67)
    assert found.rules["offer sale: age >= 20"] == Numbers(None, 90)
    assert found.rules["offer sale: age >= 18"] == Numbers(94, None)
    assert found.nothing == Numbers(0, 0) and found.hurdles == []


def test_what_was_sent_counts_and_nothing_is_written_or_assigned(crowd: Store) -> None:
    once = TEXT.replace("caps: [3 per 7 days]", "caps: [1 per 7 days]").replace(
        "consent: sms", "consent: none"
    )
    with crowd.write() as c:
        ask(c, [f"c{i}" for i in range(60)])
        contacted = c.exec_driver_sql("SELECT count(*) FROM decision WHERE contact").scalar_one()
    before = everything(crowd)
    found = counted(crowd, TEXT, once)
    assert everything(crowd) == before
    assert found.nothing == Numbers(0, contacted)
    assert [(one.hurdle, one.customers) for one in found.hurdles] == [
        ("all channels: 1 per 7 days", contacted)
    ]


def test_a_budget_used_up_is_a_hurdle(crowd: Store) -> None:
    scarce = TEXT.replace("goal:", "budgets: {post: {contacts: 20, settled_by: visit, hold: 1 day}}\ngoal:")
    with crowd.write() as c:
        applied(c, scarce)
        ask(c, [f"c{i}" for i in range(90)])
    found = counted(crowd, TEXT, scarce)
    assert found.nothing == Numbers(0, 100)
    assert [(one.stage, one.hurdle, one.customers) for one in found.hurdles] == [
        ("budget", "budget post", 100)
    ]


def test_a_group_with_limits_and_no_offers_stands_in_nobodys_way(crowd: Store) -> None:
    empty = TEXT.replace("channels:\n", "groups: {empty: {caps: [1 per 1 day]}}\nchannels:\n", 1)
    with crowd.write() as c:
        ask(c, ["c1", "c2"])
    assert counted(crowd, TEXT, empty).nothing == Numbers(0, 0)


def test_there_is_no_effect_without_customers(store: Store) -> None:
    with store.read() as c:
        assert effect(c, None, made.spring(), AT, 0) is None


def everything(store: Store) -> list[tuple[object, ...]]:
    """Every row of every table."""
    with store.read() as c:
        names = [name for (name,) in c.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [(name, *row) for name in names for row in c.exec_driver_sql(f"SELECT * FROM {name}")]


def test_a_sample_is_the_same_every_time() -> None:
    ids = [f"c{i}" for i in range(3000)]
    chosen = sample(iter(ids), 600)
    assert chosen == sample(iter(ids[::-1]), 600)
    assert (len(chosen.ids), chosen.population) == (600, 3000)
    assert chosen.error == pytest.approx(1.96 * (0.25 / 600 * 2400 / 2999) ** 0.5)
    assert sample(iter(ids), 0).ids == tuple(ids) and sample(iter(ids), 5000).error == 0.0
    assert sample(iter([]), 10) == sample(iter([]), 0)


def test_a_share_of_a_sample_is_within_its_error_nineteen_times_in_twenty() -> None:
    held = []
    for crowd in range(200):
        chosen = sample((f"{crowd}-{i}" for i in range(300)), 90)
        share = sum(int(one.partition("-")[2]) < 150 for one in chosen.ids) / 90
        held.append(abs(share - 0.5) < chosen.error)
    assert 0.90 < np.mean(held) < 0.99


def test_a_plan_of_a_sample_counts_the_sample(crowd: Store) -> None:
    with crowd.write() as c:
        customers.put_customers(c, [person("far", age=3)])
    found = counted(crowd, TEXT, TEXT, 50)
    assert (found.customers, found.population) == (50, 101)
    assert 0.05 < found.error < 0.15
    assert all(one.before == one.after for one in found.offers.values())


def test_time_moves_what_a_plan_says(crowd: Store) -> None:
    dated = TEXT.replace("sale: {", "sale: {ends: 2026-11-30, ")
    live = loads(dated.encode(), "spring.yaml", 1)
    with crowd.read() as c:
        now, later = (effect(c, None, live, at, 0) for at in (AT, AT + timedelta(days=30)))
    assert now is not None and later is not None
    assert (now.offers["sale"], later.offers["sale"]) == (Numbers(None, 94), Numbers(None, 0))


def test_people_are_seen_as_a_decision_would_see_them(crowd: Store) -> None:
    with crowd.read() as c:
        found = people(c, made.spring(), ["c3", "unknown"], AT)
    assert [one.customer for one in found] == ["c3", "unknown"]
    assert found[0].values["age"] == 18 and found[1].values == {}
    assert {one.arm for one in found} == {"policy"}
