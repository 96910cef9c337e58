"""Edited programs judged on the log of the live one."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from datetime import datetime
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection

from engine import cli
from engine.errors import InputError
from engine.learn import learn
from engine.plan import beside
from engine.program import loads
from engine.store import Store
from policies.base import Ints
from simulator.evaluate import evaluate
from simulator.made_known import with_probabilities
from simulator.readers.own import stored_log
from simulator.remake import remade
from simulator.targets import Target
from simulator.what_if import PREFIX, programs_as_targets, what_if
from simulator.what_if_told import beside_plan, lines
from tests.engine.programs import AT, TEXT, applied, ask, people, settled
from tests.engine.test_learn import DAY, bought
from tests.store.conftest import store

__all__ = ["store"]

LATER = AT + 20 * DAY
EXPLORING = TEXT.replace(
    "arms: {policy: 0.5, random: 0.2, bau: 0.1, holdout: 0.2}", "arms: {random: 0.8, policy: 0.2}"
)
ALL_POLICY = TEXT.replace("arms: {policy: 0.5, random: 0.2, bau: 0.1, holdout: 0.2}", "arms: {policy: 1.0}")


def logged(connection: Connection, text: str = EXPLORING, n: int = 900) -> None:
    """Two days of decisions with a snapshot between them, and purchases that follow the age."""
    applied(connection, text)
    names = people(connection, n)
    settled(ask(connection, names))
    buys(connection, names, AT + DAY, 1)
    learn(connection, "spring", AT + 8 * DAY)
    settled(ask(connection, names, AT + 9 * DAY, "second"))
    buys(connection, names, AT + 10 * DAY, 2)


def buys(connection: Connection, names: list[str], at: datetime, seed: int) -> None:
    """Purchases of some, the older of them more often."""
    chance = np.random.default_rng(seed)
    for i, name in enumerate(names):
        if chance.random() < 0.15 + 0.3 * (i % 60 > 30):
            bought(connection, name, at, 10.0)


def edited(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


def test_the_program_as_it_is_would_have_drawn_with_the_logged_propensities(store: Store) -> None:
    with store.write() as connection:
        logged(connection, ALL_POLICY, 300)
        program = applied(connection, ALL_POLICY)
        log = stored_log(connection, program, LATER)
        made = remade(connection, log, [program])
    own: Ints = made.log.action
    assert len(made.log) == 600
    assert made.pmf[0][np.arange(600), own] == pytest.approx(made.log.propensity, rel=1e-12)


def test_mips_reads_the_probabilities_of_offers_from_a_programs_own_decisions(store: Store) -> None:
    with store.write() as connection:
        logged(connection, n=300)
        log = stored_log(connection, applied(connection, EXPLORING), LATER)
        whole = with_probabilities(connection, "spring", log)
        other = applied(connection, edited(EXPLORING, "random: 0.8, policy: 0.2", "random: 1.0"))
        again = with_probabilities(connection, "spring", stored_log(connection, other, LATER))
    assert whole.logging is not None and len(whole) == len(log) and len(again) > 0
    assert whole.logging.sum(axis=1) == pytest.approx(np.ones(len(log)), abs=1e-9)
    assert whole.logging[np.arange(len(log)), log.action] == pytest.approx(log.propensity, abs=1e-9)
    assert whole.embedding is not None and len(whole.embedding) == len(whole.actions)
    for target in (Target("as logged", whole.logging), "logging"):
        (one,) = evaluate(whole, [target], ["mips", "offcem"]).policies
        mips, offcem = one.estimates
        assert mips.value == pytest.approx(log.reward.mean(), abs=1e-9) and offcem.value is not None


def test_a_log_of_several_versions_is_made_anew_by_each_of_them(store: Store) -> None:
    later = edited(ALL_POLICY, "age >= 18", "age >= 50")
    with store.write() as connection:
        logged(connection, ALL_POLICY, 150)
        program = applied(connection, later, AT + 11 * DAY)
        settled(ask(connection, people(connection, 150), AT + 11 * DAY, "third"))
        log = stored_log(connection, program, LATER)
        made, forward = (remade(connection, log, [program], apart=apart) for apart in (False, True))
        doubted = remade(connection, replace(log, propensity=log.propensity * 0.999), [program])
    row = np.arange(450)
    assert made.same.all() and made.log.logging is not None and forward.log.logging is not None
    assert made.log.logging[row, log.action] == pytest.approx(log.propensity, abs=1e-12)
    assert made.log.logging.sum(axis=1) == pytest.approx(np.ones(450))
    assert forward.log.logging == pytest.approx(made.log.logging, abs=1e-12)
    old = log.frame["program_version"].to_numpy() == 1
    assert np.abs(made.pmf[0] - made.log.logging)[~old].max() == pytest.approx(0.0, abs=1e-12)
    assert np.abs(made.pmf[0] - made.log.logging)[old].max() > 0.01
    assert not doubted.same.any() and doubted.log.logging is None


def test_a_gap_that_the_programs_own_probabilities_exclude_is_no_doubt(store: Store) -> None:
    """Few rows of each of many actions, and two rows a customer: rows alone could hide a gap."""
    offers = "\n".join(f"  offer_{i}: {{value: 1}}" for i in range(24))
    text = EXPLORING.replace(
        EXPLORING[EXPLORING.index("  sale:") : EXPLORING.index("channels:")], offers + "\n"
    )
    text = text.replace("predictions: {p_buy.sale: sale}\n", "")
    with store.write() as connection:
        logged(connection, text, 200)
        log = stored_log(connection, applied(connection, text), LATER)
        new = edited(text, "arms: {random: 0.8, policy: 0.2}", "arms: {random: 1.0}")
        found = what_if(connection, loads(new.encode(), "spring.yaml"), log)
        made = remade(connection, log, [loads(new.encode(), "spring.yaml")])
    unknown = replace(made.log, logging=None)
    said = evaluate(unknown, [Target("edited", made.pmf[0])]).policies[0].reason
    assert "could hide" in said and found.reward is not None and "could hide" not in found.reason


def test_arms_are_mixed_by_their_shares(store: Store) -> None:
    with store.write() as connection:
        logged(connection, n=100)
        program = applied(connection, EXPLORING)
        log = stored_log(connection, program, LATER)
        silent = loads(edited(EXPLORING, "random: 0.8, policy: 0.2", "holdout: 1.0").encode(), "s.yaml")
        half = loads(
            edited(EXPLORING, "random: 0.8, policy: 0.2", "holdout: 0.5, random: 0.5").encode(), "h.yaml"
        )
        alone = loads(edited(EXPLORING, "random: 0.8, policy: 0.2", "random: 1.0").encode(), "r.yaml")
        nothing, both, uniform = remade(connection, log, [silent, half, alone]).pmf
    assert nothing[:, log.actions.names.index("no_action")].tolist() == [1.0] * len(log)
    assert both == pytest.approx((nothing + uniform) / 2, abs=1e-12)


def test_a_program_that_says_the_same_changes_nothing(store: Store) -> None:
    with store.write() as connection:
        logged(connection)
        program = applied(connection, EXPLORING)
        log = stored_log(connection, program, LATER)
        found = what_if(connection, loads(b"# a comment\n" + EXPLORING.encode(), "spring.yaml"), log)
    assert found.reward is not None
    for one in (found.reward, found.contacts, found.reach):
        assert one.before == one.after and one.difference.low == one.difference.high == 0.0
    assert found.covered == pytest.approx(1.0) and found.verdict != "refused"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("caps: [3 per 7 days]", "caps: [1 per 7 days]", True),
        ("consent: marketing, caps: [2 per 7 days]", "consent: marketing, caps: [1 per 7 days]", True),
        ("random: 0.8, policy: 0.2", "random: 0.5, policy: 0.5", False),
    ],
)
def test_programs_are_taken_forward_where_their_caps_differ(
    store: Store, old: str, new: str, told: bool
) -> None:
    with store.write() as connection:
        logged(connection, n=150)
        log = stored_log(connection, applied(connection, EXPLORING), LATER)
        found = what_if(connection, loads(edited(EXPLORING, old, new).encode(), "spring.yaml"), log)
    assert found.forward is told
    assert ("Every decision as it stood" in "\n".join(lines(found))) is not told


def test_fewer_contacts_are_counted_exactly_and_the_reward_has_an_interval(store: Store) -> None:
    text = edited(EXPLORING, "random: 0.8, policy: 0.2", "random: 0.4, policy: 0.2, holdout: 0.4")
    with store.write() as connection:
        logged(connection)
        log = stored_log(connection, applied(connection, EXPLORING), LATER)
        found = what_if(connection, loads(text.encode(), "spring.yaml"), log)
    assert found.reward is not None and found.verdict != "refused"
    assert found.contacts.after < 0.75 * found.contacts.before
    assert found.reach.after < found.reach.before
    assert found.contacts.difference.value == pytest.approx(found.contacts.after - found.contacts.before)
    assert found.reward.difference.low < found.reward.difference.value < found.reward.difference.high


def test_what_the_log_never_tried_is_unsupported(store: Store) -> None:
    new = edited(EXPLORING, "  news: {value: 1, priority: 1}\n", "  gift: {value: 90, priority: 9}\n")
    with store.write() as connection:
        logged(connection)
        log = stored_log(connection, applied(connection, EXPLORING), LATER)
        found = what_if(connection, loads(new.encode(), "spring.yaml"), log)
    assert found.reward is None and found.verdict == "refused" and found.covered < 0.8
    told = "\n".join(lines(found))
    assert "reward per decision    unsupported" in told and "was not possible when these decisions" in told
    assert "nan" not in told.lower()


def test_a_program_file_is_a_policy_of_an_evaluation_of_the_store(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.write() as connection:
        logged(connection)
        program = applied(connection, EXPLORING)
        log = stored_log(connection, program, LATER)
        with pytest.raises(InputError, match="is of program 'summer', the log of 'spring'"):
            other = tmp_path / "other.yaml"
            other.write_text(EXPLORING.replace("program: spring", "program: summer"))
            programs_as_targets(connection, "spring", log, [str(other)])
    store.close()
    monkeypatch.setitem(cli.VERBS, "evaluate", "simulator.evaluate_command:evaluate")
    file = tmp_path / "edited.yaml"
    file.write_text(EXPLORING.replace("sale: {value: 40", "sale: {value: 80"))
    line = ["evaluate", "-p", "spring", "--store", str(tmp_path / "store.db"), "--at", LATER.isoformat()]
    tighter = tmp_path / "tighter.yaml"
    tighter.write_text(edited(EXPLORING, "caps: [3 per 7 days]", "caps: [1 per 7 days]"))
    assert cli.main([*line, "--policy", f"{PREFIX}{tighter}", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["policies"][0]["value"] is not None
    looser = tmp_path / "looser.yaml"
    looser.write_text(edited(EXPLORING, "caps: [3 per 7 days]", "caps: [9 per 7 days]"))
    cli.main([*line, "--policy", f"{PREFIX}{looser}"])
    assert "gamma" not in capsys.readouterr().out
    assert cli.main([*line, "--policy", f"{PREFIX}{file}", "--policy", "uniform", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in shown["policies"]] == [f"{PREFIX}{file}", "uniform"]
    assert all(one["value"] is not None for one in shown["policies"])
    assert cli.main([*line, "log.csv", "--policy", "uniform"]) == 2
    assert "Give either the file of a log, or --program" in capsys.readouterr().err


def test_a_plan_shows_the_estimate_beside_the_difference(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.write() as connection:
        logged(connection)
    store.close()
    monkeypatch.setattr(beside, "sayers", lambda: {"what_if": beside_plan})
    file = tmp_path / "spring.yaml"
    file.write_text(edited(EXPLORING, "age >= 18", "age >= 50"))
    line = ["plan", str(file), "--store", str(tmp_path / "store.db"), "--at", LATER.isoformat()]
    cli.main(line)
    out = capsys.readouterr().out
    assert "decisions made anew by both programs" in out and "customers reached" in out
    cli.main([*line, "--json"])
    (shown,) = json.loads(capsys.readouterr().out)
    assert shown["what_if"]["verdict"] in ("supported", "weak")
    assert shown["what_if"]["reward"]["difference"]["low"] < shown["what_if"]["reward"]["difference"]["high"]
    cli.main([*line, "--decisions", "0"])
    assert "made anew" not in capsys.readouterr().out


def test_a_plan_on_a_log_that_cannot_be_used_says_why(store: Store) -> None:
    with store.write() as connection:
        applied(connection, EXPLORING)
        settled(ask(connection, people(connection, 20)))
        edit = loads(edited(EXPLORING, "age >= 18", "age >= 50").encode(), "spring.yaml")
        said = beside_plan(connection, edit, AT + DAY, 100)
        nobody = beside_plan(connection, edit, AT - DAY, 100)
    assert said is not None and nobody is None
    assert said.lines[0].startswith("From the log: unsupported.") and "may still come" in said.lines[0]


def test_whoever_speaks_beside_a_plan_can_be_loaded() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    for target in project["project"]["entry-points"][beside.GROUP].values():
        module, _, name = target.partition(":")
        assert callable(getattr(import_module(module), name))
