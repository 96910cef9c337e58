"""Logs of other systems, each in a small file as its documentation has it, and what is said of bad ones."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine import cli
from engine.errors import InputError
from simulator.logs import Log, make_log
from simulator.readers import FORMATS

DSJSON: list[dict[str, Any]] = [
    {
        "_label_cost": -1.0,
        "_label_probability": 0.8,
        "_label_Action": 2,
        "_labelIndex": 1,
        "o": [{"v": 1.0, "EventId": "e1", "ActionTaken": False}],
        "Timestamp": "2026-11-02T08:00:00.000Z",
        "Version": "1",
        "EventId": "e1",
        "a": [2, 1],
        "c": {"GUser": {"age": 31, "town": "x"}, "_multi": [{"_tag": "sale"}, {"_tag": "news"}]},
        "p": [0.8, 0.2],
        "VWState": {"m": "1/2"},
    },
    {
        "_label_cost": 0,
        "_label_probability": 0.25,
        "_label_Action": 1,
        "_labelIndex": 0,
        "Timestamp": "2026-11-01T08:00:00.000Z",
        "EventId": "e2",
        "a": [1, 3, 2],
        "c": {
            "GUser": {"age": 40, "town": "y"},
            "_multi": [{"_tag": "sale"}, {"_tag": "news"}, {"_tag": "gift"}],
        },
        "p": [0.25, 0.5, 0.25],
    },
    {"_skipLearn": True, "_label_cost": 0, "EventId": "e3", "c": {"_multi": [{}]}},
    {"RewardValue": 1, "EventId": "e1"},
]
PERSONALIZER: list[dict[str, Any]] = [
    {
        "eventId": "e1",
        "contextFeatures": [{"user": {"age": 31}}, {"device": "mobile"}],
        "actions": [{"id": "sale", "features": [{"price": 3}]}, {"id": "news", "features": [{}]}],
        "excludedActions": [],
        "ranking": [{"id": "news", "probability": 0.8}, {"id": "sale", "probability": 0.2}],
        "rewardActionId": "news",
        "value": 1.0,
    },
    {
        "eventId": "e2",
        "contextFeatures": [{"user": {"age": 40}}, {"device": "desk"}],
        "ranking": [{"id": "sale", "probability": 0.5}, {"id": "news", "probability": 0.5}],
        "rewardActionId": "sale",
    },
    {"eventId": "e3", "activated": False},
]
ADF = """\
shared |User age:31 man
|Action sale
0:-1.5:0.7 |Action news

shared |User age:40
0:2:0.5 |Action sale
|Action news
|Action gift
"""
CB = "2:-1:0.4 |u age:31 man\n\n1:0:0.5 tag| age:40\n"
OPEN_BANDIT = """\
,timestamp,item_id,position,click,propensity_score,user_feature_0,user-item_affinity_0
0,2019-11-24 00:00:01.5+00:00,14,3,0,0.5,a,0.0
1,2019-11-24 00:00:00.5+00:00,10,1,1,0.25,b,0.0
"""


def jsonl(rows: list[dict[str, Any]]) -> str:
    return "\n".join(json.dumps(row) for row in rows) + "\n"


def read(tmp_path: Path, kind: str, text: str, zipped: bool = False) -> Log:
    path = tmp_path / "log"
    path.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
    return FORMATS[kind](path)


@pytest.mark.parametrize("zipped", [False, True])
def test_dsjson_gives_choices_probabilities_and_contexts(tmp_path: Path, zipped: bool) -> None:
    log = read(tmp_path, "dsjson", jsonl(DSJSON), zipped)
    assert log.actions.names == ("gift", "news", "sale")
    assert [log.actions.names[a] for a in log.action] == ["news", "sale"]
    assert log.reward.tolist() == [1.0, 0.0] and log.propensity.tolist() == [0.8, 0.25]
    assert log.mask.tolist() == [[False, True, True], [True, True, True]]
    assert log.logging is not None and log.logging.tolist() == [[0.0, 0.8, 0.2], [0.5, 0.25, 0.25]]
    assert log.at is not None and log.at[0] - log.at[1] == 86_400_000_000
    assert log.names == ("context.GUser.age", "context.GUser.town=x", "context.GUser.town=y")
    assert log.notes == ("1 decisions that were never shown (_skipLearn) are left out.",)


def test_personalizers_rank_calls_are_read_with_their_rewards(tmp_path: Path) -> None:
    log = read(tmp_path, "personalizer", jsonl(PERSONALIZER))
    assert log.actions.names == ("news", "sale") and log.action.tolist() == [0, 1]
    assert log.reward.tolist() == [1.0, 0.0] and log.propensity.tolist() == [0.8, 0.5]
    assert log.logging is not None and log.logging.tolist() == [[0.8, 0.2], [0.5, 0.5]]
    assert log.names == ("context.device=desk", "context.device=mobile", "context.user.age")
    assert log.notes == (
        "1 calls that were never activated are left out.",
        "1 calls without a reward count as 0.",
    )


def test_vowpalwabbits_text_of_several_lines_a_decision(tmp_path: Path) -> None:
    log = read(tmp_path, "vw", ADF)
    assert log.actions.names == ("Action gift", "Action news", "Action sale")
    assert [log.actions.names[a] for a in log.action] == ["Action news", "Action sale"]
    assert log.reward.tolist() == [1.5, -2.0] and log.propensity.tolist() == [0.7, 0.5]
    assert log.mask.tolist() == [[False, True, True], [True, True, True]]
    assert log.frame["context.User^man"].to_list() == [1.0, 0.0]


def test_vowpalwabbits_text_of_one_line_a_decision(tmp_path: Path) -> None:
    log = read(tmp_path, "vw", CB)
    assert log.actions.names == ("1", "2") and log.action.tolist() == [1, 0]
    assert log.reward.tolist() == [1.0, 0.0] and log.propensity.tolist() == [0.4, 0.5]
    assert log.frame.select(pl.col("^context.*$")).columns == [
        "context.age",
        "context.u^age",
        "context.u^man",
    ]


def test_the_open_bandit_data_set_is_read_by_its_own_columns(tmp_path: Path) -> None:
    log = read(tmp_path, "open-bandit", OPEN_BANDIT)
    assert log.actions.names == ("10", "14") and log.action.tolist() == [1, 0]
    assert log.names == ("position", "user_feature_0=a", "user_feature_0=b")
    assert log.at is not None and log.at[0] - log.at[1] == 1_000_000


def changed(rows: list[dict[str, Any]], i: int, **values: Any) -> str:
    return jsonl([{**row, **values} if j == i else row for j, row in enumerate(rows)])


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("dsjson", "{", "line 1: is no JSON"),
        ("dsjson", "[1]", "line 1: is no JSON object"),
        ("dsjson", "", "has no decisions that can be used"),
        ("dsjson", changed(DSJSON, 1, EventId="e1"), "line 2: decision 'e1' stands in line 1 already"),
        ("dsjson", changed(DSJSON, 1, p=[0.5, 0.5, 0.5]), "sum to 1.5, must be 1"),
        ("dsjson", changed(DSJSON, 1, a=[1, 2]), "a and p must name each of the 3 actions once"),
        ("dsjson", changed(DSJSON, 0, _label_probability=0.0), "is 0, must be in (0, 1]"),
        ("dsjson", changed(DSJSON, 0, _label_probability=1.5), "is 1.5, must be in (0, 1]"),
        ("dsjson", changed(DSJSON, 0, _label_cost=None), "_label_cost is None, must be a number"),
        ("dsjson", changed(DSJSON, 0, _labelIndex=5), "action 6 was chosen, and there are 2"),
        ("dsjson", changed(DSJSON, 1, pdrop=0.5), "pdrop differs from line to line"),
        ("dsjson", jsonl(DSJSON[:1]), "every decision chose 'news'"),
        (
            "dsjson",
            changed(DSJSON, 0, c={"_multi": [{"_tag": "a"}, {"_tag": "a"}]}),
            "two actions look the same",
        ),
        ("personalizer", changed(PERSONALIZER, 0, rewardActionId="x"), "'x' is not in the ranking"),
        ("personalizer", changed(PERSONALIZER, 0, rewardActionId=None), "has no rewardActionId"),
        ("personalizer", changed(PERSONALIZER, 0, ranking=None), "has no ranking"),
        ("personalizer", changed(PERSONALIZER, 0, value="much"), "value is 'much', must be a number"),
        ("vw", ADF.replace("0:-1.5:0.7 ", ""), "line 1: 0 actions of this decision have a label"),
        ("vw", ADF.replace("0:-1.5:0.7", "0:x:0.7"), "label '0:x:0.7' must be action:cost:probability"),
        ("vw", ADF.replace("0:-1.5:0.7", "0:-1.5:0"), "is 0, must be in (0, 1]"),
        ("vw", CB.replace("age:31", "age:old"), "feature 'age:old' must end in a number"),
        ("open-bandit", OPEN_BANDIT.replace("click", "klick"), "has no column 'click'"),
        ("nextbest", OPEN_BANDIT, "has no column 'id', so nextbest did not export it"),
    ],
)
def test_what_is_wrong_with_a_log_is_told_with_its_line(
    tmp_path: Path, kind: str, text: str, said: str
) -> None:
    with pytest.raises(InputError) as told:
        read(tmp_path, kind, text)
    assert said in str(told.value) and "nan" not in str(told.value).lower().replace("nano", "")


def test_a_file_that_is_not_there_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        FORMATS["dsjson"](tmp_path / "none")
    (tmp_path / "log").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(InputError, match="is no UTF-8 text"):
        FORMATS["vw"](tmp_path / "log")


EXPORT = {
    "id": ["d1", "d2", "d3", "d4", "d5", "d6", "d7"],
    "customer": ["b", "a", "a", "c", "d", "e", "f"],
    "at": [1, 2, 3, 4, 5, 6, 7],
    "arm": ["policy", "random", "holdout", "policy", "bau", "policy", "policy"],
    "action": [
        "sale/email/now",
        "no_action",
        "no_action",
        "sale/email/now",
        "no_action",
        "no_action",
        "no_action",
    ],
    "propensity": [0.8, 0.5, 1.0, 1.0, 1.0, 0.5, 0.2],
    "explore": [True, True, True, False, True, True, True],
    "fallback": [None, None, None, None, None, "priority list", None],
    "withheld": [None, None, "holdout", None, None, None, None],
    "reward": [2.0, 0.0, 0.0, 1.0, 0.0, 0.0, None],
    "feasible": ["no_action sale/email/now sale/sms/now"] * 7,
    "context.age": [30.0, 40.0, 30.0, 20.0, 20.0, 20.0, 20.0],
}


def test_of_nextbests_own_log_what_was_left_to_chance_is_used_and_the_rest_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    pl.DataFrame(EXPORT).with_columns(pl.col("at").cast(pl.Datetime("us", "UTC"))).write_parquet(path)
    log = FORMATS["nextbest"](path)
    assert log.frame["id"].to_list() == ["d1", "d2"]
    assert log.actions.names == ("no_action", "sale/email/now", "sale/sms/now")
    assert log.mask.all() and log.cluster is not None and log.cluster.tolist() == [1, 0]
    assert log.fallback == pytest.approx(1 / 5)
    assert log.names == ("context.age",)
    assert log.embedding is not None and log.embedding.tolist() == [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    told = " ".join(log.notes)
    for reason in (
        "2 decisions are left out: their arm",
        "a fallback answered",
        "no exploration",
        "may still come",
    ):
        assert reason in told


def test_a_log_of_the_holdout_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    pl.DataFrame(EXPORT).with_columns(arm=pl.lit("holdout")).write_csv(path)
    with pytest.raises(
        InputError, match=r"no decision that can be used\. 7 decisions are left out: their arm"
    ):
        FORMATS["nextbest"](path)


@pytest.mark.parametrize("kind", ["lazy", "pandas", "pyarrow"])
def test_tables_of_other_libraries_are_read_through_arrow(kind: str) -> None:
    frame = pl.DataFrame({"a": ["x", "y", "x"], "p": [0.5, 0.5, 0.5], "r": [1.0, 0.0, 2.0]})
    given: object = frame.lazy()
    if kind != "lazy":
        pytest.importorskip("pyarrow")
        pytest.importorskip(kind)
        given = frame.to_arrow() if kind == "pyarrow" else frame.to_pandas()
    log = make_log(given, action="a", propensity="p", reward="r")
    assert log.action.tolist() == [0, 1, 0] and log.reward.tolist() == [1.0, 0.0, 2.0]


def test_what_is_no_table_is_told() -> None:
    with pytest.raises(InputError, match="log: is a dict, must be a table of polars, pandas or Arrow"):
        make_log({"a": [1]}, action="a", propensity="p", reward="r")


LOG = {
    "id": ["d1", "d2", "d3"],
    "a": ["x", "y", "x"],
    "p": [0.5, 0.25, 0.5],
    "r": [1.0, 0.0, 2.0],
    "at": ["2026-11-01", "2026-11-02", "2026-11-03"],
    "paid": ["2026-11-02", None, "2026-11-03"],
    "p_x": [0.5, 0.25, 0.5],
    "p_y": [0.5, 0.25, 0.5],
    "p_z": [0.0, 0.5, 0.0],
    "can_x": [1, 1, 1],
    "can_y": [1, 1, 1],
    "can_z": [0, 1, 0],
}


def columns(**given: Any) -> Log:
    frame = pl.DataFrame({**LOG, **{k: v for k, v in given.items() if k in LOG}}, strict=False)
    options = {k: v for k, v in given.items() if k not in LOG}
    return make_log(frame, action="a", propensity="p", reward="r", **options)


def test_the_whole_logged_pmf_is_taken_with_actions_that_were_never_chosen() -> None:
    log = columns(logging="p_", feasible="can_", id="id", time="at", rewarded="paid")
    assert log.actions.names == ("x", "y", "z")
    assert log.logging is not None and np.allclose(log.logging[1], [0.25, 0.25, 0.5])
    assert log.mask.tolist() == [[True, True, False], [True, True, True], [True, True, False]]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"logging": "p_", "feasible": "can_", "p_z": [0.2, 0.5, 0.0]},
            "row 1: has probabilities under p_* that sum to 1.2",
        ),
        (
            {"logging": "p_", "feasible": "can_", "p": [0.4, 0.25, 0.5]},
            "row 1: has another probability of what was chosen",
        ),
        ({"logging": "p_", "feasible": "can_", "p_z": [-0.1, 0.5, 0.1]}, "row 1: has a negative probability"),
        (
            {"time": "at", "rewarded": "paid", "paid": ["2026-10-01", None, None]},
            "row 1: paid is 2026-10-01, before the decision",
        ),
        ({"rewarded": "paid"}, "--rewarded needs the time of the decision"),
    ],
)
def test_logs_that_contradict_themselves_are_told(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as told:
        columns(**given)
    assert said in str(told.value)


def test_a_decision_in_two_rows_is_told() -> None:
    with pytest.raises(InputError, match="row 3: decision 'x' stands in row 1 already"):
        make_log(pl.DataFrame(LOG), action="a", propensity="p", reward="r", id="a")


def test_the_command_line_reads_a_format_and_refuses_columns_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cli.VERBS, "evaluate", "simulator.evaluate_command:evaluate")
    path = tmp_path / "log.jsonl"
    path.write_text(jsonl(DSJSON))
    line = ["evaluate", str(path), "--format", "dsjson", "--policy", "uniform"]
    assert cli.main([*line, "--json"]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert shown["n"] == 2 and shown["policies"][0]["verdict"] == "refused"
    assert cli.main([*line, "--reward", "r"]) == 2
    assert "--reward is for --format columns" in capsys.readouterr().err
    assert cli.main([*line[:3], "vwtext", *line[4:]]) == 2
    assert "There is no format 'vwtext'" in capsys.readouterr().err
