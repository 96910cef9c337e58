"""The apprentice learns today's rules from what they did."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scipy.stats import binomtest

from engine import apprentice, cli
from engine.errors import RefusedError
from engine.store import Store, open_store, snapshots
from tests.engine.programs import AT, TEXT, applied, ask, people, settled
from tests.engine.test_learn import DAY

RULES = TEXT.replace("{policy: 0.5, random: 0.2, bau: 0.1, holdout: 0.2}", "{bau: 1.0}")
CHANCE = RULES.replace("bau: {kind: priority}", "bau: {kind: uniform}")


def worked(store: Store, text: str) -> None:
    """Three days of today's rules."""
    with store.write() as connection:
        applied(connection, text)
        names = people(connection, 150)
        for day in range(3):
            settled(ask(connection, names, AT + 10 * day * DAY, f"k{day}"))


def test_rules_that_hang_on_the_context_are_learnt(store: Store) -> None:
    worked(store, RULES)
    with store.read() as connection:
        found = apprentice.apprentice(connection, "spring")
    assert found.learnt == 300 and found.overall.apprentice.n == 150
    assert found.overall.apprentice.value > 0.95
    assert found.overall.policy.value < found.overall.apprentice.value
    assert len(found.by_offer) >= 2
    assert sum(one.apprentice.n for one in found.by_offer.values()) == 150


def test_what_is_left_to_chance_cannot_be_learnt(store: Store) -> None:
    worked(store, CHANCE)
    with store.read() as connection:
        found = apprentice.apprentice(connection, "spring")
    assert found.overall.apprentice.high < 0.5


def test_the_interval_is_wilsons(store: Store) -> None:
    worked(store, CHANCE)
    with store.read() as connection:
        one = apprentice.apprentice(connection, "spring").overall.apprentice
    known = binomtest(round(one.value * one.n), one.n).proportion_ci(method="wilson")
    assert (one.low, one.high) == pytest.approx((known.low, known.high))


def test_too_few_decisions_say_nothing(store: Store) -> None:
    with store.write() as connection:
        applied(connection, RULES)
        settled(ask(connection, people(connection, 20)))
    with store.read() as connection, pytest.raises(RefusedError, match="60 are needed"):
        apprentice.apprentice(connection, "spring")


def test_the_verb_tells_by_offer_and_publishes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = open_store(tmp_path / "store.db")
    worked(made, RULES)
    line = ["learn", "-p", "spring", "--store", str(tmp_path / "store.db"), "--apprentice"]
    assert cli.main(line) == 0
    assert "all" in capsys.readouterr().out
    assert cli.main([*line, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["learnt"] == 300
    assert cli.main([*line, "--afresh"]) == 2
    with made.read() as connection:
        assert snapshots.snapshot_versions(connection, "spring") == []
    made.close()
