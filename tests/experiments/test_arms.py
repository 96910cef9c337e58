"""The report knows who is compared: arms that measure, households, merged ids, and who is in no arm."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.experiments import conduct
from engine.experiments.program import ProgramReport, report_program
from engine.experiments.stored import REWARD, panel
from engine.merge import merge
from engine.store import lots
from tests.experiments.programs import DAY, START, TEXT, Person, crowd, shop

END = START + 28 * DAY
ARMS = "arms: {policy: 0.5, random: 0.1, bau: 0.2, holdout: 0.2}"


def report(path: Path, people: list[Person], text: str = TEXT) -> ProgramReport:
    store = shop(path / "shop.db", people, text)
    with store.read() as connection:
        found = report_program(connection, "spring", END)
    store.close()
    return found


def bought(arm: str, value: float, n: int) -> list[Person]:
    contacts = () if arm == "holdout" else (0,)
    return [Person(arm, 0, contacts, ((1.0 + i % 9, "purchase", value + i % 5),)) for i in range(n)]


def test_the_ladder_ends_with_the_customers_the_policy_never_learnt_from(tmp_path: Path) -> None:
    arms = {"holdout": 10.0, "bau": 12.0, "no_levers": 13.0, "policy": 15.0, "evaluation": 16.0}
    people = [one for arm, value in arms.items() for one in bought(arm, value, 100)]
    share = "arms: {policy: 0.2, evaluation: 0.2, no_levers: 0.2, bau: 0.2, holdout: 0.2}"
    found = report(tmp_path, people, TEXT.replace(ARMS, share))
    assert (found.arm, found.control) == ("evaluation", "holdout")
    assert found.verdict.sentence.startswith("Decisioning earned")
    steps = {(one.below, one.arm): one for one in found.ladder}
    assert list(steps) == [
        ("holdout", "bau"),
        ("bau", "evaluation"),
        ("policy", "evaluation"),
        ("no_levers", "evaluation"),
    ]
    readings = [one.reading for one in steps.values()]
    assert [round(one.absolute.value, 6) for one in readings if one] == [0.75, 2.0, 0.5, 1.5]


def test_who_met_two_arms_counts_in_the_first_and_is_told(tmp_path: Path) -> None:
    store = shop(tmp_path / "shop.db", crowd(1000, gain=5.0))
    with store.write() as connection:
        before = panel(connection, "spring", END)
        by_arm = {arm: rows["customer"] for (arm,), rows in before.units.group_by("arm")}
        firsts = [str(one) for one in by_arm["policy"][:12]]
        for gone, into in zip(map(str, by_arm["holdout"][:12]), firsts, strict=True):
            connection.exec_driver_sql(
                f"UPDATE assignment SET assigned_us = assigned_us - 1 WHERE customer = '{into}'"
            )
            merge(connection, gone, into, END, "test")
        after = panel(connection, "spring", END)
        check = conduct.contamination(after)
        whole = report_program(connection, "spring", END)
    assert after.units[REWARD].sum() == pytest.approx(before.units[REWARD].sum())
    assert after.units.filter("mixed")["customer"].sort().to_list() == sorted(firsts)
    assert set(after.units.filter("mixed")["arm"]) == {"policy"}
    assert check.passed and check.count == 12
    assert "12 customers with several ids met two arms" in check.sentence
    assert whole.trusted
    with store.write() as connection:
        for gone, into in zip(map(str, by_arm["bau"][:30]), map(str, by_arm["random"][:30]), strict=False):
            merge(connection, gone, into, END, "test")
        check = conduct.contamination(panel(connection, "spring", END))
    store.close()
    assert not check.passed
    assert "more than 5%" in check.sentence


def test_who_is_in_no_arm_is_counted_apart(tmp_path: Path) -> None:
    outside = [Person("global_holdout")] * 3 + [Person("excluded")] * 5
    found = report(tmp_path, [*crowd(400, gain=5.0), *outside])
    assert found.trusted
    assert "Not counted: 3 customers in the holdout of all programs." in found.notes
    assert "Not counted: 5 customers excluded by the program's layer." in found.notes


def test_a_household_counts_once_with_all_that_its_members_brought(tmp_path: Path) -> None:
    people = crowd(300, gain=5.0)
    store = shop(tmp_path / "shop.db", people, TEXT + "unit: country\n")
    with store.write() as connection:
        before = panel(connection, "spring", END)
        by_arm = before.units.group_by("arm").agg("customer").sort("arm")
        for arm, members in by_arm.iter_rows():
            joined = [(one, f"country={arm}{i // 3}") for i, one in enumerate(members)]
            lots.join(connection, "spring", joined)
        after = panel(connection, "spring", END)
        told = report_program(connection, "spring", END)
    store.close()
    assert "per country per month" in told.verdict.sentence
    assert "Arms are given by country: each one counts as one customer." in told.notes
    assert before.units.height == 300
    homes = sum(-(-len(members) // 3) for _, members in by_arm.iter_rows())
    assert after.units.height == homes
    for column in (REWARD, "contacts", "decisions"):
        assert after.units[column].sum() == pytest.approx(before.units[column].sum())
    assert after.daily["amount"].sum() == pytest.approx(before.daily["amount"].sum())
    assert set(after.daily["customer"]) <= set(after.units["customer"])


def test_guardrails_hold_the_served_arm_against_todays_rules(tmp_path: Path) -> None:
    text = TEXT.replace("policy: 0.5, random: 0.1", "policy: 0.3, evaluation: 0.3")
    people = [Person(arm, 0, (0,)) for arm in ("policy", "evaluation", "bau", "holdout") for _ in range(4)]
    store = shop(tmp_path / "shop.db", people, text)
    with store.read() as connection:
        found = report_program(connection, "spring", START + 28 * DAY)
    pairs = {(one.arm, one.control) for one in found.guardrails}
    assert ("evaluation", "bau") in pairs and ("policy", "bau") not in pairs
