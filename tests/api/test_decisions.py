from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.assign import assign
from engine.calendar import microseconds
from engine.decide import decide
from engine.errors import StoreError
from engine.reply import Decision
from engine.store import assignments, customers, decisions
from engine.store.rows import CustomerRow
from tests.api.client import Client
from tests.engine.programs import spring

NUMBER = itertools.count()
AT = "2026-11-24T09:00:00Z"
FIELDS = set(Decision.__struct_fields__) - {"funnel"}  # told on request


def question(**given: Any) -> dict[str, Any]:
    """A sound request with a key of its own."""
    return {"customer": "c30", "program": "spring", "key": f"q{next(NUMBER)}", "at": AT, **given}


def in_arm(arm: str) -> str:
    """A grown-up of the store in that arm."""
    return next(f"c{i}" for i in range(3, 40) if assign(spring(), [f"c{i}"]) == [arm])


def logged(client: Client, key: str) -> bool:
    with client.parts.store.read() as c:
        return key in decisions.decisions_by_key(c, "spring", [key])


def test_a_decision_is_told_whole_and_is_in_the_log_when_it_is_told(client: Client) -> None:
    asked = question(explain=True)
    answer = client.decide(asked)
    assert answer.status_code == 200
    told = answer.json()
    assert set(told) == FIELDS
    assert (told["customer"], told["program"], told["fallback"], told["replayed"]) == (
        "c30", "spring", False, False,
    )  # fmt: skip
    assert 0 < told["propensity"] <= 1
    assert any("offers eligible" in reason for reason in told["reasons"])
    assert logged(client, asked["key"])


def test_reasons_are_given_only_when_asked_for(client: Client) -> None:
    assert client.decide(question()).json()["reasons"] == []


def test_the_funnel_is_told_when_asked_for_and_adds_up(client: Client) -> None:
    asked = question(funnel=True)
    told = client.decide(asked).json()
    funnel = told["funnel"]
    assert funnel["customers"] == 1
    assert sum(funnel["dropped"].values()) == sum(funnel["by_reason"].values()) <= funnel["pairs"]
    assert client.decide(asked).json()["funnel"] == funnel
    assert "funnel" not in client.decide(question()).json()


def test_without_exploring_the_policy_takes_the_best_and_another_wish_is_another_request(
    client: Client,
) -> None:
    asked = question(customer=in_arm("policy"), explore=False)
    told = client.decide(asked).json()
    assert told["explored"] is False
    assert client.decide(asked).json()["replayed"] is True
    assert client.decide({**asked, "explore": True}).status_code == 422
    assert client.decide(question(customer=in_arm("policy"), explore=None)).status_code == 422


def test_the_holdout_gets_the_same_shape_with_no_action(client: Client) -> None:
    told = client.decide(question(customer=in_arm("holdout"))).json()
    assert set(told) == FIELDS
    assert (told["arm"], told["action"], told["fallback"], told["expires_at"]) == (
        "holdout",
        None,
        False,
        None,
    )


def test_an_action_says_what_to_send_how_and_when(client: Client) -> None:
    for _ in range(40):
        action = client.decide(question(customer=in_arm("random"))).json()["action"]
        if action is not None:
            assert set(action) == {"offer", "channel", "slot", "send_at"}
            assert datetime.fromisoformat(action["send_at"]).tzinfo is not None
            return
    raise AssertionError("the random arm sent nothing in 40 decisions")


def test_a_repeated_key_gets_the_stored_reply_and_a_header_that_says_so(client: Client) -> None:
    asked = question(explain=True, context={"spend": 3.5})
    first, again = client.decide(asked), client.decide(asked)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == {**first.json(), "replayed": True}


def test_a_key_used_for_another_request_is_refused(client: Client) -> None:
    asked = question()
    client.decide(asked)
    answer = client.decide({**asked, "customer": "c31"})
    assert (answer.status_code, answer.json()["type"]) == (422, "/docs#conflict")
    assert asked["key"] in answer.json()["detail"]


def test_a_repeat_for_another_moment_is_refused_and_one_that_names_none_is_answered(client: Client) -> None:
    asked = question()
    first = client.decide(asked).json()
    answer = client.decide({**asked, "at": "2026-11-25T09:00:00Z"})
    assert (answer.status_code, answer.json()["type"]) == (422, "/docs#conflict")
    assert first["at"][:10] in answer.json()["detail"]
    assert client.decide({**asked, "at": None}).json() == {**first, "replayed": True}


def test_the_key_may_stand_in_the_header(client: Client) -> None:
    asked = question()
    key = asked.pop("key")
    assert client.decide(asked, idempotency_key=key).status_code == 200
    assert logged(client, key)
    assert client.decide({**asked, "key": key}).json()["replayed"]
    assert client.decide({**asked, "key": key}, idempotency_key=key).json()["replayed"]


def test_two_different_keys_are_refused(client: Client) -> None:
    answer = client.decide(question(), idempotency_key="another")
    assert answer.status_code == 409
    assert "Idempotency-Key" in answer.json()["detail"]


def test_without_a_key_a_new_one_is_made_and_told(client: Client) -> None:
    asked = question()
    del asked["key"]
    keys = {client.decide(asked).headers["idempotency-key"] for _ in range(3)}
    assert len(keys) == 3
    assert all(logged(client, key) for key in keys)


def test_an_unknown_program_is_not_found_and_the_nearest_is_named(client: Client) -> None:
    answer = client.decide(question(program="sprong"))
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert "spring" in answer.json()["detail"]


def test_an_attribute_the_program_does_not_know_is_refused_with_the_nearest(client: Client) -> None:
    answer = client.decide(question(context={"spent": 3}))
    assert answer.status_code == 422
    assert "Did you mean 'spend'?" in answer.json()["detail"]


def test_many_callers_at_once_get_a_decision_each_and_one_key_one_decision(client: Client) -> None:
    asked = [question(customer=f"c{i % 40}") for i in range(60)]
    answers = client.decide_all(asked + asked)
    told = [answer.json() for answer in answers]
    assert [one["customer"] for one in told] == [one["customer"] for one in asked + asked]
    assert [one["id"] for one in told[:60]] == [one["id"] for one in told[60:]]
    assert len({one["id"] for one in told}) == 60
    assert sum(one["replayed"] for one in told) == 60


def test_a_refused_request_does_not_disturb_one_of_the_same_key_beside_it(client: Client) -> None:
    bad = question(context={"nonsense": 1})
    answers = client.decide_all([bad, bad, question()])
    assert [answer.status_code for answer in answers] == [422, 422, 200]


def test_a_request_that_breaks_the_pipeline_breaks_no_other(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine import service

    whole = decide

    def breaking(connection: Any, requests: Any, current: Any, **more: Any) -> Any:
        if any(one.customer == "breaks" for one in requests):
            raise RuntimeError("a bug")
        return whole(connection, requests, current, **more)

    monkeypatch.setattr(service, "decide", breaking)
    answers = client.decide_all([question(), question(customer="breaks"), question()])
    told = [answer.json() for answer in answers]
    assert [one["fallback"] for one in told] == [False, True, False]
    assert told[1]["action"] is None and told[1]["id"] is None


def test_a_decision_is_found_again_and_explained(client: Client) -> None:
    told = client.decide(question()).json()
    again = client.get(f"/v1/decisions/{told['id']}")
    assert again.json() == {**told, "replayed": True}
    why = client.get(f"/v1/decisions/{told['id']}/explanation").json()
    assert why["sentence"].startswith("c30")
    assert len(why["rivals"]) == len(spring().actions) - 1


def test_a_decision_that_is_not_there_is_not_found(client: Client) -> None:
    for path in ("/v1/decisions/nope", "/v1/decisions/nope/explanation"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["type"]) == (404, "/docs#not-found")


def test_a_store_that_cannot_write_is_answered_with_nothing_to_send(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: Any) -> Any:
        raise StoreError("store.db: database or disk is full. Free some disk space. Nothing was written.")

    monkeypatch.setattr(client.parts.desk._service, "answer", full)
    answer = client.decide(question())
    told = answer.json()
    assert (answer.status_code, told["fallback"], told["action"], told["id"]) == (200, True, None, None)
    assert set(told) == FIELDS
    assert "store" in told["reasons"][0]
    assert 'cause="store"' in client.get("/metrics").text


def test_the_arm_is_stored_at_the_first_decision(client: Client) -> None:
    told = client.decide(question(customer="newcomer")).json()
    with client.parts.store.read() as c:
        assert assignments.assignments(c, "spring", ["newcomer"]) == {"newcomer": told["arm"]}


def test_the_moment_is_now_if_none_is_given(client: Client) -> None:
    asked = question()
    del asked["at"]
    before = datetime.now(UTC)
    at = datetime.fromisoformat(client.decide(asked).json()["at"])
    assert microseconds(before) - 1000 < microseconds(at) <= microseconds(datetime.now(UTC))


def test_a_stored_value_of_another_type_than_declared_counts_as_not_known(client: Client) -> None:
    stored = {"age": "forty", "spend": 10**400, "country": 7}
    with client.parts.store.write() as c:
        customers.put_customers(c, [CustomerRow("odd", stored, {"marketing": True}, "Europe/Oslo", 1)])
    answers = client.decide_all([question(customer="odd"), question()])
    assert [answer.json()["fallback"] for answer in answers] == [False, False]
    known = client.get(f"/v1/decisions/{answers[0].json()['id']}/explanation")
    assert known.status_code == 200


def test_a_logged_decision_that_cannot_be_told_is_answered_with_nothing_to_send(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.api import decisions as route

    def broken(*given: Any) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr(route, "reply", broken)
    answer = client.decide(question())
    assert (answer.status_code, answer.json()["fallback"], answer.json()["action"]) == (200, True, None)
