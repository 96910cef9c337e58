"""Scores age in decisions: what is used, what is logged, what is told, and that it replays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection

from engine.calendar import microseconds
from engine.live import live
from engine.predictions.intake import take_in
from engine.predictions.versions import About
from engine.replay import replay
from engine.reply import explained
from engine.request import Request
from engine.situation import Situation, decode
from engine.store import Store, customers
from engine.store.rows import DecisionRow, PredictionRow
from tests.engine.programs import AT, TEXT, applied, decide, person, settled

AGEING = TEXT.replace(
    "predictions: {p_buy.sale: sale}",
    "predictions: {p_buy.sale: {offer: sale, fresh: 7 days, expires: 30 days, stale: widen}}",
)


def imported(c: Connection, scores: dict[str, float], days_ago: float) -> None:
    at_us, then = microseconds(AT), microseconds(AT - timedelta(days=days_ago))
    rows = [PredictionRow(name, "p_buy.sale", "v1", score, then, at_us) for name, score in scores.items()]
    take_in(c, About("p_buy.sale", "v1"), rows, [], "test", str)


def decided(c: Connection, name: str, key: str = "k", **context: float) -> DecisionRow:
    (one,) = settled(
        decide(
            c, [Request(name, "spring", f"{key}:{name}", AT, dict(context))], {"spring": live(c, "spring")}
        )
    )
    return one.row


def situation(row: DecisionRow) -> Situation:
    return decode(row.situation)


@pytest.mark.parametrize(("days", "used"), [(3, 0.8), (14, 0.5), (31, None)])
def test_a_decision_uses_what_the_age_of_a_score_leaves_of_it(
    store: Store, days: float, used: float | None
) -> None:
    with store.write() as c:
        applied(c, AGEING)
        customers.put_customers(c, [person("c1")])
        imported(c, {"c1": 0.8, "c2": 0.1, "c3": -0.3}, days)  # their mean is 0.2
        row = decided(c, "c1")
        assert situation(row).values.get("p_buy.sale") == pytest.approx(used)
        assert situation(row).as_of == {"p_buy.sale": microseconds(AT - timedelta(days=days))}
        assert replay(c, row.id).differences == ()


def test_an_explanation_says_how_old_a_score_was_and_what_was_left_of_it(store: Store) -> None:
    with store.write() as c:
        applied(c, AGEING)
        customers.put_customers(c, [person("c1"), person("c2"), person("c3")])
        imported(c, {"c1": 0.8}, 12)
        imported(c, {"c2": 0.8}, 40)
        imported(c, {"c3": 0.8}, 1)
        stale, gone, fresh = (explained(c, decided(c, name)).reasons for name in ("c1", "c2", "c3"))
    assert "p_buy.sale is 12 days old (stale): used at 58 %" in stale
    assert "p_buy.sale is 40 days old (expired): not used" in gone
    assert not any("old" in reason for reason in fresh)


def test_a_decision_replays_after_the_mean_of_the_model_has_moved(store: Store) -> None:
    with store.write() as c:
        applied(c, AGEING)
        customers.put_customers(c, [person("c1")])
        imported(c, {"c1": 0.8, "c2": 0.0}, 14)
        row = decided(c, "c1")
        imported(c, {f"n{i}": 1.0 for i in range(50)}, 14)
        assert replay(c, row.id).differences == ()
        later = situation(decided(c, "c1", "again")).values["p_buy.sale"]
        assert later > situation(row).values["p_buy.sale"] == pytest.approx(0.6)


def test_a_score_that_the_request_gives_is_of_now(store: Store) -> None:
    with store.write() as c:
        applied(c, AGEING)
        customers.put_customers(c, [person("c1")])
        imported(c, {"c1": 0.8}, 31)
        row = decided(c, "c1", **{"p_buy.sale": 0.3})
        assert situation(row).values["p_buy.sale"] == 0.3
        assert situation(row).as_of == {"p_buy.sale": microseconds(AT)}
        assert not any("old" in reason for reason in explained(c, row).reasons)


def test_without_a_contract_a_score_is_used_whatever_its_age(store: Store) -> None:
    with store.write() as c:
        applied(c)
        customers.put_customers(c, [person("c1")])
        imported(c, {"c1": 0.8}, 4_000)
        assert situation(decided(c, "c1")).values["p_buy.sale"] == 0.8
