"""Programs over HTTP: their versions, their audit, and a catalogue edited while decisions are made."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

from engine.api.app import create_app
from engine.replay import replay
from engine.settings import Settings
from engine.store import open_store
from tests.api.client import Client, calling
from tests.api.conftest import GENEROUS_MS
from tests.engine.programs import TEXT, applied, people


def test_versions_and_audit_are_told(client: Client) -> None:
    (version,) = client.get("/v1/programs/spring/versions").json()
    assert (version["version"], version["current"], version["source"]) == (1, True, "spring.yaml")
    (line,) = client.get("/v1/programs/spring/audit").json()
    assert (line["version_before"], line["version_after"], line["changes"]) == (None, 1, ["new program"])
    assert line["sha256_after"] == version["sha256"]


def test_a_program_that_is_not_there_is_404(client: Client) -> None:
    for what in ("versions", "audit", "budgets"):
        answer = client.get(f"/v1/programs/sprong/{what}")
        assert answer.status_code == 404 and "Did you mean 'spring'?" in answer.json()["detail"]


def test_results_are_those_of_the_report_or_refused_in_words(client: Client) -> None:
    unknown = client.get("/v1/experiments/sprong/results")
    assert unknown.status_code == 404 and "sprong" in unknown.json()["detail"]
    asked = {"program": "spring", "context": {"age": 40, "country": "NO"}}
    early = client.get("/v1/experiments/spring/results")
    assert early.status_code == 409 and early.json()["type"] == "/docs#refused"
    for i in range(60):
        client.ask("POST", "/v1/decisions", {**asked, "customer": f"c{i}", "key": f"r{i}"})
    told = client.get("/v1/experiments/spring/results").json()
    assert told["program"] == "spring" and sum(told["arms"].values()) == 60
    assert told["verdict"]["status"] in ("green", "yellow", "red", "gray")


def test_what_is_left_of_a_budget_is_told(tmp_path: Path) -> None:
    text = TEXT.replace("loyalty: {value: 20,", "loyalty: {value: 20, stock: 3,").replace(
        "consent: sms, ", "consent: sms, capacity: 40 per week, "
    )
    store = open_store(tmp_path / "store.db")
    with store.write() as c:
        applied(c, text)
        people(c, 40)
    with calling(create_app(Settings(store=store.path, deadline_ms=GENEROUS_MS))) as client:
        body = {"program": "spring", "context": {"age": 40, "country": "NO"}}
        told = [
            client.ask("POST", "/v1/decisions", {**body, "customer": f"c{i}", "key": f"k{i}"}).json()
            for i in range(40)
        ]
        stock, *weeks = client.get("/v1/programs/spring/budgets").json()
    store.close()
    sent = [one["action"] for one in told if one["action"]]
    assert (stock["budget"], stock["unit"], stock["until"], stock["quota"]) == (
        "stock loyalty",
        "stock",
        None,
        3,
    )
    assert stock["used"] == sum(one["offer"] == "loyalty" for one in sent) == 3 - stock["left"]
    assert sum(week["used"] for week in weeks) == sum(one["channel"] == "sms" for one in sent)
    assert {week["budget"] for week in weeks} == {"capacity sms"} and weeks[0]["until"]


def test_a_catalogue_edited_during_load_is_one_version_for_each_decision(tmp_path: Path) -> None:
    """Every decision names the version it was made under, is made again under it, and sees all of it or none.

    Version by version `sale` goes, comes back, and goes: no decision offers what its version does not have.
    """
    path, numbers = tmp_path / "store.db", count()
    gone = TEXT.replace("  sale: {value: 40, priority: 3, eligible: age >= 18}\n", "").replace(
        "predictions: {p_buy.sale: sale}\n", ""
    )
    store = open_store(path)
    with store.write() as c:
        applied(c)
        people(c, 40)

    def ask(client: Client) -> dict[str, object]:
        i = next(numbers)
        body = {"customer": f"c{i % 40}", "program": "spring", "key": f"k{i}", "context": {"age": 40}}
        return dict(client.ask("POST", "/v1/decisions", body).json())

    with calling(create_app(Settings(store=path, deadline_ms=GENEROUS_MS))) as client:
        with ThreadPoolExecutor(8) as pool:
            asked = []
            for edit in range(12):
                asked += [pool.submit(ask, client) for _ in range(10)]
                asked[-10].result()
                with store.write() as c:
                    applied(c, f"{(gone, TEXT)[edit % 2]}# edit {edit}\n")
            told = [one.result() for one in asked]
        last = ask(client)
    assert last["program_version"] == 13
    versions = Counter(one["program_version"] for one in told)
    assert len(versions) >= 12 and not any(one["fallback"] for one in told)
    with store.read() as c:
        assert all(replay(c, str(one["id"])).differences == () for one in told)
    offered = {(one["program_version"], one["action"]["offer"]) for one in told if one["action"]}  # type: ignore[index]
    assert not [one for one in offered if one[1] == "sale" and one[0] % 2 == 0]  # type: ignore[operator]
    store.close()
