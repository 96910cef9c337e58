from __future__ import annotations

from typing import Any

import pytest

from engine.errors import StoreError
from tests.api.client import Client
from tests.api.test_bodies import refused
from tests.api.test_decisions import question


def test_the_process_is_alive(client: Client) -> None:
    assert client.get("/livez").json() == {"status": "alive"}


def test_a_server_whose_store_takes_writes_is_ready_and_names_its_programs(client: Client) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "programs": {"spring": 1}})


def test_a_server_whose_store_cannot_be_written_is_not_ready(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.store import health

    def full(connection: Any) -> None:
        raise StoreError("store.db: database or disk is full. Free some disk space. Nothing was written.")

    monkeypatch.setattr(health, "touch", full)
    assert "disk is full" in refused(client.get("/readyz"), 503)


def test_metrics_count_decisions_by_program_arm_and_fallback_and_time_them(client: Client) -> None:
    client.decide(question())
    text = client.get("/metrics").text
    assert "nextbest_decisions_total{arm=" in text and 'program="spring"' in text
    assert "nextbest_decision_seconds_bucket" in text
    assert "nextbest_decision_group_count" in text and "nextbest_commit_seconds_sum" in text
    assert "nextbest_waiting 0.0" in text
    assert "_created" not in text


def test_callers_words_never_become_labels(client: Client) -> None:
    client.decide(question(program="made_up_by_a_caller"))
    assert "made_up_by_a_caller" not in client.get("/metrics").text
