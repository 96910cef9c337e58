"""What comes in beside requests: outcomes, profiles, predictions."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.store import outcomes
from tests.api.client import Client
from tests.api.test_bodies import refused
from tests.api.test_decisions import question

NUMBER = itertools.count()


def outcome(**given: Any) -> dict[str, Any]:
    """A purchase with an id of its own."""
    event = {"event": f"e{next(NUMBER)}", "customer": "c30", "kind": "purchase", "at": "2026-11-24T10:00:00Z"}
    return {**event, "value": 42.5, **given}


def test_an_outcome_is_stored_once_however_often_it_is_told(client: Client) -> None:
    told = outcome()
    first, again = client.ask("POST", "/v1/outcomes", told), client.ask("POST", "/v1/outcomes", told)
    assert first.json() == {"received": 1, "new": 1, "duplicates": 0}
    assert again.json() == {"received": 1, "new": 0, "duplicates": 1}


def test_many_outcomes_are_told_at_once(client: Client) -> None:
    told = [outcome() for _ in range(5)]
    answer = client.ask("POST", "/v1/outcomes", [*told, told[0]])
    assert answer.json() == {"received": 6, "new": 5, "duplicates": 1}
    assert client.ask("POST", "/v1/outcomes", []).json()["received"] == 0


def test_an_outcome_that_names_a_decision_it_cannot_follow_is_told_so(client: Client) -> None:
    made = client.ask("POST", "/v1/decisions", question(customer="c30")).json()
    at, id = made["at"], made["id"]
    told = [
        outcome(decision=id, at=at),
        outcome(decision="0" * 32),
        outcome(decision=id, at=at, customer="c31"),
        outcome(decision=id, at="2020-01-01T00:00:00Z"),
    ]
    answer = client.ask("POST", "/v1/outcomes", told).json()
    assert (answer["received"], answer["new"]) == (4, 4)
    unknown, of_another, before = answer["warnings"]
    assert f"event '{told[1]['event']}': decision '{'0' * 32}' is not in the store" in unknown
    assert f"'{told[2]['event']}'" in of_another and "another customer than 'c31'" in of_another
    assert f"'{told[3]['event']}'" in before and "after the outcome" in before


def test_the_delivery_of_a_decision_that_sent_nothing_is_taken_and_its_sender_told(client: Client) -> None:
    made = client.ask("POST", "/v1/decisions", question(customer="nobody-knows-her")).json()
    assert made["action"] is None
    of_it = {"customer": "nobody-knows-her", "decision": made["id"], "at": made["at"]}
    told = [outcome(**of_it, kind="delivered"), outcome(**of_it, kind="purchase")]
    answer = client.ask("POST", "/v1/outcomes", told).json()
    assert (answer["new"], len(answer["warnings"])) == (2, 1)
    assert f"decision '{made['id']}' sent nothing, and yet 'delivered'" in answer["warnings"][0]


def test_the_delivery_of_a_contact_is_nothing_to_warn_of(client: Client) -> None:
    made = (client.ask("POST", "/v1/decisions", question(customer=f"c{i}")).json() for i in range(20, 40))
    sent = next(one for one in made if one["action"] is not None)
    told = outcome(customer=sent["customer"], decision=sent["id"], at=sent["at"], kind="delivered")
    assert "warnings" not in client.ask("POST", "/v1/outcomes", told).json()


def test_an_outcome_of_the_future_is_kept_and_its_sender_told(client: Client) -> None:
    near, far = (datetime.now(UTC) + timedelta(days=days) for days in (20, 40))
    told = [outcome(event=f"ahead-{i}", at=at.isoformat()) for i, at in enumerate((near, far))]
    answer = client.ask("POST", "/v1/outcomes", told).json()
    (warning,) = answer["warnings"]
    assert (answer["new"], warning.partition(" is dated ")[0]) == (2, "event 'ahead-1'")


def test_outcomes_are_taken_all_or_none(client: Client) -> None:
    good, bad = outcome(), outcome(customer="")
    detail = refused(client.ask("POST", "/v1/outcomes", [good, bad]), 422)
    assert "event 1" in detail
    with client.parts.store.read() as c:
        stored = [row.event for _, row in outcomes.outcomes_iter(c, 0, 100_000)]
    assert good["event"] not in stored


@pytest.mark.parametrize(
    "given", [{"value": 1e300}, {"value": "5"}, {"at": "2026-11-24"}, {"kind": ""}, {"x": 1}]
)
def test_an_outcome_out_of_bounds_is_refused(client: Client, given: dict[str, Any]) -> None:
    refused(client.ask("POST", "/v1/outcomes", outcome(**given)), 422)


def test_a_profile_is_laid_over_what_is_known_and_null_takes_away(client: Client) -> None:
    path = "/v1/customers/profile"
    client.ask("PATCH", path, {"attributes": {"age": 30, "country": "NO"}, "consent": {"sms": True}})
    told = client.ask(
        "PATCH", path, {"attributes": {"age": 31, "country": None}, "zone": "Europe/Oslo"}
    ).json()
    assert told["attributes"] == {"age": 31}
    assert (told["consent"], told["zone"]) == ({"sms": True}, "Europe/Oslo")
    assert client.get(path).json() == told


def test_consent_works_on_the_very_next_decision(client: Client) -> None:
    def may_be_sent(key: str) -> int:
        told = client.decide(question(customer="consents", key=key)).json()
        why = client.get(f"/v1/decisions/{told['id']}/explanation").json()
        return sum(rival["feasible"] for rival in why["rivals"])

    age = {"attributes": {"age": 40}, "zone": "Europe/Oslo"}
    client.ask("PATCH", "/v1/customers/consents", {**age, "consent": {"marketing": True}})
    assert may_be_sent("consent-1") > 0
    client.ask("PATCH", "/v1/customers/consents", {"consent": {"marketing": False}})
    assert may_be_sent("consent-2") == 0


@pytest.mark.parametrize(
    "change",
    [
        {"attributes": {"age": "forty"}},
        {"attributes": {"age": 1.5}},
        {"attributes": {"age": 10**30}},
        {"attributes": {"": 1}},
        {"attributes": {f"a{i}": 1 for i in range(257)}},
        {"consent": {"sms": "yes"}},
        {"zone": "Europe/Atlantis"},
        {"zone": "../../etc/passwd"},
        {"name": "Kari"},
    ],
)
def test_a_profile_out_of_bounds_is_refused(client: Client, change: dict[str, Any]) -> None:
    refused(client.ask("PATCH", "/v1/customers/bounds", change), 422)
    refused(client.get("/v1/customers/bounds"), 404)


def test_a_forgotten_customer_is_not_known_any_more(client: Client) -> None:
    client.ask("PATCH", "/v1/customers/leaver", {"attributes": {"age": 50}})
    assert client.ask("DELETE", "/v1/customers/leaver").status_code == 204
    refused(client.get("/v1/customers/leaver"), 404)
    refused(client.ask("DELETE", "/v1/customers/leaver"), 404)


def test_predictions_are_used_by_the_next_decision(client: Client) -> None:
    body = {"version": "v1", "as_of": "2026-11-01T00:00:00Z", "scores": {"scored": 0.25, "other": 0.5}}
    told = client.ask("PUT", "/v1/predictions/p_buy.sale", body).json()
    assert (told["customers"], told["new"], told["used_by"], told["warnings"]) == (2, 2, ["spring"], [])
    client.ask("PATCH", "/v1/customers/scored", {"attributes": {"age": 40}})
    assert client.get("/v1/customers/scored").json()["predictions"] == {
        "p_buy.sale": {"score": 0.25, "version": "v1", "as_of": "2026-11-01T00:00:00Z"}
    }


def test_predictions_may_be_a_list(client: Client) -> None:
    scores = [{"customer": "a", "score": 1}, {"customer": "b", "score": 2.5}]
    told = client.ask("PUT", "/v1/predictions/nobody_asked", {"version": "v1", "scores": scores}).json()
    assert (told["customers"], told["used_by"]) == (2, [])


@pytest.mark.parametrize(
    "body",
    [
        {"version": "v1", "scores": {"a": "high"}},
        {"version": "v1", "scores": {"": 1}},
        {"version": "", "scores": {"a": 1}},
        {"version": "v1", "scores": [{"customer": "a"}]},
        {"scores": {"a": 1}},
        {"version": "v1", "scores": {"a": 1}, "as_of": "yesterday"},
    ],
)
def test_predictions_out_of_bounds_are_refused(client: Client, body: dict[str, Any]) -> None:
    refused(client.ask("PUT", "/v1/predictions/churn", body), 422)


def test_two_scores_of_one_customer_contradict_each_other(client: Client) -> None:
    scores = [{"customer": "a", "score": 1}, {"customer": "a", "score": 2}]
    refused(client.ask("PUT", "/v1/predictions/churn", {"version": "v1", "scores": scores}), 409)


@pytest.mark.parametrize("id", ["a%00b", "a%0Ab", "a" * 129])
def test_an_id_in_the_path_out_of_bounds_is_refused(client: Client, id: str) -> None:
    for method in ("GET", "DELETE"):
        refused(client.ask(method, f"/v1/customers/{id}"), 422)
    refused(client.ask("PATCH", f"/v1/customers/{id}", {}), 422)
