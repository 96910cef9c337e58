"""Events in Segment's form: taken once, acted on at once, refused in words."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.situation import decode
from engine.store import decisions, outcomes
from engine.store.rows import OutcomeRow
from tests.api.client import Client
from tests.api.test_bodies import json_values, quiet, refused

NUMBER = itertools.count()


def order(**given: Any) -> dict[str, Any]:
    """A purchase with an id of its own."""
    told = {"userId": "c20", "event": "Order Completed", "messageId": f"m{next(NUMBER)}"}
    return {**told, "properties": {"revenue": 42.5}, "timestamp": "2026-06-01T10:00:00Z", **given}


def stored(client: Client) -> dict[str, OutcomeRow]:
    with client.parts.store.read() as c:
        return {row.event: row for _, row in outcomes.outcomes_iter(c, 0, 100_000)}


def test_a_tracked_event_is_an_outcome_and_told_twice_counts_once(client: Client) -> None:
    told = order()
    first, again = client.ask("POST", "/v1/track", told), client.ask("POST", "/v1/track", told)
    assert first.json() == {
        "success": True,
        "outcomes": 1,
        "new": 1,
        "duplicates": 0,
        "customers": 0,
        "skipped": 0,
    }
    assert (again.json()["new"], again.json()["duplicates"]) == (0, 1)
    row = stored(client)[told["messageId"]]
    assert (row.customer, row.kind, row.value) == ("c20", "order_completed", 42.5)


def test_identify_makes_a_profile_that_the_next_decision_goes_by(client: Client) -> None:
    traits = {"age": 33, "country": "NO", "consent": {"marketing": True}, "timezone": "Europe/Oslo"}
    assert client.ask("POST", "/v1/identify", {"userId": "anna", "traits": traits}).status_code == 200
    known = client.get("/v1/customers/anna").json()
    assert known["attributes"] == {"age": 33, "country": "NO"}
    assert (known["consent"], known["zone"]) == ({"marketing": True}, "Europe/Oslo")
    told = client.ask("POST", "/v1/track?decide=spring", order(userId="anna")).json()["decision"]
    with client.parts.store.read() as c:
        row = decisions.decision(c, told["id"])
    assert row is not None and decode(row.situation).values["age"] == 33


def test_a_batch_is_taken_whole_or_not_at_all(client: Client) -> None:
    good = {"type": "track", **order()}
    page = {"type": "page", "userId": "c20", "name": "Home"}
    who = {"type": "identify", "userId": "c21", "traits": {"age": 50}}
    taken = client.ask("POST", "/v1/batch", {"batch": [good, page, who, good], "sentAt": None}).json()
    assert (taken["new"], taken["duplicates"], taken["customers"], taken["skipped"]) == (1, 1, 1, 1)
    other = {"type": "track", **order()}
    detail = refused(
        client.ask("POST", "/v1/batch", {"batch": [other, {**other, "properties": {"value": "x"}}]}), 422
    )
    assert "batch message 1: properties.value == 'x'" in detail
    assert other["messageId"] not in stored(client)


def test_an_alias_and_a_merge_make_two_ids_one_person(client: Client) -> None:
    for old, new, path in (("anon-1", "c1", "/v1/alias"), ("anon-2", "c1", "/v1/customers/c1/merge")):
        client.ask("POST", "/v1/identify", {"userId": old, "traits": {"age": 33, "consent": {"sms": False}}})
        body = {"previousId": old, "userId": new} if path == "/v1/alias" else {"customer": old}
        told, again = (client.ask("POST", path, body).json() for _ in range(2))
        found = "merged" if path == "/v1/alias" else "new"
        assert (told.get(found, 0), again.get(found, 0)) == (1, 0)
        assert client.ask("GET", f"/v1/customers/{old}").json()["customer"] == new
    assert client.ask("GET", "/v1/customers/anon-2").json()["consent"]["sms"] is False
    asked = {"customer": "anon-1", "program": "spring", "key": "as-before"}
    assert client.ask("POST", "/v1/decisions", asked).json()["customer"] == "c1"
    assert refused(client.ask("POST", "/v1/alias", {"userId": "c1"}), 422)
    assert refused(client.ask("POST", "/v1/customers/c1/merge", {"who": "x"}), 422)


def test_an_event_sets_off_a_decision_and_its_retry_gets_the_same_one(client: Client) -> None:
    told = order(event="Cart Abandoned", properties={"spend": 61.5, "colour": "red"})
    first = client.ask("POST", "/v1/track?decide=spring", told).json()
    again = client.ask("POST", "/v1/track?decide=spring", told).json()
    assert first["decision"]["customer"] == "c20" and not first["decision"]["replayed"]
    assert again["decision"]["replayed"] and again["decision"]["id"] == first["decision"]["id"]
    assert (first["new"], again["new"]) == (1, 0)
    with client.parts.store.read() as c:
        row = decisions.decision(c, first["decision"]["id"])
    assert row is not None and decode(row.situation).values["spend"] == 61.5
    assert row.key == f"track:{told['messageId']}"


def test_a_long_message_id_sets_off_one_decision_too(client: Client) -> None:
    told = order(messageId="x" * 128)
    first, again = (client.ask("POST", "/v1/track?decide=spring", told).json() for _ in range(2))
    assert first["decision"]["id"] == again["decision"]["id"]


def test_an_event_whose_program_is_not_there_is_not_stored(client: Client) -> None:
    told = order()
    detail = refused(client.ask("POST", "/v1/track?decide=sprint", told), 404)
    assert "Did you mean 'spring'" in detail
    refused(client.ask("POST", "/v1/track?decided=spring", told), 422)
    refused(client.ask("POST", "/v1/track?decide=spring&decide=spring", told), 422)
    assert told["messageId"] not in stored(client)


def test_scores_that_arrive_are_used_by_the_next_decision(client: Client) -> None:
    def used(key: str) -> object:
        told = client.decide({"customer": "c22", "program": "spring", "key": key}).json()
        with client.parts.store.read() as c:
            row = decisions.decision(c, told["id"])
        assert row is not None
        return decode(row.situation).values.get("p_buy.sale")

    assert used("before the score") is None
    for score in (0.25, 0.5):
        body = {"version": f"v{score}", "scores": {"c22": score}}
        assert client.ask("PUT", "/v1/predictions/p_buy.sale", body).status_code == 200
        assert used(f"after {score}") == score


def test_what_is_known_of_a_models_versions_is_told(client: Client) -> None:
    path = "/v1/predictions/lead"
    for version, power, month in (("a", 1, 1), ("b", 3, 2)):
        scores = {f"c{i}": (i / 400) ** power for i in range(400)}
        body = {"version": version, "as_of": f"2026-0{month}-01T00:00:00Z", "scores": scores}
        arrived = client.ask("PUT", path, {**body, "horizon": "30 days", "probability": True}).json()
    assert arrived["drift"]["reading"] == "large" and "has changed" in arrived["warnings"][1]
    told = client.get(path).json()
    assert [(one["version"], one["n"], one["horizon_days"]) for one in told["versions"]] == [
        ("a", 400, 30),
        ("b", 400, 30),
    ]
    assert told["versions"][1]["drift"]["against"] == "a" and told["used_by"] == []
    assert "Did you mean 'lead'" in refused(client.get("/v1/predictions/leap"), 404)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"scores": [{"customer": "a", "score": 1.5}], "probability": True}, "body, score 0: score == 1.5"),
        ({"scores": {"a": 1}, "as_of": "2190-01-01T00:00:00Z"}, "must not lie after its import"),
        ({"scores": {"a": 1}, "horizon": "soon"}, "horizon == 'soon'"),
        ({"scores": {"a": 1}, "horizon": 30}, "horizon == 30, must be a text"),
        ({"scores": {"a": 1}, "target": "news"}, "predicts the response to 'sale'"),
        ({"scores": {"a": 1}, "target": ""}, "target == ''"),
        ({"scores": [{"customer": "a", "score": 1}, {"customer": "a", "score": 2}]}, "has 1.0 of p_buy.sale"),
    ],
)
def test_scores_that_cannot_be_taken_are_refused_in_words(
    client: Client, body: dict[str, Any], said: str
) -> None:
    sound = {"version": "v0", "scores": {"nobody": 0.5}, "as_of": "2026-01-01T00:00:00Z"}
    assert client.ask("PUT", "/v1/predictions/p_buy.sale", sound).status_code == 200
    detail = refused(client.ask("PUT", "/v1/predictions/p_buy.sale", {"version": "bad", **body}), 409, 422)
    assert said in detail
    assert all(one["version"] != "bad" for one in client.get("/v1/predictions/p_buy.sale").json()["versions"])


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/track", b"{", 400),
        ("/v1/track", b"[]", 422),
        ("/v1/track", {"event": "x"}, 422),
        ("/v1/track", {"userId": "a", "event": 5}, 422),
        ("/v1/track", {"userId": "a", "event": "x", "timestamp": "yesterday"}, 422),
        ("/v1/track", {"userId": "a", "event": "x", "timestamp": "1900-01-01T00:00:00Z"}, 422),
        (
            "/v1/track",
            {
                "userId": "a",
                "event": "x",
                "timestamp": "9999-12-31T00:00:00Z",
                "sentAt": "0001-01-01T00:00:00Z",
            },
            422,
        ),
        ("/v1/track", b'{"userId": "a", "userId": "b", "event": "x"}', 422),
        ("/v1/track", b'{"userId": "a", "event": "x", "properties": {"value": NaN}}', 400),
        ("/v1/track", {"userId": "a" * 129, "event": "x"}, 422),
        ("/v1/identify", {"userId": "c20", "traits": {"age": "forty"}}, 422),
        ("/v1/identify", {"userId": "c20", "traits": {"age": 10**400}}, 422),
        ("/v1/batch", {"batch": {}}, 422),
        ("/v1/batch", {"batch": [{"userId": "a", "event": "x"}]}, 422),
        ("/v1/batch", b" " * 300_000, 413),
    ],
)
def test_what_cannot_be_taken_is_a_problem_in_words(
    client: Client, path: str, body: Any, status: int
) -> None:
    assert refused(client.ask("POST", path, body), status)


MESSAGE = {
    "type": "track",
    "userId": "c20",
    "event": "Order Completed",
    "properties": {"revenue": 42.5},
    "traits": {"age": 40},
    "context": {"timezone": "Europe/Oslo"},
    "timestamp": "2026-06-01T10:00:00Z",
    "sentAt": "2026-06-01T10:00:01Z",
}


@quiet
@given(
    path=st.sampled_from(["/v1/track?decide=spring", "/v1/identify", "/v1/batch"]),
    field=st.sampled_from([*MESSAGE, "messageId", "anonymousId", "originalTimestamp"]),
    value=json_values,
)
def test_a_sound_message_with_one_field_replaced_is_taken_or_refused(
    client: Client, path: str, field: str, value: Any
) -> None:
    one = {**MESSAGE, field: value}
    body = json.dumps({"batch": [one]} if path == "/v1/batch" else one).encode("utf-8", "surrogatepass")
    answer = client.ask("POST", path, body)
    if answer.status_code == 200:
        assert answer.json()["success"]
    else:
        refused(answer, 400, 422)
