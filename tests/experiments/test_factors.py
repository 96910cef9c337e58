"""What offers and channels do, by a program's own lots: covered, though not all may be sent everything."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.applied import apply_text
from engine.calendar import microseconds
from engine.cli import main
from engine.domain import Program
from engine.errors import InputError, RefusedError
from engine.experiments.drawn import Drawn, drawn
from engine.experiments.factorial import Factorial
from engine.experiments.factors import factors, read
from engine.experiments.stored import REWARD
from engine.program import loads
from engine.store import open_store
from engine.store.decisions import append_decisions
from engine.store.outcomes import append_outcomes
from tests.experiments.programs import START, TEXT
from tests.experiments.test_campaigns import WORLDS, within
from tests.store.made import decision, outcome

WIDE = TEXT.replace("  sale: {cost: 0.2}", "  sale: {cost: 0.2}\n  gift: {cost: 1}").replace(
    "  email: {cost: 0.05, consent: marketing}",
    "  email: {cost: 0.05, consent: marketing}\n  sms: {cost: 0.25, consent: marketing}",
)
ASKED = ["offer", "channel"]


def program(text: str = WIDE) -> Program:
    return loads(text.encode(), "spring.yaml")


def packed(mask: np.ndarray) -> list[bytes]:
    return [row.tobytes() for row in np.packbits(mask, axis=1)]


def lots(rng: np.random.Generator, n: int = 900, each: int = 3) -> Drawn:
    """Customers with a worth of their own; a third, who are worth much more, may get no sms.

    gift earns 1 more than sale, sms 0.5 more than email, and the two together 2 more than that.
    """
    made = program()
    who = np.repeat(np.arange(n // each), each)
    barred = np.repeat(rng.random(n // each) < 1 / 3, each)
    own = np.repeat(rng.normal(size=n // each), each)
    sms = np.array([one.channel == "sms" for one in made.actions])
    gift = np.array([one.offer == "gift" for one in made.actions])
    mask = ~(barred[:, None] & sms[None, :])
    u = rng.random(n)
    action = np.array([np.flatnonzero(row)[int(x * row.sum())] for row, x in zip(mask, u, strict=True)])
    worth = gift * 1.0 + sms * 0.5 + (gift & sms) * 2.0
    money = worth[action] + 5.0 * barred + own + (rng.exponential(1.0, n) - 1) * (1 + gift[action])
    rows = pl.DataFrame(
        {
            "customer": who.astype(str),
            "version": np.ones(n, dtype=np.int64),
            "action": action,
            "propensity": 1 / mask.sum(axis=1),
            "feasible": packed(mask),
            REWARD: money,
        }
    )
    return Drawn(made, {1: made}, rows)


def effects(found: Factorial) -> dict[str, tuple[float, float, float]]:
    return {
        one.what: (one.effect.value, one.effect.low, one.effect.high)
        for one in found.contrasts
        if one.metric == REWARD
    }


def test_factors_are_covered_though_a_channel_is_not_open_to_all() -> None:
    truth = {"offer gift": 2.0, "channel sms": 1.5, "offer gift with channel sms": 2.0}
    rng, worlds = np.random.default_rng(1), []
    for _ in range(WORLDS):
        found = read(lots(rng), ASKED, clamp=0.99999)
        assert found.trusted
        worlds.append(effects(found))
    for what, true in truth.items():
        held = [low <= true <= high for _, low, high in (one[what] for one in worlds)]
        assert within(float(np.mean(held))), what
        assert abs(np.mean([one[what][0] for one in worlds]) - true) < 0.1


def test_reading_it_as_a_file_would_take_who_may_get_sms_for_what_sms_does() -> None:
    rows = lots(np.random.default_rng(2), 9000).rows
    sms = pl.col("action").is_in([j for j, one in enumerate(program().actions) if one.channel == "sms"])
    sent = rows.filter(pl.col("action") > 0)
    gap = sent.filter(sms)[REWARD].mean() - sent.filter(~sms)[REWARD].mean()  # type: ignore[operator]
    assert gap < 0  # the truth is 1.5 more


def test_a_contrast_is_that_of_means_weighed_by_one_over_the_probability() -> None:
    found = lots(np.random.default_rng(3), 600)
    actions = found.program.actions
    sums: dict[tuple[str, str], list[float]] = {}
    for row in found.rows.iter_rows(named=True):
        bits = np.unpackbits(np.frombuffer(row["feasible"], dtype=np.uint8), count=len(actions))
        one = actions[row["action"]]
        if bits.sum() == len(actions) and one.offer:
            cell = sums.setdefault((one.offer, one.channel), [0.0, 0.0])
            cell[0] += row[REWARD] / row["propensity"]
            cell[1] += 1 / row["propensity"]
    mean = {cell: above / below for cell, (above, below) in sums.items()}
    told = effects(read(found, ASKED, clamp=0.99999))
    gift = (mean["gift", "email"] + mean["gift", "sms"] - mean["sale", "email"] - mean["sale", "sms"]) / 2
    both = mean["gift", "sms"] - mean["gift", "email"] - mean["sale", "sms"] + mean["sale", "email"]
    assert told["offer gift"][0] == pytest.approx(gift)
    assert told["offer gift with channel sms"][0] == pytest.approx(both)


def test_money_beyond_the_quantile_is_cut_and_the_whole_stands_beside() -> None:
    found = read(lots(np.random.default_rng(4)), ASKED, ["gift", "sms"], clamp=0.98)
    assert [one.metric for one in found.contrasts] == [REWARD] * 3 + [f"{REWARD}, unclamped"] * 3
    assert found.contrasts[0].what == "offer sale" and found.contrasts[0].against == "offer gift"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (pl.col("propensity") * 0.6, "was not drawn as often as the logged propensities say"),
        (pl.col("propensity") * 1.5, "the logged propensity is too high for the actions there were"),
    ],
)
def test_propensities_that_are_not_those_drawn_with_are_found(change: pl.Expr, words: str) -> None:
    found = lots(np.random.default_rng(5), 1500)
    told = read(Drawn(found.program, found.versions, found.rows.with_columns(propensity=change)), ASKED)
    assert [one.name for one in told.trust if not one.passed] == ["draws"]
    assert words in told.trust[0].sentence


@pytest.mark.parametrize("damage", [{"feasible": pl.lit(b"")}, {"action": pl.lit(99)}])
def test_decisions_that_do_not_fit_their_version_are_refused(damage: dict[str, pl.Expr]) -> None:
    found = lots(np.random.default_rng(5), 90)
    wrong = Drawn(found.program, found.versions, found.rows.with_columns(**damage))
    with pytest.raises(RefusedError, match="90 decisions do not fit the 5 actions of version"):
        read(wrong, ASKED)


def only(found: Drawn, keep: pl.Expr) -> Drawn:
    return Drawn(found.program, found.versions, found.rows.filter(keep))


def test_what_hardly_anybody_drew_or_could_draw_is_refused_in_words() -> None:
    found = lots(np.random.default_rng(6))
    place = {one.name: j for j, one in enumerate(found.program.actions)}
    with pytest.raises(RefusedError, match="sale, sms was drawn for 0 customers for whom every"):
        read(only(found, pl.col("action") != place["sale/sms/now"]), ASKED)
    barred = pl.col("propensity") > 1 / len(place) + 1e-9
    with pytest.raises(RefusedError, match=r"sale, sms was open in 0.0% of them.*offer=sale\|gift,channel"):
        read(only(found, barred), ASKED)
    with pytest.raises(RefusedError, match="has no decision of the arm 'random' from 2 days ago"):
        read(only(found, pl.lit(value=False)), ASKED)


@pytest.mark.parametrize(
    ("wanted", "references", "words"),
    [
        (["offer"], (), "needs two or three of offer, channel and slot"),
        (["offer", "chanel"], (), "has 'chanel', must be offer, channel or slot.*'channel'"),
        (["offer=sale|present", "channel"], (), "has no offer 'present'"),
        (["offer=sale", "channel"], (), "factor 'offer' has levels sale"),
        (ASKED, ("none", "email"), "'none' must be one of two or more"),
        (ASKED, ("sale",), "--control has 1 levels for 2 factors"),
    ],
)
def test_what_cannot_be_asked_is_refused(wanted: list[str], references: tuple[str, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        read(lots(np.random.default_rng(7)), wanted, references)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with 300 customers by lot, after a first version that had no gift."""
    path, rng = tmp_path_factory.mktemp("shop") / "shop.db", np.random.default_rng(8)
    store, at_us = open_store(path), microseconds(START)
    made, first = program(), TEXT.replace("{kind: uniform}", "{kind: uniform} # first")
    rows, events = [], []
    for i in range(420):
        old = i < 60
        actions = program(first).actions if old else made.actions
        action = int(rng.integers(len(actions)))
        one = actions[action]
        rows.append(
            decision(
                i + 1,
                customer=f"c{i}",
                arm="random" if i % 7 else "policy",
                at_us=at_us,
                program_version=1 if old else 2,
                action=action,
                offer=one.offer,
                channel=one.channel,
                slot=one.slot,
                send_at_us=at_us if one.offer else None,
                contact=bool(one.offer),
                propensity=1 / len(actions),
                feasible=packed(np.ones((1, len(actions)), dtype=bool))[0],
            )
        )
        value = float(rng.exponential(2.0)) + 20.0 * (one.offer == "gift")
        events.append(outcome(f"e{i}", customer=f"c{i}", at_us=at_us + 1, value=value, decision=rows[-1].id))
        events.append(outcome(f"late{i}", customer=f"c{i}", at_us=at_us + 200_000_000_000, value=900.0))
    with store.write() as connection:
        for text in (first, WIDE):
            apply_text(connection, program(text), text.encode(), START)
        append_decisions(connection, rows)
        append_outcomes(connection, events)
    store.close()
    return path


def test_the_store_gives_every_decision_what_belongs_to_it_less_its_cost(shop: Path) -> None:
    store = open_store(shop)
    with store.read() as connection:
        found = drawn(connection, "spring", ["random"], START + timedelta(days=3))
        early = drawn(connection, "spring", ["random"], START + timedelta(days=2))
        told = factors(connection, "spring", START + timedelta(days=3), ASKED)
    store.close()
    assert early.rows.is_empty() and found.rows.height == 360 and set(found.versions) == {1, 2}
    cost = {"": 0.0, "sale": 0.2, "gift": 1.0}
    sent = {"": 0.0, "email": 0.05, "sms": 0.25}
    kept = found.rows.with_columns(
        spent=pl.col("offer").replace_strict(cost, return_dtype=pl.Float64)
        + pl.col("channel").replace_strict(sent, return_dtype=pl.Float64)
    )
    assert (kept[REWARD] + kept["spent"] > 0).all()  # half of a purchase, the late one not counted
    assert (kept[REWARD] < 30).all()
    value, low, high = effects(told)["offer gift"]
    assert low < 10 - 0.8 < high and value > 5  # half of 20 more, less what it costs more
    assert sum(told.cells.values()) < 300  # none of the first version, in which nobody could get a gift


def test_the_command_line_reads_factors_from_the_store(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["report", "spring", "--store", str(shop), "--at", "2026-03-06"]
    assert main([*asked, "--factors", "offer,channel", "--control", "gift,sms", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["trust"]["passed"] and told["contrasts"][0]["against"] == "offer gift"
    assert main([*asked, "--factors", "offer=gift|sale,channel"]) == 0
    assert "offer sale with channel sms" in capsys.readouterr().out
    for wrong, words in (
        (["--factors", "offer,channel", "--period", "day"], "ask for different designs"),
        (
            ["--factors", "offer,channel", "--metric", "purchase"],
            "--metric says nothing to the report of a program with --factors",
        ),
        (["--delivered", "opened"], "a program's own report tells the effect on those reached"),
    ):
        assert main([*asked, *wrong]) == 2
        assert words in capsys.readouterr().err
