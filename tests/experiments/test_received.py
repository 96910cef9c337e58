"""The effect on those whom contacts reached: covered, and told only of the program's own contacts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.calendar import microseconds
from engine.experiments.encouragement import encouragement
from engine.experiments.page import prose
from engine.experiments.program import ProgramReport, report_program
from engine.experiments.program_document import table
from engine.experiments.program_page import render
from engine.experiments.received import Received, received
from engine.experiments.stored import MARGIN, panel, received_as
from engine.store import Store, lots
from engine.store.assignments import put_assignments
from engine.store.decisions import append_decisions
from engine.store.outcomes import append_outcomes
from engine.store.received import received as reached
from engine.store.withdrawn import withdraw
from tests.experiments.programs import DAY, START, TEXT, Person, crowd, shop
from tests.experiments.test_campaigns import WORLDS, within
from tests.store.made import assignment, decision, outcome

END = START + 28 * DAY
SEEN = received_as("seen")
WINDOW_US = 2 * 86_400_000_000


def units(rng: np.random.Generator, n: int, share: float) -> pl.DataFrame:
    """Who reads spends more anyway; a contact that is read earns 2 more."""
    reads, arm = rng.random(n) < share, rng.choice(["holdout", "bau", "policy"], n)
    seen = reads & (arm != "holdout") & (rng.random(n) < np.where(arm == "bau", 0.7, 1.0))
    money = 3.0 * reads + 2.0 * seen + rng.exponential(2.0, n)
    return pl.DataFrame({"arm": arm, SEEN: seen.astype(float), MARGIN: money})


def read(rng: np.random.Generator, n: int = 1200, share: float = 0.5) -> dict[str, Received]:
    found = received(units(rng, n, share), ["holdout", "bau", "policy"], 0.95, 0.9999)
    return {one.arm: one for one in found}


def test_the_effect_on_those_reached_is_covered_in_every_arm() -> None:
    rng, held = np.random.default_rng(1), {"bau": [], "policy": []}
    for _ in range(WORLDS):
        for arm, one in read(rng).items():
            effect = one.found.effect
            assert effect is not None and effect.low is not None and effect.high is not None
            held[arm].append(effect.low <= 2 <= effect.high)
    assert within(float(np.mean(held["bau"]))) and within(float(np.mean(held["policy"])))


def test_it_is_what_a_file_of_the_same_customers_says() -> None:
    frame = units(np.random.default_rng(2), 900, 0.5)
    found = received(frame, ["holdout", "bau", "policy"], 0.95, 0.9999)
    same = encouragement(frame, arm="arm", control="holdout", delivered=SEEN, metrics=[MARGIN])
    assert [one.found for one in found] == list(same.delivered)


def test_an_arm_that_reaches_hardly_anybody_gets_no_effect() -> None:
    one = read(np.random.default_rng(3), share=0.01)["policy"]
    assert one.found.effect is None
    assert "too little of a difference to divide by" in one.sentence


def test_without_a_holdout_or_a_word_of_delivery_there_is_nothing_to_say() -> None:
    frame = units(np.random.default_rng(4), 100, 0.5)
    assert received(frame, ["bau", "policy"], 0.95, 0.999) == ()
    assert received(frame.drop(SEEN), ["holdout", "policy"], 0.95, 0.999) == ()


def told(people: list[Person], each: str = "seen") -> list[Person]:
    """Every other customer who was contacted saw it, an hour later."""
    seen = [
        (one.contacts[0] + 1 / 24, each, 0.0) if one.contacts and i % 2 else None
        for i, one in enumerate(people)
    ]
    return [
        one if it is None else replace(one, outcomes=(*one.outcomes, it))
        for one, it in zip(people, seen, strict=True)
    ]


def report(store: Store) -> ProgramReport:
    with store.read() as connection:
        return report_program(connection, "spring", END)


def test_page_json_and_csv_say_whom_contacts_reached(tmp_path: Path) -> None:
    store = shop(tmp_path / "shop.db", told(crowd(900, gain=5.0)))
    found = report(store)
    store.close()
    assert {(one.kind, one.arm) for one in found.received} == {
        ("seen", arm) for arm in ("bau", "random", "policy")
    }
    policy = next(one for one in found.received if one.arm == "policy")
    assert policy.found.share == (0.0, pytest.approx(0.5, abs=0.08))
    assert policy.found.effect is not None and policy.found.effect.value == pytest.approx(10, abs=4)
    page = render(found)
    assert "What did it do to those it reached?" in page and prose(policy.sentence.split(". ")[0]) in page
    row = table(found).row(
        by_predicate=(pl.col("section") == "effect on those reached") & (pl.col("arm") == "policy"),
        named=True,
    )
    (plain,) = [one for one in found.as_dict()["received"] if one["arm"] == "policy"]
    assert (row["value"], row["low"]) == (plain["found"]["effect"]["value"], plain["found"]["effect"]["low"])
    assert f"{row['value']:.0f}" in policy.sentence


def test_where_nobody_reported_deliveries_the_page_has_no_such_section(tmp_path: Path) -> None:
    store = shop(tmp_path / "shop.db", crowd(300, gain=5.0))
    found = report(store)
    store.close()
    assert found.received == () and "those it reached" not in render(found)


def test_a_household_is_reached_once(tmp_path: Path) -> None:
    store = shop(
        tmp_path / "shop.db",
        told([Person("policy", 0, (0,))] * 4 + [Person("holdout")] * 4),
        TEXT + "unit: country\n",
    )
    with store.write() as connection:
        lots.join(connection, "spring", [(f"c{i}", f"country={i // 4}") for i in range(8)])
        found = panel(connection, "spring", END).units
    store.close()
    assert found.select("arm", SEEN).sort("arm").rows() == [("holdout", 0.0), ("policy", 2.0)]


@pytest.mark.parametrize(
    ("given", "counts"),
    [
        ({"decision": f"{1:032x}"}, True),
        ({}, True),
        ({"at_us": microseconds(START) - 1}, False),  # before it was sent
        ({"at_us": microseconds(START) + WINDOW_US + 1}, False),  # too late to tell of what
        ({"at_us": microseconds(START) + WINDOW_US + 1, "decision": f"{1:032x}"}, True),
        ({"decision": f"{2:032x}"}, False),  # another program's contact
        ({"decision": f"{3:032x}"}, False),  # withdrawn
        ({"decision": "f" * 32}, False),  # nobody's
        ({"kind": "click"}, False),
        ({"at_us": microseconds(END) + 1}, False),  # not yet
    ],
)
def test_only_what_tells_of_a_contact_of_the_program_counts(
    given: dict[str, object], counts: bool, tmp_path: Path
) -> None:
    store = shop(tmp_path / "shop.db", [Person("policy", 0, (0,))])
    at_us = microseconds(START)
    with store.write() as connection:
        other = {"customer": "c0", "at_us": at_us, "send_at_us": at_us}
        put_assignments(connection, [assignment("c0", program="autumn", assigned_us=at_us)])
        append_decisions(connection, [decision(2, program="autumn", **other), decision(3, **other)])
        withdraw(connection, [f"{3:032x}"])
        row = {"customer": "c0", "kind": "seen", "at_us": at_us + 3_600_000_000, **given}
        append_outcomes(connection, [outcome("it", **row)])
        found = reached(connection, "spring", "seen", microseconds(END), WINDOW_US)
    store.close()
    assert found == ({"c0"} if counts else set())
