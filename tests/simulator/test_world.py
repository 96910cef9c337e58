"""Worlds: their customers, their programs, and what a day leaves behind."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain import Action
from engine.errors import InputError
from engine.values import checked
from simulator.happen import outcomes
from simulator.world import Customers, advance
from simulator.worlds import world
from simulator.worlds.shoppers import HISTORY, RECENCY, SPEND
from tests.shared import shared
from tests.simulator.seasons import NAMES, season


def _same(one: Customers, other: Customers) -> None:
    assert one.names == other.names
    for mine, yours in (
        (one.attributes, other.attributes),
        (one.consent, other.consent),
        (one.latent, other.latent),
    ):
        assert {name: column.tolist() for name, column in mine.items()} == {
            name: column.tolist() for name, column in yours.items()
        }
    assert one.zone.tolist() == other.zone.tolist()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), first=st.integers(0, 900), n=st.integers(0, 100))
def test_customers_are_the_same_however_many_are_asked_for(name: str, seed: int, first: int, n: int) -> None:
    everyone = world(name).customers(1000, seed)
    _same(world(name).customers(n, seed, first), everyone.take(slice(first, first + n)))


def test_another_seed_has_other_customers() -> None:
    one, other = world("retail").customers(100, 1), world("retail").customers(100, 2)
    assert (one.attributes["history"] != other.attributes["history"]).any()


@pytest.mark.parametrize("name", NAMES)
def test_every_program_knows_exactly_what_its_customers_show(name: str) -> None:
    day = season(name, 50)
    moment = day.world.moment(3)
    assert {a.name for a in day.program.attributes} == {*day.customers.attributes, *moment}
    columns = {name: column.tolist() for name, column in day.customers.attributes.items()}
    for i in range(50):
        values = {attribute: column[i] for attribute, column in columns.items()} | dict(moment)
        assert checked(day.program, values, f"row {i}") == values
    for attribute in day.program.attributes:
        assert not attribute.levels or set(columns[attribute.name]) <= set(attribute.levels)


@pytest.mark.parametrize("name", NAMES)
def test_every_program_acts_on_all_the_world_has_and_asks_the_consents_customers_give(name: str) -> None:
    day = season(name, 1)
    assert len(day.program.actions) == 1 + len(day.world.offers) * len(day.world.channels) * len(
        day.world.slots
    )
    assert {c.consent for c in day.program.channels} == set(day.customers.consent)
    assert set(day.program.predictions.values()) == set(day.world.offers)


def test_recency_history_and_spend_have_the_marginals_of_hillstrom() -> None:
    real = pl.read_csv(shared("data/hillstrom/hillstrom.csv.gz"), infer_schema_length=None)
    months = real["recency"].value_counts().sort("recency")["count"].to_numpy()
    np.testing.assert_allclose(RECENCY, np.cumsum(months) / len(real), atol=1e-12)
    spends = real.filter(pl.col("spend") > 0)["spend"].to_numpy()
    for marginal, column in ((HISTORY, real["history"].to_numpy()), (SPEND, spends)):
        np.testing.assert_allclose(marginal.value, np.quantile(column, marginal.at), atol=0.006)


def test_customers_have_the_marginals_the_tables_state() -> None:
    seen = world("retail").customers(50_000, 3).attributes
    shares = np.cumsum(np.bincount(seen["recency"], minlength=13)[1:]) / 50_000
    np.testing.assert_allclose(shares, RECENCY, atol=0.01)
    at = [0.1, 0.25, 0.5, 0.75, 0.9, 0.95]
    np.testing.assert_allclose(np.quantile(seen["history"], at), HISTORY.quantile(np.array(at)), rtol=0.03)
    ranks = [np.argsort(np.argsort(seen[name])) for name in ("recency", "history")]
    assert np.corrcoef(ranks)[0, 1] == pytest.approx(-0.226, abs=0.02)


def test_contact_tires_a_purchase_sates_and_who_left_stays_away() -> None:
    retail = world("retail")
    fresh = retail.fresh(3)
    sent = retail.choice([Action(), Action("winter_sale", "email", "now")]).of(np.array([0, 1, 1]))
    after = advance(retail, fresh, sent, np.array([0, 0, 1]), np.array([False, False, True]))
    assert after.fatigue.tolist() == pytest.approx([0, 0.5**0.25, 0.5**0.25])
    assert after.worn[1].tolist() == pytest.approx([0.5 ** (1 / 14), 0, 0, 0])
    assert after.sated.tolist() == pytest.approx([0, 0, 0.5**0.1])
    nothing = retail.choice([Action()]).of(np.zeros(3, dtype=np.int64))
    later = advance(retail, after, nothing, np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.bool_))
    assert (later.fatigue <= after.fatigue).all() and later.left.tolist() == [False, False, True]


def test_who_unsubscribed_sees_nothing_more() -> None:
    day = season("retail", 2000)
    action = np.full(2000, 1)
    follow = outcomes(day.world, day.customers, day.state, 3, day.program.actions, action)
    reached = follow.row[follow.kind == "seen"]
    assert len(reached) and not day.state.left[reached].any()


def test_an_unknown_world_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"There is no world 'retial'\. Did you mean 'retail'\?"):
        world("retial")


def test_an_unknown_offer_is_answered_with_the_nearest() -> None:
    with pytest.raises(
        InputError, match=r"world 'retail' has no offer 'winter_sail'\. Did you mean 'winter_sale'"
    ):
        world("retail").choice([Action("winter_sail", "email", "now")])


@pytest.mark.parametrize(
    ("n", "seed", "first", "named"),
    [(-1, 1, 0, "n"), (1, -1, 0, "seed"), (1, 2**32, 0, "seed"), (1, 1, -1, "first")],
)
def test_impossible_customers_are_refused_by_name(n: int, seed: int, first: int, named: str) -> None:
    with pytest.raises(InputError, match=f"^{named} == "):
        world("null").customers(n, seed, first)
