"""A program's report counts every customer once and everything they did once, and says what it earned."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.cli import main
from engine.errors import RefusedError
from engine.experiments.planning import sentences
from engine.experiments.program import ProgramReport, report_program
from engine.experiments.program_document import table
from engine.experiments.program_page import render
from engine.experiments.stored import (
    BEFORE,
    CONTACTS,
    COST,
    MARGIN,
    OFFERS,
    REVENUE,
    REWARD,
    Panel,
    number_of,
    panel,
)
from tests.experiments.programs import DAY, START, TEXT, Person, crowd, shop
from tests.experiments.test_page import Tags

END = START + 28 * DAY


def read(path: Path, people: list[Person], at: object = END, text: str = TEXT) -> ProgramReport:
    store = shop(path / "shop.db", people, text)
    try:
        with store.read() as connection:
            return report_program(connection, "spring", at)  # type: ignore[arg-type]
    finally:
        store.close()


def panel_of(path: Path, people: list[Person]) -> Panel:
    store = shop(path / "shop.db", people)
    try:
        with store.read() as connection:
            return panel(connection, "spring", END)
    finally:
        store.close()


@pytest.fixture(scope="module")
def won(tmp_path_factory: pytest.TempPathFactory) -> ProgramReport:
    return read(tmp_path_factory.mktemp("won"), crowd(2000, gain=5.0))


def test_a_customer_counts_from_the_assignment_with_all_that_happened_once(tmp_path: Path) -> None:
    sale = (-1.0, "purchase", 8.0), (1.0, "purchase", 10.0), (1.0, "purchase", 20.0), (2.0, "visit", 0.0)
    people = [
        Person("policy", 0, (0, 1, 1 + 1), (*sale, (40.0, "purchase", 99.0))),
        Person("holdout", 3, (), ((2.0, "visit", 0.0), (3.0, "song", 7.0), (4.0, "unsubscribe", 0.0))),
    ]
    found = panel_of(tmp_path, people).units
    first, second = found.to_dicts()
    assert (first["arm"], first["decisions"], first["contacts"]) == ("policy", 3, 3)
    assert first[BEFORE] == 4.0 and first[REVENUE] == 30.0 and first[MARGIN] == 16.0
    assert first[COST] == pytest.approx(3 * 0.25) and first[REWARD] == pytest.approx(16.0 - 0.75)
    assert first[number_of("purchase")] == 2.0
    assert (second["contacts"], second[BEFORE], second[MARGIN], second[REVENUE]) == (0, 1.0, -2.0, 7.0)


def test_days_add_up_to_the_customers_totals(tmp_path: Path) -> None:
    found = panel_of(tmp_path, crowd(60, gain=1.0, before=True))
    days = found.daily.group_by("customer").agg(pl.col("amount").sum())
    both = found.units.join(days, on="customer", how="left").with_columns(pl.col("amount").fill_null(0.0))
    assert both[REWARD].to_list() == pytest.approx(both["amount"].to_list())


def test_a_gain_is_told_by_the_month_and_kept(won: ProgramReport) -> None:
    assert won.trusted, won.trust
    assert won.verdict.status == "green"
    assert won.verdict.sentence.startswith("Decisioning earned ")
    assert "more per customer per month than no contact (95 % interval" in won.verdict.sentence
    assert won.verdict.sentence.endswith("); keep it.")


def test_a_proven_loss_against_no_contact_names_the_contacts_and_the_remedy(tmp_path: Path) -> None:
    verdict = read(tmp_path, spoiled(2000, 0.9)).verdict
    assert (verdict.heading, verdict.status) == ("Stop it", "red")
    assert "less per customer per month than no contact" in verdict.sentence
    assert "the contacts lose money" in verdict.guidance and "or raise `cost`" in verdict.guidance


def test_a_loss_that_may_be_luck_is_called_so(tmp_path: Path) -> None:
    found = read(tmp_path, spoiled(600, 0.1))
    verdict = found.verdict
    assert (verdict.heading, verdict.status) == ("Not decided yet", "yellow")
    assert "So far contacts lose money, which may be luck." in verdict.guidance
    assert found.plan is not None and found.plan.holdout_cost.value < 0.0
    assert "Keeping holdout saves" in sentences(found.plan)[1]


def test_a_loss_against_todays_rules_does_not_blame_contacts(tmp_path: Path) -> None:
    text = TEXT.replace("holdout: 0.2", "").replace("bau: 0.2,", "bau: 0.4")
    people = [
        one if one.arm != "holdout" else Person("bau", 0, (0, 7), one.outcomes) for one in spoiled(2000, 0.9)
    ]
    verdict = read(tmp_path, people, text=text).verdict
    assert verdict.heading == "Stop it" and "contacts lose money" not in verdict.guidance


def spoiled(n: int, share: float) -> list[Person]:
    """Customers of whom that share of the policy's buys nothing, where all others do."""
    chance = np.random.default_rng(3)
    return [
        Person(one.arm, 0, one.contacts) if one.arm == "policy" and chance.random() < share else one
        for one in crowd(n, gain=0.0)
    ]


def test_the_last_day_of_the_curve_is_the_headline(won: ProgramReport) -> None:
    reading, last = won.reading, won.looks[-1]
    assert reading is not None
    assert last.effect.value == pytest.approx(reading.absolute.value)
    assert last.customers == sum(reading.n)
    assert last.effect.high == pytest.approx(reading.sequential.high, rel=0.05)


def test_the_steps_of_the_ladder_add_up_to_the_whole(won: ProgramReport) -> None:
    climbed = won.ladder[: len(won.arms) - 1]
    assert [(one.below, one.arm) for one in climbed] == [
        ("holdout", "bau"),
        ("bau", "random"),
        ("random", "policy"),
    ]
    whole = sum(one.reading.absolute.value for one in climbed if one.reading is not None)
    assert won.reading is not None
    assert whole == pytest.approx(won.reading.absolute.value)


def test_the_lines_of_the_account_add_up(won: ProgramReport) -> None:
    amounts = {one.name: one for one in won.money.amounts}
    contacts, offers = amounts[CONTACTS].customer.value, amounts[OFFERS].customer.value
    profit = amounts[MARGIN].customer.value - contacts - offers
    assert amounts[REWARD].customer.value == pytest.approx(profit)
    assert amounts[REWARD].total.value == pytest.approx(profit * won.money.customers)
    assert (contacts, offers) == pytest.approx((2 * 0.05, 2 * 0.2))


def test_a_ratio_over_nothing_says_that_it_has_no_bounds(won: ProgramReport) -> None:
    ratios = {one.name: one for one in won.money.ratios}
    assert ratios["iROAS"].found is not None and ratios["iROAS"].found.low is not None
    lost = ratios["cost per acquired customer"]
    assert lost.found is None or lost.found.low is None
    assert "unbounded" in lost.sentence or "No answer" in lost.sentence


def test_weeks_add_up_to_the_effect_so_far(won: ProgramReport) -> None:
    assert [one.week for one in won.weeks] == [1, 2, 3, 4]
    whole = {one.name: one.customer.value for one in won.money.amounts}[REWARD]
    assert sum(one.effect.value for one in won.weeks) == pytest.approx(whole, rel=0.05)


def test_what_customers_brought_before_takes_out_variance(tmp_path: Path) -> None:
    found = read(tmp_path, crowd(600, gain=1.0, before=True))
    assert found.reading is not None and found.reading.variance_kept < 0.8
    assert any(one.name == "balance" for one in found.trust)


@pytest.mark.parametrize(
    ("people", "failed"),
    [
        ([Person("holdout", 0, (3,))], "contamination"),
        ([Person("policy", 0, (), (), "holdout")], "contamination"),
        ([Person("holdout", 1, (), ((2.0, "visit", 0.0),))] * 150, "srm"),
    ],
)
def test_a_fault_of_the_program_withholds_the_verdict(
    people: list[Person], failed: str, tmp_path: Path
) -> None:
    found = read(tmp_path, [*crowd(400, gain=5.0), *people])
    assert failed in {one.name for one in found.trust if not one.passed}
    assert found.verdict.heading == "Do not decide on this" and found.verdict.status == "gray"


def lots_of(**count: int) -> list[Person]:
    """So many customers of each arm, who bought something in the first week."""
    return [
        Person(arm, 0, () if arm == "holdout" else (0,), ((1.0 + i % 5, "purchase", 5.0 + i % 7),))
        for arm, n in count.items()
        for i in range(n)
    ]


@pytest.mark.parametrize(
    ("people", "words"),
    [
        (lots_of(policy=300, random=60, holdout=120), "'bau' has 0 of 96 promised customers"),
        (lots_of(policy=300, random=60, holdout=120, bau=1), "'bau' has 1 of 96 promised customers"),
        (
            lots_of(policy=200, random=40, holdout=80, bau=80, no_levers=1),
            "'no_levers' was not planned and has 1",
        ),
    ],
)
def test_an_arm_that_lost_its_customers_or_was_not_planned_is_named(
    people: list[Person], words: str, tmp_path: Path
) -> None:
    found = read(tmp_path, people)
    (check,) = [one for one in found.trust if one.name == "arms"]
    assert not check.passed and words in check.sentence
    assert found.verdict.status == "gray" and found.reading is not None


def test_an_arm_too_small_by_chance_is_told_and_not_compared(tmp_path: Path) -> None:
    found = read(tmp_path, lots_of(policy=20, holdout=8, bau=8, random=1))
    (check,) = [one for one in found.trust if one.name == "arms"]
    assert check.passed and check.sentence == "Too few customers yet to compare: random 1."
    assert "random" not in found.arms


@pytest.mark.parametrize(("ahead", "passed"), [(20.0, True), (80.0, False)])
def test_outcomes_dated_in_the_future_are_told_and_named_where_no_plan_is_so_far(
    ahead: float, passed: bool, tmp_path: Path
) -> None:
    people = lots_of(policy=200, random=40, holdout=80, bau=80)
    sold = (*people[0].outcomes, (28 + ahead, "purchase", 9.0))
    found = read(tmp_path, [replace(people[0], outcomes=sold), *people[1:]])
    (check,) = [one for one in found.trust if one.name == "dates"]
    assert check.passed == passed and check.sentence.startswith(
        "1 outcomes that have arrived are dated later"
    )
    (tmp_path / "sound").mkdir()
    assert "dates" not in {one.name for one in read(tmp_path / "sound", people).trust}


def test_it_is_too_early_before_an_outcome_can_come(tmp_path: Path) -> None:
    found = read(tmp_path, crowd(400, gain=5.0), START + DAY)
    assert [one.name for one in found.trust if not one.passed] == ["maturity"]


def test_growing_shares_are_no_mismatch(tmp_path: Path) -> None:
    """Old customers keep their arms; the promise is what the versions promised, each to its customers."""
    store = shop(tmp_path / "shop.db", crowd(400, gain=5.0))
    with store.read() as connection:
        found = report_program(connection, "spring", END)
    store.close()
    assert found.figures.experiment.expected_split == pytest.approx(
        {"policy": 0.5, "random": 0.1, "bau": 0.2, "holdout": 0.2}
    )


def test_more_harm_than_allowed_turns_a_gain_yellow(tmp_path: Path) -> None:
    people = [
        Person(one.arm, 0, one.contacts, (*one.outcomes, (3.0, "unsubscribe", 0.0)))
        if one.arm == "policy" and i % 3 == 0
        else one
        for i, one in enumerate(crowd(1500, gain=9.0))
    ]
    found = read(tmp_path, people)
    assert found.verdict.heading == "Keep it, with a warning"
    assert {one.status for one in found.guardrails if one.arm == "policy"} == {"red"}


@pytest.mark.parametrize("people", [[], [Person("policy")] * 5, [Person("policy")] * 5 + [Person("holdout")]])
def test_nothing_to_compare_is_refused_in_words(people: list[Person], tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"nothing to (compare|report)"):
        read(tmp_path, people)


def test_page_json_and_csv_tell_the_same(won: ProgramReport) -> None:
    page, plain, rows = render(won), won.as_dict(), table(won)
    tags = Tags()
    tags.feed(page)
    assert tags.open == [] and len(page) < 500_000
    assert not {"script", "link", "img"} & {name for name, _ in tags.tags}
    json.dumps(plain, allow_nan=False)
    assert plain["verdict"]["sentence"] == won.verdict.sentence
    row = rows.row(
        by_predicate=(pl.col("name") == REWARD) & (pl.col("section") == "money in total"), named=True
    )
    profit = next(one for one in plain["money"]["amounts"] if one["name"] == REWARD)
    assert (row["value"], row["low"]) == (profit["total"]["value"], profit["total"]["low"])
    assert f"{profit['total']['value']:,.0f}"[:3] in page


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(["policy", "holdout", "bau", "random"]), min_size=2, max_size=12), st.data())
def test_any_small_program_is_reported_or_refused(arms: list[str], data: st.DataObject) -> None:
    from tempfile import TemporaryDirectory

    amounts = data.draw(st.lists(st.sampled_from([0.0, 5.0, -3.0]), min_size=len(arms), max_size=len(arms)))
    people = [
        Person(arm, 0, (), ((2.0, "purchase", value),) if value else ())
        for arm, value in zip(arms, amounts, strict=True)
    ]
    with TemporaryDirectory() as folder:
        try:
            found = read(Path(folder), people)
        except RefusedError:
            return
        json.dumps(found.as_dict(), allow_nan=False)
        assert table(found).height > 0


def test_the_verb_reads_a_program_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop(tmp_path / "shop.db", crowd(900, gain=5.0)).close()
    html, csv = tmp_path / "r.html", tmp_path / "r.csv"
    line = ["report", "spring", "--store", str(tmp_path / "shop.db"), "--at", END.isoformat()]
    assert main([*line, "--html", str(html), "--csv", str(csv)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "policy against bau" in shown and html.read_text().startswith("<!doctype html>")
    assert pl.read_csv(csv).columns[:2] == ["section", "name"]
    assert main([*line, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["headline"]["counts_for"] == "per customer per month"
    assert main(["report", "sprung", *line[2:]]) != 0
    assert "spring" in capsys.readouterr().err
    assert main([*line, "--days", "0"]) == 2


def test_the_plan_says_when_and_at_what_price(won: ProgramReport) -> None:
    plan = won.plan
    assert plan is not None and plan.days is not None and won.reading is not None
    found = [one.detectable for one in plan.ahead]
    assert found == sorted(found, reverse=True)
    shares = [one.share for one in plan.ahead if one.share is not None]
    assert shares == sorted(shares, reverse=True) and shares
    control = won.figures.units["holdout"]
    month = won.reading.absolute.value * won.pace.factor
    assert plan.holdout_cost.value == pytest.approx(control * month)
    assert 1.0 <= plan.growth <= 2.0


def test_a_season_planned_for_is_found_as_often_as_promised() -> None:
    """Two arms of normal totals, read at the planned end by the boundary for every day."""
    from scipy.stats import norm

    from engine.experiments.compare import Setting, compare
    from engine.experiments.metric import Term
    from engine.experiments.power import Plan, power
    from engine.experiments.sample import measure

    chance, n, effect = np.random.default_rng(5), (200, 600), 0.3
    alpha = 2 * float(norm.sf(norm.isf(0.05 / 8)))
    promised = power(Plan(1.0, n[1] / n[0], alpha), effect, sum(n))
    hits = 0
    for _ in range(600):
        rows = [chance.normal(shift, 1.0, (size, 1)) for size, shift in zip(n, (0.0, effect), strict=True)]
        c, t = (measure(("x",), one) for one in rows)
        reading = compare(c, t, Term("x"), setting=Setting(elapsed=1.0))
        hits += reading is not None and reading.always.low > 0
    assert abs(hits / 600 - promised) < 4 * (promised * (1 - promised) / 600) ** 0.5


def test_the_verb_tells_the_plan_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop(tmp_path / "shop.db", crowd(400, gain=5.0)).close()
    line = ["report", "spring", "--store", str(tmp_path / "shop.db"), "--at", END.isoformat(), "--plan"]
    assert main(line) == 0
    assert "cheapest holdout" in capsys.readouterr().out
    assert main([*line, "--effect", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["wanted"] == 1.0
    assert main([*line, "--effect", "-1"]) == 2


def test_a_file_needs_an_arm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "f.csv").write_text("arm,x\na,1\n")
    assert main(["report", str(tmp_path / "f.csv")]) == 2
    assert "--arm is missing" in capsys.readouterr().err


def test_coming_back_is_counted_by_customer(tmp_path: Path) -> None:
    people = [
        Person(["policy", "holdout"][i % 2], 0, (), ((1.0, "purchase", 5.0),) * (i % 3 + (i % 4 == 0)))
        for i in range(120)
    ]
    found = read(tmp_path, people, text=TEXT.replace("random: 0.1, bau: 0.2, holdout: 0.2", "holdout: 0.5"))
    by_name = {metric.metric: metric.comparisons[0].reading.mean for metric in found.figures.metrics}
    counts = [[i % 3 + (i % 4 == 0) for i in range(120) if i % 2 == odd] for odd in (1, 0)]
    for name, k in (("bought", 1), ("bought again", 2)):
        assert by_name[name] == pytest.approx([sum(one >= k for one in arm) / 60 for arm in counts])


def test_what_is_the_same_within_every_arm_is_left_out_of_the_figures(tmp_path: Path) -> None:
    """In large arms too, where nothing is too few to know."""
    holdout = [Person("holdout", 0, (), ((2.0, "purchase", i % 7),)) for i in range(1100)]
    policy = [Person("policy", 0, (0,), ((1.0, "visit", 0.0), (2.0, "purchase", i % 7))) for i in range(1100)]
    people = holdout + policy
    found = read(tmp_path, people, text=TEXT.replace("random: 0.1, bau: 0.2, holdout: 0.2", "holdout: 0.5"))
    assert found.trusted, found.trust
    assert "number of visit" in found.notes[0]


def test_a_plan_is_refused_where_every_customer_brought_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    silent = [replace(one, outcomes=()) for one in crowd(200, gain=1.0)]
    shop(tmp_path / "shop.db", silent).close()
    asked = ["report", "spring", "--store", str(tmp_path / "shop.db"), "--at", "2026-03-30", "--plan"]
    assert main([*asked, "--effect", "1"]) == 1
    assert "has nothing to plan by: every customer brought the same" in capsys.readouterr().err
