from __future__ import annotations

import math
from collections import Counter
from datetime import timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import arbitrate
from engine.decide import decide
from engine.domain import Program, Ramp
from engine.feasible import Feasible
from engine.hurdles import Reason
from engine.learn import learn
from engine.live import live
from engine.ramp import let_in, share
from engine.replay import replay
from engine.reply import explained
from engine.request import Request
from engine.situation import Situation, Situations, columns
from engine.store import Store
from engine.store.predictions import put_predictions
from engine.store.rows import PredictionRow
from tests.engine.programs import AT, TEXT, applied, ask, people, settled, spring

PROGRAM = spring()
NAMES = [action.name for action in PROGRAM.actions]
DAY = 86_400_000_000


FORMULA = spring(
    TEXT.replace("news: {value: 1,", 'news: {value: 1, weight: "spend / 3",')
    + 'arbitration: "p * value * weight / (1 + ABS(spend)) - cost * COALESCE(age, 7)"\n'
)


def situations(*values: dict[str, object], program: Program = PROGRAM) -> Situations:
    rows = [Situation(f"c{i}", f"k{i}", 10 * DAY, "policy", value) for i, value in enumerate(values)]
    return columns(program, rows)


def test_the_prior_is_prediction_times_value_times_lever_less_cost() -> None:
    prior = arbitrate.prior(PROGRAM, situations({"p_buy.sale": 0.25}, {}))
    assert prior[0, 0] == 0.0
    assert math.isclose(prior[0, NAMES.index("sale/sms/now")], 0.25 * 40 - 0.1)
    assert math.isclose(prior[0, NAMES.index("loyalty/email/now")], -0.51)
    assert math.isclose(prior[1, NAMES.index("sale/email/now")], -0.01)


def test_costs_are_the_offers_and_the_channels() -> None:
    cost = arbitrate.cost(PROGRAM)
    assert cost[0] == 0.0
    assert math.isclose(cost[NAMES.index("loyalty/sms/now")], 0.6)


def test_levers_of_groups_and_the_weight_of_the_moment_multiply() -> None:
    text = TEXT.replace(
        "sale: {value: 40, priority: 3,",
        'sale: {value: 40, priority: 3, group: winter, lever: 1.5, weight: "CASE WHEN age > 30 THEN 3 END",',
    ).replace("offers:", "groups: {season: {lever: 2}, winter: {within: season, lever: 0.5}}\noffers:")
    program = spring(text)
    here = situations({"p_buy.sale": 0.25, "age": 40}, {"p_buy.sale": 0.25, "age": 20}, program=program)
    prior = arbitrate.prior(program, here)[:, NAMES.index("sale/email/now")]
    assert math.isclose(prior[0], 0.25 * 40 * 1.5 * 0.5 * 2 * 3 - 0.01)
    assert math.isclose(prior[1], 0.25 * 40 * 1.5 * 0.5 * 2 - 0.01)


def test_a_formula_of_the_program_takes_the_place_of_ours_and_null_earns_nothing_but_its_cost() -> None:
    text = TEXT + 'arbitration: "p * value * lever + priority / 10 + spend - 2 * cost"\n'
    program = spring(text)
    here = situations(
        {"p_buy.sale": 0.25, "spend": 1.5}, {"spend": 1.5}, {"p_buy.sale": 0.25}, program=program
    )
    prior = arbitrate.prior(program, here)
    sale, news = NAMES.index("sale/email/now"), NAMES.index("news/sms/now")
    assert prior[0, sale] == 0.25 * 40 + 3 / 10 + 1.5 - 2 * 0.01
    assert prior[1, sale] == prior[2, sale] == -0.01
    assert (prior[:, news] == -0.1).all()
    assert (prior[:, 0] == 0.0).all()


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "p_buy.sale": st.floats(0, 1),
                "spend": st.floats(-1e9, 1e9),
                "age": st.integers(0, 99),
            },
        ),
        min_size=1,
        max_size=150,
    )
)
def test_a_formula_gives_the_same_bits_alone_as_among_many(values: list[dict[str, object]]) -> None:
    together = arbitrate.prior(FORMULA, situations(*values, program=FORMULA))
    for i in {0, len(values) // 2, len(values) - 1}:
        alone = arbitrate.prior(FORMULA, situations(values[i], program=FORMULA))
        assert (alone[0] == together[i]).all()


masks = st.integers(1, 6).flatmap(
    lambda k: st.lists(
        st.tuples(
            st.lists(st.booleans(), min_size=k, max_size=k),
            st.lists(st.integers(-2, 2), min_size=k + 1, max_size=k + 1),
        ),
        min_size=1,
        max_size=8,
    )
)


@settings(deadline=None)
@given(masks, st.integers(1, 4))
def test_the_shortlist_keeps_the_highest_and_of_equal_ones_the_first(
    rows: list[tuple[list[bool], list[int]]], options: int
) -> None:
    mask = np.array([[True, *feasible] for feasible, _ in rows])
    value = np.array([values for _, values in rows], dtype=np.float64)
    blame = np.where(mask, 0, 1).astype(np.int32)
    made = Feasible(mask, blame, (Reason("consent", "none"),), np.zeros(mask.shape, dtype=np.int64))
    short = arbitrate.shortlist(made, value, options)
    for i, row in enumerate(mask):
        ranked = sorted(np.flatnonzero(row[1:]) + 1, key=lambda j: (-value[i, j], j))
        assert set(np.flatnonzero(short.mask[i])) == {0, *ranked[:options]}
        assert {int(short.blame[i, j]) for j in ranked[options:]} <= {2}
    assert (short.blame[~mask] == 1).all()
    assert short.reasons[1].text.startswith("outranked")
    assert (made.mask == mask).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 400), st.integers(0, 400))
def test_whoever_is_let_in_stays_in_as_an_offer_is_learnt(seen: int, later: int) -> None:
    ramp = Ramp(0.02, 200)
    names = [f"c{i}" for i in range(300)]
    low, high = sorted([share(ramp, seen), share(ramp, seen + later)])
    assert low == share(ramp, seen)
    assert not (let_in("salt", "sale", names, low) & ~let_in("salt", "sale", names, high)).any()
    assert (seen < 200) or let_in("salt", "sale", names, low).all()


def test_a_ramp_reaches_its_share_and_each_offer_has_customers_of_its_own() -> None:
    names = [f"c{i}" for i in range(20_000)]
    sale, news = (let_in("salt", offer, names, 0.1) for offer in ("sale", "news"))
    assert abs(sale.mean() - 0.1) < 0.01
    assert abs((sale & news).mean() - 0.01) < 0.004


def test_without_exploring_the_best_is_taken_and_it_replays(store: Store) -> None:
    with store.write() as connection:
        applied(connection, TEXT + "\n")
        names = people(connection, 60)
        put_predictions(connection, [PredictionRow(name, "p_buy.sale", "1", 0.4, 1, 1) for name in names])
        current = {"spring": live(connection, "spring")}
        asked = [Request(name, "spring", f"k:{name}", AT, {}, explore=False) for name in names]
        rows = [one.row for one in settled(decide(connection, asked, current))]
        assert not any(replay(connection, row.id).differences for row in rows)
    served = [row for row in rows if row.arm == "policy" and row.offer == "sale"]
    assert served
    assert all(row.propensity == 1.0 / round(1.0 / row.propensity) and not row.explored for row in rows)
    assert {row.propensity for row in rows if row.arm == "random"} - {1.0, 0.5}


def test_options_and_ramps_are_stages_of_the_funnel_in_every_arm(store: Store) -> None:
    text = TEXT.replace("sale: {value: 40,", "sale: {value: 40, ramp: {share: 0.2, until: 30},")
    with store.write() as connection:
        applied(connection, text + "options: 2\n")
        names = people(connection, 300)
        rows = [one.row for one in settled(ask(connection, names))]
        told = [explained(connection, row) for row in rows[:40]]
        assert not any(replay(connection, row.id).differences for row in rows[:40])
        before = sum(row.offer == "sale" for row in rows)
        learn(connection, "spring", AT + timedelta(days=8))
        later = live(connection, "spring")
        again = [one.row for one in settled(ask(connection, names, AT + timedelta(days=8), "b"))]
        assert not any(replay(connection, row.id).differences for row in again[:40])
    assert later.seen == Counter(row.offer for row in rows if row.contact)
    assert 0 < before < sum(row.offer == "sale" for row in again)
    for row in rows:
        assert 0 < sum(bits.bit_count() for bits in row.feasible) <= 3
    dropped = {
        rival.rule.split(":")[0] for one in told for rival in one.rivals if rival.stage == "arbitration"
    }
    assert dropped == {"outranked", "offer sale"}
