"""What a program's figures are of: who came back, how often, and when."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.calendar import microseconds
from engine.errors import RefusedError
from engine.experiments.program import Also, ProgramReport, report_program
from engine.experiments.program_document import table
from engine.experiments.stored import MARGIN, REVENUE, REWARD
from engine.store.predictions import put_predictions
from engine.store.rows import PredictionRow
from tests.experiments.programs import DAY, START, TEXT, Person, crowd, shop

HALVES = TEXT.replace("random: 0.1, bau: 0.2, holdout: 0.2", "holdout: 0.5")


def read(folder: Path, people: list[Person], days: int = 60, also: Also | None = None) -> ProgramReport:
    store = shop(folder / "shop.db", people, HALVES)
    try:
        with store.read() as connection:
            return report_program(connection, "spring", START + days * DAY, also=also or Also())
    finally:
        store.close()


def means(found: ProgramReport) -> dict[str, tuple[float, float]]:
    return {metric.metric: metric.comparisons[0].reading.mean for metric in found.figures.metrics}


def test_customers_are_counted_by_how_often_they_bought(tmp_path: Path) -> None:
    people = [
        Person(["policy", "holdout"][i % 2], 0, (), ((1.0, "purchase", 5.0),) * (i // 2 % 5))
        for i in range(240)
    ]
    told = means(read(tmp_path, people))
    counts = [[i // 2 % 5 for i in range(240) if i % 2 == odd] for odd in (1, 0)]
    for k, name in enumerate(("bought", "bought again", "bought a third time", "bought a fourth time"), 1):
        assert told[name] == pytest.approx([sum(one >= k for one in arm) / 120 for arm in counts])


def test_active_at_a_day_is_a_purchase_in_the_week_from_it_of_those_followed(tmp_path: Path) -> None:
    on = {0: 29.5, 1: 30.5, 2: 36.5, 3: 37.5, 4: 31.0}
    people = [
        Person(["policy", "holdout"][i % 2], start, (), ((start + on[i % 5], "purchase", 5.0 + i % 3),))
        for i in range(200)
        for start in (0, 30)
    ]
    people += [Person("policy", 0, (), ((31.0, "visit", 0.0), (32.0, "song", 1.0)))] * 2
    found = read(tmp_path, people, 60, Also(active_at=(30, 50)))
    # customers of day 30 were followed for 30 days only and count neither way; three of five came in the week
    assert means(found)["active from day 30/followed to day 37"] == pytest.approx((60 / 100, 62 / 102))
    assert any("active from day 50" in note for note in found.notes)


def test_money_is_clamped_beside_unclamped(tmp_path: Path) -> None:
    people = crowd(2400, gain=1.0)
    people[0] = replace(people[0], outcomes=((1.0, "purchase", 1e5),))
    people = [one for one in people if one.arm in ("policy", "holdout")]
    figures = {metric.metric: metric for metric in read(tmp_path, people, 28).figures.metrics}
    for name in (REWARD, REVENUE, MARGIN):
        assert figures[name].clamped_at is not None and figures[name].comparisons[0].unclamped is not None
    assert figures["number of visit"].clamped_at is None


def test_a_program_reads_the_scores_from_before_the_assignment_only(tmp_path: Path) -> None:
    """The score of the day before finds who is moved; the one of the day after knows the arm."""
    people = [
        Person(["policy", "holdout"][i % 2], 1, (), ((2.0, "purchase", 10.0 + i % 7 + 40 * (i % 4 == 0)),))
        for i in range(800)
    ]
    store = shop(tmp_path / "shop.db", people, HALVES)
    day = microseconds(START)
    before = [PredictionRow(f"c{i}", "lift", "1", float(i % 4 == 0), day, day) for i in range(800)]
    after = [
        replace(one, score=9.0 * (i % 2), as_of_us=day + 2 * 86_400_000_000) for i, one in enumerate(before)
    ]
    with store.write() as connection:
        put_predictions(connection, [*before, *after])
    with store.read() as connection:
        found = report_program(connection, "spring", START + 20 * DAY, also=Also(score="lift"))
        with pytest.raises(RefusedError, match="0 customers of policy and holdout had a score"):
            report_program(connection, "spring", START + 20 * DAY, also=Also(score="left"))
    store.close()
    told = found.targeting
    assert told is not None and told.customers == 800 and told.arm == "policy"
    # i % 4 == 0 is in the policy's arm only: there the best quarter is all treated, elsewhere nobody
    assert told.gains[-1].effect.value == pytest.approx(
        sum((10 + i % 7 + 40 * (i % 4 == 0)) * (1 if i % 2 == 0 else -1) for i in range(800)) / 800, rel=0.02
    )
    rows = table(found)
    assert rows.filter(section="uplift").height == 11 and rows.filter(section="qini").height == 1
