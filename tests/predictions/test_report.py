"""What is told of models: versions and drift, ages, calibration from decisions that sent an offer."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import Connection

from engine.calendar import instant, microseconds
from engine.domain import Program
from engine.errors import InputError, NotFoundError, RefusedError
from engine.live import live
from engine.predictions.intake import SKEW, check_rows, take_in
from engine.predictions.report import calibrated, reliability, report, versions
from engine.predictions.versions import About
from engine.request import Request
from engine.store import Store, customers, models, outcomes
from engine.store.rows import OutcomeRow, PredictionRow
from tests.engine.programs import AT, TEXT, applied, decide, person, settled

MODEL = "p_buy.sale"
DAY = timedelta(days=1)
AT_US = microseconds(AT)


def rows(
    scores: dict[str, float], version: str = "v1", days_ago: float = 0, model: str = MODEL
) -> list[PredictionRow]:
    then = microseconds(AT - days_ago * DAY)
    return [PredictionRow(name, model, version, score, then, AT_US) for name, score in scores.items()]


def imported(
    c: Connection,
    scores: dict[str, float],
    version: str = "v1",
    days_ago: float = 0,
    programs: tuple[Program, ...] = (),
    model: str = MODEL,
) -> None:
    take_in(c, About(model, version), rows(scores, version, days_ago, model), programs, "test", str)


def test_a_version_that_comes_in_pieces_is_one(store: Store) -> None:
    scores = {f"c{i}": i / 100 for i in range(100)}
    pieces = [dict(list(scores.items())[i::3]) for i in range(3)]
    with store.write() as c:
        for days, piece in enumerate(pieces):
            imported(c, piece, days_ago=days)
        (found,) = versions(c, MODEL, []).versions
    assert (found.n, found.mean) == (100, pytest.approx(0.495))
    assert found.sd == pytest.approx(np.std(list(scores.values()), ddof=1))
    assert found.quantiles["0.5"] == pytest.approx(0.49, rel=0.001)
    assert (found.first_as_of, found.last_as_of) == (AT - 2 * DAY, AT)


def test_the_same_scores_twice_are_harmless(store: Store) -> None:
    with store.write() as c:
        scores = rows({"a": 0.1, "b": 0.2})
        first = take_in(c, About(MODEL, "v1"), scores, [], "test", str)
        again = take_in(c, About(MODEL, "v1"), [*scores, *rows({"d": 0.6})], [], "test", str)
        (found,) = versions(c, MODEL, []).versions
    assert (first.customers, first.new, again.customers, again.new) == (2, 2, 3, 1)
    assert found.n == 3


def test_another_score_for_the_same_moment_is_refused_with_its_row_and_nothing_is_stored(
    store: Store,
) -> None:
    with store.write() as c:
        imported(c, {"a": 0.1, "b": 0.2})
        with pytest.raises(InputError, match=r"row 1: score == 0\.3, customer 'b' has 0\.2"):
            take_in(c, About(MODEL, "v2"), rows({"z": 1, "b": 0.3}, "v2"), [], "test", lambda i: f"row {i}")
        assert [one.version for one in models.model_versions(c, MODEL)] == ["v1"]


def test_scores_of_the_future_are_refused_but_for_a_little_skew() -> None:
    late = PredictionRow("a", MODEL, "v1", 0.1, AT_US + SKEW // timedelta(microseconds=1), AT_US)
    check_rows(About(MODEL, "v1"), [late], str)
    later = PredictionRow("a", MODEL, "v1", 0.1, late.as_of_us + 1, AT_US)
    with pytest.raises(InputError, match="must not lie after its import"):
        check_rows(About(MODEL, "v1"), [later], str)


def test_what_is_said_of_a_version_is_kept_and_not_contradicted(store: Store) -> None:
    month = timedelta(days=30)
    with store.write() as c:
        program = applied(c)
        about = About(MODEL, "v1", month, "sale", True, "ab")
        take_in(c, about, rows({"a": 0.1}), [program], "f.csv", str)
        take_in(c, About(MODEL, "v1"), rows({"b": 0.1}), [program], "f.csv", str)
        (found,) = versions(c, MODEL, [program]).versions
        assert (found.horizon_days, found.target, found.probability, found.sha256) == (30, "sale", True, "ab")
        with pytest.raises(InputError, match="horizon == 7 days"):
            take_in(c, About(MODEL, "v1", 7 * DAY), rows({"d": 0.1}), [program], "f.csv", str)
        with pytest.raises(InputError, match=r"must be within \[0, 1\]"):
            take_in(c, About(MODEL, "v1"), rows({"d": 1.1}), [program], "f.csv", str)


@pytest.mark.parametrize(
    ("model", "target", "said"),
    [
        (MODEL, "loyalty", "says p_buy.sale predicts the response to 'sale'"),
        (MODEL, "sail", "Did you mean 'sale'?"),
    ],
)
def test_a_target_that_is_not_the_programs_is_refused(
    store: Store, model: str, target: str, said: str
) -> None:
    with store.write() as c:
        program = applied(c)
        with pytest.raises(InputError) as error:
            take_in(c, About(model, "v1", target=target), rows({"a": 0.1}), [program], "f.csv", str)
    assert said in str(error.value)


def test_each_version_is_compared_with_the_one_dated_before_it_whatever_came_first(store: Store) -> None:
    with store.write() as c:
        imported(c, {f"c{i}": i / 500 for i in range(500)}, "new", 1)
        imported(c, {f"c{i}": (i / 500) ** 3 for i in range(500)}, "old", 9)
        told = versions(c, MODEL, []).versions
    assert [one.version for one in told] == ["old", "new"]
    assert told[0].drift is None and told[1].drift is not None
    assert told[1].drift.against == "old" and told[1].drift.reading == "large"
    assert "look at the model's inputs" in told[1].drift_in_words


def test_an_import_warns_of_drift_and_of_a_model_nobody_uses(store: Store) -> None:
    with store.write() as c:
        program = applied(c)
        imported(c, {f"c{i}": i / 500 for i in range(500)}, "v1", 9)
        changed = rows({f"c{i}": (i / 500) ** 3 for i in range(500)}, "v2")
        arrival = take_in(c, About(MODEL, "v2"), changed, [program], "f.csv", str)
        other = take_in(c, About("clv", "v1"), rows({"a": 9.5}, model="clv"), [program], "f.csv", str)
    assert arrival.used_by == ["spring"] and "has changed" in arrival.warnings[0]
    assert other.used_by == [] and "No program of the store names 'clv'" in other.warnings[0]


def test_ages_are_told_by_the_newest_score_of_each_customer(store: Store) -> None:
    text = TEXT.replace("{p_buy.sale: sale}", "{p_buy.sale: {offer: sale, fresh: 7 days, expires: 30 days}}")
    with store.write() as c:
        program = applied(c, text)
        imported(c, dict.fromkeys(("a", "b", "d", "e"), 0.1), "v1", 40)
        imported(c, dict.fromkeys(("a", "b"), 0.2), "v2", 10)
        imported(c, {"a": 0.3}, "v3", 1)
        (contract,) = report(c, MODEL, [program], AT).contracts
    told = {one.version: (one.customers, one.fresh, one.stale, one.expired) for one in contract.ages}
    assert told == {"v1": (2, 0, 0, 2), "v2": (1, 0, 1, 0), "v3": (1, 1, 0, 0)}
    assert (contract.fresh_days, contract.expires_days, contract.stale) == (7, 30, "use")


def test_a_model_that_never_scored_anyone_is_named(store: Store) -> None:
    with store.write() as c:
        imported(c, {"a": 0.1})
        with pytest.raises(NotFoundError, match=r"Did you mean 'p_buy\.sale'"):
            versions(c, "p_buy.sail", [])


def responded(c: Connection, n: int, program: str = "spring") -> None:
    """n customers scored, decided for, and buying evenly as often as their scores say."""
    chance = np.random.default_rng(8)
    scores = {f"c{i}": float(chance.uniform(0.1, 0.6)) for i in range(n)}
    customers.put_customers(c, [person(name) for name in scores])
    imported(c, scores)
    asked = [Request(name, program, f"k:{name}", AT) for name in scores]
    sent = [
        one.row for one in settled(decide(c, asked, {program: live(c, program)})) if one.row.offer == "sale"
    ]
    sent = sorted((row for row in sent if row.contact), key=lambda row: scores[row.customer])
    due = np.floor(np.cumsum([0.0, *(scores[row.customer] for row in sent)]))
    bought = [row for row, more in zip(sent, np.diff(due), strict=True) if more]
    later = AT_US + DAY // timedelta(microseconds=1)
    outcomes.append_outcomes(
        c, [OutcomeRow(f"e{r.id}", r.id, r.customer, "purchase", 40.0, later, later) for r in bought]
    )


EVEN = TEXT.replace("{policy: 0.5, random: 0.2, bau: 0.1, holdout: 0.2}", "{random: 0.9, holdout: 0.1}")


def test_scores_that_come_true_are_told_to_be_calibrated(store: Store) -> None:
    with store.write() as c:
        program = applied(c, EVEN)
        responded(c, 2_500)
        found = reliability(c, MODEL, program, AT + 8 * DAY, "purchase")
        other = reliability(c, MODEL, program, AT + 8 * DAY, "purchase", "v9")
    assert found.sent is not None and found.everyone is not None
    assert found.sent.slope is not None
    assert found.sent.slope.low < 1 < found.sent.slope.high
    assert found.sent.gap.low < 0 < found.sent.gap.high
    assert found.everyone.gap.low < 0 < found.everyone.gap.high
    assert found.reading == ["No error beyond chance."]
    assert found.sent.n == sum(one.n for one in found.sent.bins) > 200
    assert other.sent is None and "0 matured decisions" in other.refused[0]


def test_what_was_certain_to_be_sent_stands_for_nobody_else(store: Store) -> None:
    with store.write() as c:
        program = applied(c, EVEN.replace("{random: 0.9, holdout: 0.1}", "{bau: 1.0}"))
        responded(c, 600)
        found = reliability(c, MODEL, program, AT + 8 * DAY, "purchase")
    assert found.sent is not None and found.everyone is None
    assert "0 of 600 decisions were drawn by chance" in found.refused[0]


def test_decisions_whose_window_is_open_do_not_count(store: Store) -> None:
    with store.write() as c:
        program = applied(c, EVEN)
        responded(c, 600)
        found = reliability(c, MODEL, program, AT + 6 * DAY, "purchase")
    assert found.sent is None and found.refused == [
        "0 matured decisions sent the offer, at least 200 are needed; wait."
    ]


def test_a_horizon_that_is_not_the_window_is_noted(store: Store) -> None:
    with store.write() as c:
        program = applied(c, EVEN)
        take_in(c, About(MODEL, "v1", 30 * DAY), rows({"a": 0.1}), [program], "f.csv", str)
        found = reliability(c, MODEL, program, AT, "visit")
    assert found.notes[0].startswith("Scores look 30 days ahead, outcomes are counted for 7")


def test_the_response_is_named_where_it_is_not_clear(store: Store) -> None:
    with store.write() as c:
        program = applied(c)
        imported(c, {"a": 0.1})
        found = report(c, MODEL, [program], AT)
        with pytest.raises(RefusedError, match=r"2 outcomes of worth \(purchase, visit\): name one"):
            calibrated(c, found, [program], AT)
        with pytest.raises(InputError, match="Did you mean 'purchase'"):
            calibrated(c, found, [program], AT, "purchases")
        with pytest.raises(RefusedError, match="predicts no offer's response in any program"):
            calibrated(c, found, [], AT)


def test_scores_of_a_store_made_before_versions_were_kept_have_means_and_no_quantiles(store: Store) -> None:
    from engine.store import predictions
    from engine.store.migrations import STEPS

    filling = next(text for step in STEPS for text in step if text.startswith("INSERT INTO modelversion"))
    with store.write() as c:
        predictions.put_predictions(c, rows({"a": 0.2, "b": 0.6}))
        c.exec_driver_sql(filling)
        (told,) = versions(c, MODEL, []).versions
    assert (told.n, told.mean, told.quantiles, told.drift) == (2, pytest.approx(0.4), {}, None)
    assert told.sd == pytest.approx(np.std([0.2, 0.6], ddof=1))
    assert instant(AT_US) == told.received
