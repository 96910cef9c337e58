"""All programs together are compared with the global holdout, and each corrected for their number."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.applied import apply_text
from engine.calendar import microseconds
from engine.cli import main
from engine.enrol import enrol
from engine.errors import RefusedError
from engine.experiments import multiplicity, sequential
from engine.experiments.homes import homes
from engine.experiments.reachable import ARM, CONTROL, reachable
from engine.experiments.stored import COST, MARGIN, REVENUE, REWARD
from engine.experiments.together import Together, report_together
from engine.experiments.together_document import as_dict, table
from engine.experiments.together_page import render
from engine.experiments.welch import Effect
from engine.program import loads
from engine.store import Store, lots, open_store
from engine.store.decisions import append_decisions
from engine.store.lots import EverywhereRow
from engine.store.outcomes import append_outcomes
from tests.experiments.programs import DAY, START, TEXT
from tests.experiments.test_page import Tags
from tests.store.made import decision, outcome

END = START + 28 * DAY
NAMES = ("spring", "autumn")


def text(name: str) -> bytes:
    weighed = TEXT.replace("visit: 1", "visit: 3") if name == "autumn" else TEXT
    return weighed.replace("program: spring", f"program: {name}").encode()


def town(path: Path, n: int, gain: float, moves: tuple[tuple[int, float], ...] = ((0, 0.3),)) -> Store:
    """n customers of two programs, one decision in each; who may be contacted buys for `gain` more."""
    store, chance = open_store(path), np.random.default_rng(1)
    decisions, outcomes = [], []
    with store.write() as connection:
        programs = {name: loads(text(name), f"{name}.yaml") for name in NAMES}
        for name, program in programs.items():
            programs[name] = apply_text(connection, program, text(name), START)
        for i in range(n):
            for first, share in moves:
                if i == first:
                    lots.set_everywhere(connection, EverywhereRow(share, "", microseconds(day(i, n)), "me"))
            at, arms = day(i, n), {}
            for name, program in programs.items():
                arms[name] = enrol(connection, program, [f"c{i}"], at).arms[0]
                sent = arms[name] not in ("holdout", "global_holdout")
                known = {"program": name, "customer": f"c{i}", "arm": arms[name], "contact": sent}
                at_us = microseconds(at)
                times = {"at_us": at_us, "send_at_us": at_us if sent else None}
                decisions.append(decision(len(decisions) + 1, action=int(sent), **known, **times))
            more = gain if "global_holdout" not in arms.values() else 0.0
            bought = chance.exponential(10.0) + 2 * more
            for kind, value in (("purchase", bought), *([("visit", 0.0)] if chance.random() < 0.3 else [])):
                later = microseconds(at + DAY)
                event = f"e{len(outcomes)}"
                outcomes.append(outcome(event, customer=f"c{i}", kind=kind, value=value, at_us=later))
        append_decisions(connection, decisions)
        append_outcomes(connection, outcomes)
    return store


def day(i: int, n: int) -> datetime:
    """Customers come over a week."""
    return START + DAY * (7 * i / n)


def read(store: Store) -> Together:
    with store.read() as connection:
        return report_together(connection, END)


@pytest.fixture(scope="module")
def earned(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return town(tmp_path_factory.mktemp("town") / "shop.db", 1500, gain=4.0)


def test_all_programs_together_are_told_against_the_global_holdout(earned: Store) -> None:
    found = read(earned)
    assert found.trusted, [one.sentence for one in found.trust if not one.passed]
    assert found.verdict.sentence.startswith("All programs together earned")
    assert "no contact by any program" in found.verdict.sentence and found.verdict.status == "green"
    assert found.headline is not None and found.headline.low < 3.5 < found.headline.high
    assert {one.name for one in found.trust} >= {"srm", "srm_daily", "contamination", "exposure", "maturity"}


def test_harms_of_all_programs_together_are_held_to_the_margin(tmp_path: Path) -> None:
    store = town(tmp_path / "shop.db", 1500, gain=4.0)
    with store.write() as connection:
        held = {row[0] for row in lots_held(connection)}
        gone = [f"c{i}" for i in range(1500) if f"c{i}" not in held and i % 10 == 0]
        at_us = microseconds(END - DAY)
        left = [outcome(f"u{one}", customer=one, kind="unsubscribe", value=0.0, at_us=at_us) for one in gone]
        append_outcomes(connection, left)
        found = report_together(connection, END)
        lenient = report_together(connection, END, margin=0.2)
    (watch,) = found.guardrails
    assert watch.kind == "unsubscribe" and watch.status == "red"
    assert watch.rate == (0.0, pytest.approx(len(gone) / (1500 - len(held))))
    assert found.verdict.heading == "Keep it, with a warning" and lenient.verdict.heading == "Keep it"
    assert lenient.guardrails[0].status == "green"
    text = render(found)
    assert text.index('id="money"') < text.index("Was anything harmed?") < text.index('id="programs"')
    assert as_dict(found)["guardrails"][0]["kind"] == "unsubscribe"
    assert table(found).filter(section="guardrail").height == 1


def family(path: Path, unit: str, apart: int = 0, count: int = 600) -> Store:
    """Households of two that buy the same; `apart` of them met a program without households first."""
    store, spent = open_store(path), np.random.default_rng(5).exponential(10.0, count)
    by_home = {"spring": f"unit: {unit}\n".encode(), "autumn": b""}
    decisions, outcomes = [], []
    with store.write() as connection:
        programs = {}
        for name in NAMES:
            source = text(name).replace(b"attributes:\n", b"attributes:\n  home: {type: text}\n")
            source += by_home[name]
            programs[name] = apply_text(connection, loads(source, f"{name}.yaml"), source, START)
        lots.set_everywhere(connection, EverywhereRow(0.3, "", microseconds(START), "me"))
        for i in range(2 * count):
            home, said = i // 2, [{"home": f"h{i // 2}", "country": "NO"}]
            order = NAMES[::-1] if home < apart else NAMES
            at_us = microseconds(START)
            arms = {name: enrol(connection, programs[name], [f"c{i}"], START, said).arms[0] for name in order}
            outcomes.append(
                outcome(f"e{i}", customer=f"c{i}", kind="purchase", value=float(spent[home]), at_us=at_us + 1)
            )
            for name, arm in arms.items():
                sent = arm not in ("holdout", "global_holdout")
                known = {"program": name, "customer": f"c{i}", "arm": arm, "contact": sent}
                times = {"at_us": at_us, "send_at_us": at_us if sent else None}
                decisions.append(decision(len(decisions) + 1, action=int(sent), **known, **times))
        append_decisions(connection, decisions)
        append_outcomes(connection, outcomes)
    return store


def test_households_are_counted_where_a_program_gives_arms_by_them(tmp_path: Path) -> None:
    found = read(family(tmp_path / "shop.db", "home"))
    assert found.trusted, [one.sentence for one in found.trust if not one.passed]
    assert sum(found.figures.units.values()) == 600 and found.unit == "home"
    assert "per home" in found.verdict.sentence
    assert (
        found.notes[0] == "Programs give arms by home: each one counts as one customer, by its first member."
    )
    (check,) = [one for one in found.trust if one.name == "contamination"]
    assert "0 units by home whose members drew apart" in check.sentence


def test_households_whose_members_drew_apart_are_counted_and_withhold_above_a_share(tmp_path: Path) -> None:
    few, many = (read(family(tmp_path / f"{apart}.db", "home", apart)) for apart in (30, 600))
    checks = [next(one for one in each.trust if one.name == "contamination") for each in (few, many)]
    assert checks[0].passed and not checks[1].passed
    assert "units by home whose members drew apart" in checks[1].sentence


members = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 9)), min_size=1, max_size=30)


@given(members)
def test_whoever_is_tied_by_any_program_is_one_unit(pairs: list[tuple[int, int]]) -> None:
    rows = [(f"c{customer}", f"u{unit}") for customer, unit in pairs]
    found = dict(homes(pl.DataFrame(rows, schema=["customer", "unit"], orient="row")).iter_rows())
    group = {f"c{one}": {f"u{unit}" for customer, unit in pairs if customer == one} for one, _ in pairs}
    for _ in pairs:  # join what shares anything until nothing moves
        for one in group:
            for other in group:
                if group[one] & group[other]:
                    group[one] = group[other] = group[one] | group[other]
    assert found == {one: min(units) for one, units in group.items()}


def test_each_outcome_counts_once_at_the_least_and_contacts_of_all_programs_cost(earned: Store) -> None:
    with earned.read() as connection:
        known = {name: loads(text(name), "") for name in NAMES}
        reach = reachable(connection, known, microseconds(END))
    units = reach.units
    visits = (units[MARGIN] - 0.5 * units[REVENUE]).round(6)
    assert set(visits.unique()) == {0.0, 1.0}  # a visit is 1 in one program and 3 in the other
    assert reach.notes == ("Weighed differently by programs, counted at the least: visit.",)
    assert (units.filter(arm=CONTROL)[COST] == 0).all()
    assert units[COST].to_list() == pytest.approx((0.25 * units["contacts"]).to_list())
    assert units[REWARD].to_list() == pytest.approx((units[MARGIN] - units[COST]).to_list())


def test_the_account_adds_up_over_everybody_who_could_be_reached(earned: Store) -> None:
    account = read(earned).money
    lines = {one.name: one.total.value for one in account.amounts}
    assert lines[REWARD] == pytest.approx(
        lines[MARGIN] - lines["cost of contacts"] - lines["cost of offers"], rel=1e-9
    )
    assert account.arm == ARM and account.control == CONTROL


def test_programs_are_corrected_for_their_number(earned: Store) -> None:
    lines = read(earned).lines
    assert [one.program for one in lines] == sorted(NAMES)
    for one in lines:
        assert one.effect is not None and one.corrected is not None
        assert one.corrected.low < one.effect.low < one.effect.high < one.corrected.high
        assert not one.proven  # each program's arms get the same here: only all together are worth something


def test_who_was_in_a_program_before_the_lot_is_left_out_and_said(tmp_path: Path) -> None:
    store = town(tmp_path / "shop.db", 900, gain=1.0, moves=((300, 0.3),))
    with store.write() as connection:
        winter = apply_text(connection, loads(text("winter"), "winter.yaml"), text("winter"), START)
        arms = enrol(connection, winter, [f"c{i}" for i in range(300)], START + 8 * DAY).arms
    assert "global_holdout" not in arms
    found = read(store)
    assert sum(found.figures.units.values()) == 600
    assert "Not counted: 300 customers who were in a program before" in found.notes[0]


def test_shares_that_changed_are_divided_by(tmp_path: Path) -> None:
    found = read(town(tmp_path / "shop.db", 1200, gain=4.0, moves=((0, 0.5), (600, 0.1))))
    assert found.trusted, [one.sentence for one in found.trust if not one.passed]
    assert found.headline is not None and found.headline.low < 3.6 < found.headline.high
    assert found.figures.experiment.propensity is not None
    account = {one.name: one.customer for one in found.money.amounts}
    assert account[MARGIN].value == pytest.approx(4.0, abs=1.5)


def test_a_contact_in_the_global_holdout_withholds_the_verdict(tmp_path: Path) -> None:
    store = town(tmp_path / "shop.db", 300, gain=1.0)
    with store.write() as connection:
        held = next(iter(row[0] for row in lots_held(connection)))
        append_decisions(connection, [decision(9999, customer=held, at_us=microseconds(END - DAY))])
    found = read(store)
    assert not found.trusted and "contamination" in found.verdict.sentence


def test_refunds_of_all_programs_are_compared_with_the_holdouts(tmp_path: Path) -> None:
    store = town(tmp_path / "shop.db", 400, gain=1.0)
    with store.write() as connection:
        held = lots_held(connection)
        at_us = microseconds(END - DAY)
        back = [
            outcome(f"r{i}", customer=f"c{i}", kind="purchase", value=-3.0, at_us=at_us)
            for i in range(400)
            if f"c{i}" not in {row[0] for row in held}
        ]
        append_outcomes(connection, back)
        refused = report_together(connection, END)
        allowed = report_together(connection, END, allow_negative=["purchase"])
    (check,) = [one for one in refused.trust if one.name == "refunds"]
    assert not check.passed and check.count == len(back) and refused.verdict.status == "gray"
    assert allowed.trusted and {one.name for one in allowed.trust} == {one.name for one in refused.trust}
    assert all(one.sentence for one in allowed.lines)


def lots_held(connection: object) -> list[tuple[str, ...]]:
    from engine.store import together

    rows = together.units(connection, microseconds(END))  # type: ignore[arg-type]
    return [row for row in rows if row[1] == "held"]


def test_without_a_global_holdout_it_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"nextbest holdout 0\.02"):
        read(town(tmp_path / "shop.db", 20, gain=1.0, moves=()))


def test_the_command_prints_writes_and_refuses_a_name_beside_all(
    earned: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, at = str(earned.path), END.isoformat()
    page, csv = tmp_path / "all.html", tmp_path / "all.csv"
    line = ["report", "--all", "--store", store, "--at", at]
    assert main([*line, "--json", "--html", str(page), "--csv", str(csv)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["headline"]["counts_for"] == "per customer in 25 days"
    assert [one["program"] for one in told["programs"]] == sorted(NAMES)
    html = page.read_text()
    Tags().feed(html)
    assert "<script" not in html and len(html) < 500_000 and html == render(read(earned))
    assert "program, corrected" in pl.read_csv(csv)["section"].to_list()
    assert main(line) == 0
    assert "Read with all 2 programs" in capsys.readouterr().out
    assert main([*line, "spring"]) == 2
    assert "leave out 'spring'" in capsys.readouterr().err
    assert main(["report"]) == 2


@given(st.lists(st.floats(0, 1), max_size=6), st.floats(0.001, 0.2))
def test_testing_step_by_step_is_holm(p: list[float], alpha: float) -> None:
    proven = multiplicity.stepwise(p, alpha, lambda one, error: one <= error)
    borderline = any(abs(one - alpha / k) < 1e-9 for one in p for k in range(1, len(p) + 1))
    assert borderline or proven == [one <= alpha for one in multiplicity.holm(p)]


@given(st.integers(10, 10**6), st.floats(0.01, 3), st.floats(0.6, 0.99), st.floats(0.001, 0.999))
def test_a_sequence_that_is_to_be_surer_is_wider(n: int, elapsed: float, level: float, part: float) -> None:
    surer = level + (1 - level) * part
    one, two = (sequential.planned(Effect(0.0, 1.0, 1e9), n, n / elapsed, each) for each in (level, surer))
    assert two.low <= one.low and one.high <= two.high
