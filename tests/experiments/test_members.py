"""Segments and scores of households: what they were when their arm was given, and how many differ within."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from pytest import approx

from engine.calendar import microseconds
from engine.errors import RefusedError
from engine.experiments.members import WHAT, by_unit, mean_before
from engine.experiments.program import Also, ProgramReport, report_program
from engine.experiments.stored import panel
from engine.store import Store, lots
from engine.store.customers import put_customers
from engine.store.predictions import put_predictions
from engine.store.rows import PredictionRow
from tests.experiments.programs import DAY, START, TEXT, Person, crowd, shop
from tests.store.made import customer

END = START + 28 * DAY
HOMES, SIZE = 1000, 2


def homes(path: Path, countries: Sequence[str], gain: float = 5.0) -> Store:
    """Households of two with one arm; member i of a home is c2h+i, and the second joined a day later."""
    people: list[Person] = []
    for one in crowd(HOMES, gain):
        people += [one, Person(one.arm, 1, one.contacts and (1,), one.outcomes)]
    text = TEXT.replace("attributes:\n", "attributes:\n  home: {type: text}\n") + "unit: home\n"
    store = shop(path / "shop.db", people, text)
    with store.write() as connection:
        lots.join(connection, "spring", [(f"c{i}", f"home={i // SIZE}") for i in range(len(people))])
        profiles = [customer(f"c{i}", attributes={"country": one}) for i, one in enumerate(countries)]
        put_customers(connection, profiles)
    return store


def read(store: Store, also: Also | None = None, segments: Sequence[str] = ()) -> ProgramReport:
    with store.read() as connection:
        return report_program(connection, "spring", END, segments=segments, also=also or Also())


def test_households_are_read_in_the_segments_that_all_members_share(tmp_path: Path) -> None:
    countries = [["NO", "SE"][i // SIZE % 2] for i in range(HOMES * SIZE)]
    found = read(homes(tmp_path, countries), segments=["country"])
    assert [one.level for one in found.segments] == ["NO", "SE"]
    assert "srm_segments" in {one.name for one in found.trust if one.passed}
    assert sum(one.customers for one in found.segments) <= HOMES
    assert not any("members" in one for one in found.notes)


def test_a_few_households_whose_members_differ_count_as_the_first_who_came(tmp_path: Path) -> None:
    countries = ["NO" if i % SIZE == 0 or i > 20 else "SE" for i in range(HOMES * SIZE)]
    found = read(homes(tmp_path, countries), segments=["country"])
    assert [one.level for one in found.segments] == ["NO"]
    told = (
        "10 of 1,000 units by home have members who differ in 'country': each counts as the member who came"
    )
    assert any(told in one for one in found.notes)


def test_many_households_whose_members_differ_are_refused(tmp_path: Path) -> None:
    countries = [["NO", "SE"][i % SIZE] for i in range(HOMES * SIZE)]
    with pytest.raises(RefusedError, match=r"1,000 of 1,000 units by home .* 100.0%, and at most 5% may"):
        read(homes(tmp_path, countries), segments=["country"])


def test_what_later_members_are_changes_no_label(tmp_path: Path) -> None:
    """Who joins after the arm was given may be its effect: only the count of those who differ knows them."""
    with homes(tmp_path, []).read() as connection:
        found = panel(connection, "spring", END)
    first = pl.DataFrame({"customer": [f"c{2 * h}" for h in range(HOMES)], WHAT: ["x"] * HOMES})
    some = pl.DataFrame({"customer": [f"c{2 * h + 1}" for h in range(20)], WHAT: ["y"] * 20})
    alone, notes = by_unit(first, found, "kind")
    both, told = by_unit(pl.concat([some, first]), found, "kind")
    assert alone.sort("customer").equals(both.sort("customer")) and not notes and "20 of 1,000" in told[0]


def test_a_household_has_the_mean_of_the_scores_its_members_had_before_its_arm(tmp_path: Path) -> None:
    store = homes(tmp_path, [])
    before, between = microseconds(START - DAY), microseconds(START + DAY / 2)
    with store.write() as connection:
        rows = [PredictionRow(f"c{i}", "lift", "1", float(i), before, before) for i in range(HOMES * SIZE)]
        late = [PredictionRow(f"c{i}", "lift", "1", 1e6, between, between) for i in (1, 3)]
        put_predictions(connection, [*rows, *late])
        there = panel(connection, "spring", END)
    known = [(one.customer, one.score, one.as_of_us) for one in (*rows, *late)]
    scores = pl.DataFrame(known, schema=["customer", "score", "dated_us"], orient="row")
    found = dict(mean_before(scores, there).iter_rows())
    assert found == {f"home={h}": approx(2 * h + 0.5) for h in range(HOMES)}
    told = read(store, Also(score="lift")).targeting
    assert told is not None and 200 < told.customers <= HOMES
