"""`nextbest simulate` as a person runs it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from engine import cli
from simulator import run as season

SMALL = ["--customers", "150", "--days", "10"]


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The verb known to the command line however it is installed, on a terminal of 80 columns."""
    monkeypatch.setitem(cli.VERBS, "simulate", "simulator.simulate_command:simulate")
    monkeypatch.setenv("COLUMNS", "80")


def test_the_tables_fit_a_terminal_and_cut_no_name(capsys: pytest.CaptureFixture[str]) -> None:
    line = [
        "simulate",
        "retail",
        *SMALL,
        "--policy",
        "formula",
        "--policy",
        "constant:new_arrivals/email/now",
    ]
    assert cli.main(line) == 0
    out = capsys.readouterr().out
    assert max(len(one) for one in out.splitlines()) <= 80 and "…" not in out
    wanted = (
        "Simulated",
        "formula",
        "holdout",
        "truth",
        "lift",
        "regret",
        "violations",
        "free_delivery/email/tonight",
    )
    assert all(word in out for word in wanted)


def test_what_the_report_says_is_told_and_why_it_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["simulate", "null", *SMALL, "--policy", "uniform"]) == 0
    assert "The report on uniform's season: " in (said := capsys.readouterr().out) and "against" in said
    assert cli.main(["simulate", "null", "--customers", "12", "--days", "1", "--policy", "uniform"]) == 0
    assert "no lift is told" in capsys.readouterr().out


def test_two_constant_policies_keep_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"constant:new_arrivals/{channel}/now" for channel in ("email", "sms")]
    line = ["simulate", "null", "--customers", "60", "--days", "3", "--json"]
    assert cli.main([*line, "--policy", names[0], "--policy", names[1]]) == 0
    assert [one["policy"] for one in json.loads(capsys.readouterr().out)] == names


def test_json_carries_one_season_a_policy_with_the_truth(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["simulate", "null", *SMALL, "--policy", "uniform", "--policy", "linear", "--json"]) == 0
    seasons = json.loads(capsys.readouterr().out)
    assert [one["policy"] for one in seasons] == ["uniform", "linear"]
    assert seasons[0]["audit"]["violations"] == 0 and len(seasons[0]["daily"]) == 40
    rungs = {one["arm"]: one for one in seasons[1]["ladder"]}
    assert set(rungs) == {"policy", "random", "bau", "holdout"}
    assert rungs["policy"]["true_lift"] < 0.0 < rungs["policy"]["value"]


def test_a_violated_constraint_is_a_finding(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = season.run
    bad = lambda *given, **named: (  # noqa: E731
        lambda one: replace(one, audit=replace(one.audit, caps=3))
    )(real(*given, **named))
    monkeypatch.setattr(season, "run", bad)
    assert cli.main(["simulate", "null", "--customers", "40", "--days", "2"]) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["retial"], "There is no world 'retial'. Did you mean 'retail'?"),
        (["retail", "--policy", "linaer"], "There is no policy 'linaer'. Did you mean 'linear'?"),
        (["retail", "--policy", "constant:sale"], "has no such action"),
        (
            ["retail", "--policy", "constant"],
            "There is no policy 'constant'. Did you mean 'constant:ACTION'?",
        ),
        (["retail", "--days", "0"], "days == 0, must be 1 or more."),
        (["retail", "--customers", "0"], "customers == 0, must be 1 or more."),
        (["retail", "--seed", "-1"], "seed == -1"),
    ],
)
def test_what_cannot_be_simulated_is_one_sentence(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["simulate", *words]) == 2
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1
