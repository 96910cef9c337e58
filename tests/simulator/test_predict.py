"""Predictions: calibrated, blind to what nobody sees, dated, versioned, and useful."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from simulator.predict import predict
from simulator.truth import count
from tests.simulator.seasons import NAMES, season

AT = datetime(2026, 11, 2, 7, tzinfo=UTC)


@pytest.mark.parametrize("name", NAMES)
def test_a_score_is_the_share_that_buys(name: str) -> None:
    """In each fifth of the scores the truth is the score, within 8 %, or 3 % of the mean of all."""
    n = 40_000
    now = season(name, n)
    bought = count(now.world, now.program, now.customers, now.world.fresh(n), 0, now.world.sells)
    for scores in predict(now.world, now.program, now.customers, AT, "1"):
        offer = now.program.predictions[scores.model]
        truth = bought[:, [action.offer == offer for action in now.program.actions]].mean(axis=1)
        for part in np.array_split(np.argsort(scores.score), 5):
            near = pytest.approx(truth[part].mean(), rel=0.08, abs=0.03 * truth.mean())
            assert scores.score[part].mean() == near


def test_a_score_tells_customers_apart_but_not_exactly() -> None:
    n = 10_000
    now = season("retail", n)
    bought = count(now.world, now.program, now.customers, now.world.fresh(n), 0, "purchase")
    for scores in predict(now.world, now.program, now.customers, AT, "1"):
        offer = now.program.predictions[scores.model]
        truth = bought[:, [action.offer == offer for action in now.program.actions]].mean(axis=1)
        assert 0.5 < np.corrcoef(scores.score, truth)[0, 1] < 0.9


def test_a_score_knows_nothing_of_what_nobody_sees() -> None:
    now = season("retail", 500)
    hidden = {name: trait[::-1] for name, trait in now.customers.latent.items()}
    swapped = replace(now.customers, latent=hidden)
    for mine, theirs in zip(
        predict(now.world, now.program, now.customers, AT, "1"),
        predict(now.world, now.program, swapped, AT, "1"),
        strict=True,
    ):
        np.testing.assert_array_equal(mine.score, theirs.score)


def test_scores_are_dated_and_versioned_and_there_is_one_model_an_offer() -> None:
    now = season("retail", 300)
    first, again, second = (predict(now.world, now.program, now.customers, AT, v) for v in ("1", "1", "2"))
    assert [s.model for s in first] == list(now.program.predictions)
    assert {(s.version, s.as_of) for s in first} == {("1", AT)}
    for one, same, other in zip(first, again, second, strict=True):
        np.testing.assert_array_equal(one.score, same.score)
        assert (one.score != other.score).any()
        assert ((one.score >= 0) & (one.score <= 1)).all()


def test_the_score_of_a_customer_does_not_depend_on_who_else_is_scored() -> None:
    now = season("retail", 300)
    part = now.customers.take(slice(100, 130))
    for every, few in zip(
        predict(now.world, now.program, now.customers, AT, "1"),
        predict(now.world, now.program, part, AT, "1"),
        strict=True,
    ):
        np.testing.assert_allclose(every.score[100:130], few.score, rtol=1e-9)
