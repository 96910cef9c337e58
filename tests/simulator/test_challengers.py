"""Shadows judged on the log of the policy that serves, and promoted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection

from engine import cli
from engine.applied import stored_program
from engine.decide import Decided
from engine.domain import PolicySpec, Shadow
from engine.errors import RefusedError
from engine.learn import learn
from engine.live import live, thaw
from engine.logged import Logged
from engine.published import roll_back
from engine.store import Store, open_store, outcomes, snapshots
from engine.store.audit import audit
from engine.store.rows import OutcomeRow
from engine.teach import teach
from policies.linear import Linear
from simulator import challengers
from simulator.challengers import bout
from tests.engine.programs import AT, TEXT, applied, ask, people, settled
from tests.engine.test_learn import DAY
from tests.store.conftest import store

__all__ = ["store"]

ROUNDS, EVERY, N = 4, 9, 320
LATER = AT + 80 * DAY
LINEAR = "{kind: linear, waves: 0, explore: greedy, floor: 0.02}"
CHANCE = TEXT.replace(
    "{policy: 0.5, random: 0.2, bau: 0.1, holdout: 0.2}", "{policy: 0.8, random: 0.2}"
).replace(
    "policy: {kind: linear, waves: 20}",
    "policy: {kind: uniform}\nshadows:\n"
    f"  learner: {LINEAR}\n  silent: {{kind: constant, action: no_action}}",
)


def season(connection: Connection, text: str = CHANCE) -> None:
    """Four mornings, nine days apart; who is sent the sale often buys, others seldom do."""
    applied(connection, text)
    names, chance = people(connection, N), np.random.default_rng(4)
    for i in range(ROUNDS):
        at = AT + i * EVERY * DAY
        learn(connection, "spring", at)
        made = settled(ask(connection, names, at, f"k{i}"))
        buys(connection, made, chance)
    learn(connection, "spring", LATER)


def buys(connection: Connection, made: list[Decided], chance: np.random.Generator) -> None:
    rows = [one.row for one in made]
    happened = [row for row in rows if chance.random() < (0.7 if row.offer == "sale" else 0.1)]
    outcomes.append_outcomes(
        connection,
        [
            OutcomeRow(f"e:{row.id}", row.id, row.customer, "purchase", 40.0, row.at_us + 1, 0)
            for row in happened
        ],
    )


def shadow(name: str, kind: str, **settings: object) -> Shadow:
    return Shadow(name, PolicySpec(kind, settings))


def test_a_better_challenger_is_ready_a_worse_one_and_the_same_one_are_not(store: Store) -> None:
    with store.write() as connection:
        season(connection)
        program = stored_program(connection, "spring")
        found = bout(connection, "spring", [*program.shadows, shadow("same", "uniform")], LATER)
    learner, silent, same = found.challengers
    assert learner.ready and learner.found.lift.low is not None and learner.found.lift.low > 0
    assert not silent.ready and silent.found.lift.high is not None and silent.found.lift.high < 0
    assert not same.ready and same.found.lift.value == 0.0
    assert found.serving.agreement is not None and found.serving.agreement.value == 1.0
    assert same.agreement == found.serving.agreement
    assert learner.agreement is not None and 0.0 < learner.agreement.value < 1.0


def test_a_challenger_has_learnt_nothing_that_had_not_matured_when_it_is_asked(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    taught, asked = list[int](), list[tuple[int, int]]()

    def teaching(current: object, logged: list[Logged], *rest: object) -> None:
        taught.extend(at_us for one in logged for at_us in one.at_us.tolist())

    def asking(served: object, situations: list[object]) -> object:
        asked.append((max(taught), min(one.at_us for one in situations)))  # type: ignore[attr-defined]
        return uniform(served, situations)  # type: ignore[arg-type]

    uniform = challengers.mixed
    with store.write() as connection:
        season(connection)
        monkeypatch.setattr(challengers, "teach", teaching)
        monkeypatch.setattr(challengers, "mixed", asking)
        bout(connection, "spring", [shadow("learner", "linear", waves=0)], LATER)
    window_us = 7 * 86_400_000_000
    assert teach is not teaching and len(asked) >= 2 * 2
    assert all(known + window_us < least for known, least in asked)


def test_a_log_in_which_nothing_matured_before_another_decision_judges_nobody(store: Store) -> None:
    with store.write() as connection:
        applied(connection, CHANCE)
        settled(ask(connection, people(connection, 20)))
        with pytest.raises(RefusedError, match="nothing can be judged yet"):
            bout(connection, "spring", [shadow("learner", "linear")], LATER)


def test_after_going_back_nobody_is_judged(store: Store) -> None:
    with store.write() as connection:
        season(connection)
        roll_back(connection, "spring", 1, LATER)
        with pytest.raises(RefusedError, match="went back to snapshot 1"):
            bout(connection, "spring", [shadow("learner", "linear")], LATER)


@pytest.fixture
def verbs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("shadows", "promote"):
        monkeypatch.setitem(cli.VERBS, name, f"simulator.shadows_command:{name}")


def test_the_verbs_tell_refuse_and_promote(
    tmp_path: Path, verbs: None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "store.db"
    made = open_store(path)
    with made.write() as connection:
        season(connection)
    made.close()
    common = ["-p", "spring", "--store", str(path), "--at", LATER.isoformat()]

    assert cli.main(["shadows", *common, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(one["name"], one["ready"]) for one in told["policies"]] == [
        ("serving", False),
        ("learner", True),
        ("silent", False),
    ]
    assert cli.main(["shadows", *common]) == 0
    assert "better beyond chance" in capsys.readouterr().out

    assert cli.main(["promote", "silent", *common]) == 1
    assert "is not promoted: worse beyond chance" in capsys.readouterr().err
    assert cli.main(["promote", "silent", *common, "--anyway"]) == 2
    assert cli.main(["promote", "lerner", *common]) == 2

    assert cli.main(["promote", "learner", *common, "--note", "spring is short", "--by", "ann"]) == 0
    assert '"kind": "linear"' in capsys.readouterr().out
    made = open_store(path)
    with made.read() as connection:
        serving = live(connection, "spring")
        newest = snapshots.snapshot(connection, "spring")
        line = audit(connection, "spring", 1)[0]
    made.close()
    assert serving.program.version == 2 and serving.program.policy.kind == "linear"
    assert newest is not None and newest.reason.startswith("promoted linear")
    policy = thaw(newest.body)[1]
    assert isinstance(policy, Linear) and policy.settings["floor"] == 0.02
    assert (line.who, line.how) == ("ann", "promote")
    assert line.note.startswith("shadow learner, better beyond chance") and line.note.endswith(
        "spring is short"
    )


def test_what_was_promoted_learns_on_and_can_be_taken_back(
    tmp_path: Path, verbs: None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "store.db"
    made = open_store(path)
    with made.write() as connection:
        season(connection)
        before = snapshots.newest_version(connection, "spring")
    common = ["-p", "spring", "--store", str(path), "--at", LATER.isoformat()]
    assert cli.main(["promote", "silent", *common, "--anyway", "--note", "a quiet week", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["snapshot"] == before + 1
    with made.write() as connection:
        assert live(connection, "spring").policy.kind == "constant"
        settled(ask(connection, [f"c{i}" for i in range(20)], LATER, "on"))
        assert learn(connection, "spring", LATER + 8 * DAY).decisions == 20
        roll_back(connection, "spring", before, LATER + 9 * DAY)
        assert live(connection, "spring").policy.kind == "uniform"
    made.close()
