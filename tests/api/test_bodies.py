"""Whatever is sent: an answer below 500; where it is refused, a remedy, and nothing logged."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engine.api.body import BODY_BYTES, DEPTH
from engine.api.problem import KINDS
from tests.api.client import Client
from tests.api.test_decisions import question

quiet = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None))
    | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
ROUTES = [
    ("POST", "/v1/decisions"),
    ("POST", "/v1/outcomes"),
    ("PUT", "/v1/predictions/churn"),
    ("PATCH", "/v1/customers/c1"),
    ("POST", "/v1/track?decide=spring"),
    ("POST", "/v1/identify"),
    ("POST", "/v1/batch"),
]
FIELDS = [
    "customer",
    "program",
    "key",
    "at",
    "context",
    "explain",
    "event",
    "kind",
    "value",
    "scores",
    "zone",
    "userId",
    "properties",
    "traits",
    "timestamp",
    "sentAt",
    "batch",
]


def rows(client: Client) -> int:
    """How many decisions and outcomes are in the store."""
    with client.parts.store.read() as c:
        return sum(
            c.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
            for table in ("decision", "outcome")
        )


def refused(answer: httpx.Response, *statuses: int) -> str:
    """The detail of a problem that keeps to RFC 9457."""
    assert answer.status_code in statuses, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert set(told) == {"type", "title", "status", "detail"}
    assert told["status"] == answer.status_code
    assert told["type"].removeprefix("/docs#") in KINDS
    detail: str = told["detail"]
    return detail


def with_context(text: str) -> bytes:
    """A request whose context holds the JSON `text`, as it stands, as the value of spend."""
    body = json.dumps(question(context={"spend": "HERE"}))
    return body.replace('"HERE"', text).encode()


@quiet
@given(route=st.sampled_from(ROUTES), body=st.binary(max_size=200))
def test_bytes_of_any_kind_are_answered_below_500(
    client: Client, route: tuple[str, str], body: bytes
) -> None:
    assert client.ask(*route, body).status_code < 500


@quiet
@given(
    route=st.sampled_from(ROUTES),
    value=st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=8) | json_values,
)
def test_json_of_any_shape_is_answered_below_500(client: Client, route: tuple[str, str], value: Any) -> None:
    answer = client.ask(*route, json.dumps(value).encode("utf-8", "surrogatepass"))
    assert answer.status_code < 500, answer.text


@quiet
@given(field=st.sampled_from(["customer", "program", "key", "at", "context", "explain"]), value=json_values)
def test_a_sound_request_with_one_field_replaced_is_decided_or_refused(
    client: Client, field: str, value: Any
) -> None:
    body = json.dumps({**question(), field: value}).encode("utf-8", "surrogatepass")
    answer = client.decide(body)
    if answer.status_code == 200:
        assert not answer.json()["fallback"], answer.text
    else:
        refused(answer, 400, 404, 422)


@quiet
@example(name="p_buy.sale", value=1e308)
@example(name="spend", value=-1e308)
@given(name=st.sampled_from(["age", "spend", "country", "p_buy.sale", "other"]), value=json_values)
def test_any_value_of_a_feature_is_decided_on_or_refused(client: Client, name: str, value: Any) -> None:
    body = json.dumps(question(context={name: value})).encode("utf-8", "surrogatepass")
    answer = client.decide(body)
    if answer.status_code == 200:
        assert not answer.json()["fallback"], answer.text
    else:
        refused(answer, 400, 422)


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e400",
        '"nan"',
        '"\\ud800"',
        "true",
        "[1]",
        '{"a": 1}',
        "9" * 30,
        "9" * 5000,
    ],
)
def test_what_is_no_number_is_refused_and_nothing_is_logged(client: Client, text: str) -> None:
    before = rows(client)
    refused(client.decide(with_context(text)), 400, 422)
    assert rows(client) == before


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe", b"[]", b"null", b'"text"', b"{}", b'{"customer": "c1"', b'{"customer": "c1"} {}'],
)
def test_what_is_no_request_is_refused(client: Client, body: bytes) -> None:
    assert refused(client.decide(body), 400, 422).startswith("body")


def test_a_field_that_is_not_known_is_refused_with_the_nearest_one(client: Client) -> None:
    before = rows(client)
    said = refused(client.decide({**question(), "progam": "x"}), 422)
    assert said == "body: unknown field 'progam' == 'x'. Did you mean 'program'? /docs shows the shape."
    assert rows(client) == before


def test_a_key_that_stands_twice_is_told_before_a_value_of_the_wrong_type(client: Client) -> None:
    said = refused(client.decide(b'{"customer": 5, "program": "spring", "customer": "c1"}'), 422)
    assert said == "body: the key 'customer' stands twice in one object; send it once."


def test_an_id_that_is_merged_is_given_once(client: Client) -> None:
    answer = client.ask("POST", "/v1/customers/c1/merge", b'{"customer": "x2", "customer": "x3"}')
    assert "stands twice" in refused(answer, 422)
    assert client.ask("GET", "/v1/customers/x3").status_code == 404


def test_a_body_over_the_limit_is_refused_with_the_limit(client: Client) -> None:
    detail = refused(client.decide(b" " * (BODY_BYTES + 1)), 413)
    assert "262,144 bytes" in detail


def test_a_body_over_the_limit_is_not_read_to_its_end(client: Client) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(10_000):
            sent += 1
            yield b" " * 65_536

    refused(client.decide(endless()), 413)
    assert sent <= 6


def test_a_body_at_the_limit_is_read(client: Client) -> None:
    body = json.dumps(question()).encode()
    assert client.decide(body + b" " * (BODY_BYTES - len(body))).status_code == 200


@pytest.mark.parametrize("method, path", ROUTES)
@pytest.mark.parametrize("depth", [DEPTH + 1, 5_000, 100_000])
def test_a_body_nested_too_deep_is_refused_with_the_limit(
    client: Client, method: str, path: str, depth: int
) -> None:
    body = b'{"context": ' + b"[" * depth + b"]" * depth + b"}"
    assert str(DEPTH) in refused(client.ask(method, path, body), 400, 422)


def test_brackets_in_a_text_are_not_depth(client: Client) -> None:
    detail = refused(client.decide(json.dumps({"customer": "[" * 100}).encode()), 422)
    assert "nested" not in detail


@pytest.mark.parametrize("blank", ["", " ", "\n"])
@pytest.mark.parametrize(
    "pair",
    ['"key": "a", "key"{}: "b"', '"context": {"age": 3, "age"{}: 4}', '"explain": false, "explain"{}: true'],
)
def test_a_key_that_stands_twice_is_refused(client: Client, pair: str, blank: str) -> None:
    body = f'{{"customer": "c1", "program": "spring", {pair.replace("{}", blank)}}}'
    assert "stands twice" in refused(client.decide(body.encode()), 422)


def test_too_many_features_are_refused_with_the_limit(client: Client) -> None:
    detail = refused(client.decide(question(context={f"f{i}": 1 for i in range(257)})), 422)
    assert "256" in detail


@pytest.mark.parametrize("field", ["customer", "program", "key"])
@pytest.mark.parametrize("value", ["", "a" * 129, "a\nb", "a\u0000b", "\u202eb"])
def test_an_id_out_of_bounds_is_refused_with_the_rule(client: Client, field: str, value: str) -> None:
    detail = refused(client.decide({**question(), field: value}), 422)
    assert field in detail and "1-128 characters" in detail


@pytest.mark.parametrize("key", [b"", b"a" * 129, b"\xff"])
def test_a_key_in_the_header_out_of_bounds_is_refused(client: Client, key: bytes) -> None:
    async def ask() -> httpx.Response:
        headers = [(b"content-type", b"application/json"), (b"idempotency-key", key)]
        asked = question()
        del asked["key"]
        return await client._http.post("/v1/decisions", headers=headers, json=asked)

    assert "Idempotency-Key" in refused(client.wait(ask()), 422)


@pytest.mark.parametrize("at", ["1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"])
def test_a_moment_outside_the_calendar_is_refused(client: Client, at: str) -> None:
    assert "from 1970 to 2199" in refused(client.decide(question(at=at)), 422)


def test_a_moment_without_a_zone_is_refused(client: Client) -> None:
    said = refused(client.decide(question(at="2026-11-24T09:00:00")), 422)
    assert said.startswith("body: at == '2026-11-24T09:00:00', must be a time with its zone")


def test_a_body_that_says_it_is_no_json_is_refused(client: Client) -> None:
    answer = client.ask("POST", "/v1/decisions", b"a=b", content_type="application/x-www-form-urlencoded")
    assert "application/json" in refused(answer, 415)


def test_the_case_and_the_parameters_of_a_media_type_mean_nothing(client: Client) -> None:
    asked = json.dumps(question()).encode()
    for said, status in (("Application/JSON; charset=utf-8", 200), ("application/jsonx", 415)):
        assert client.ask("POST", "/v1/decisions", asked, content_type=said).status_code == status


def test_an_address_or_a_method_that_is_not_there_is_a_problem_detail(client: Client) -> None:
    assert "/v1/nothing" in refused(client.get("/v1/nothing"), 404)
    answer = client.get("/v1/decisions")
    refused(answer, 405)
    assert answer.headers["allow"] == "POST"
    assert client.ask("POST", "/v1/customers/c1").headers["allow"] == "DELETE, GET, PATCH"
