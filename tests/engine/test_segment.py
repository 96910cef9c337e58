from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InputError
from engine.event_file import read_events
from engine.segment import Message, Parcel, events, features, kind_of, moment
from engine.track import IdentifyEvent, MergeEvent, OutcomeEvent
from tests.engine.programs import spring

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
ORDER: dict[str, Any] = {
    "type": "track",
    "userId": "c1",
    "event": "Order Completed",
    "properties": {"revenue": 42.5, "currency": "NOK"},
    "messageId": "m1",
    "timestamp": "2026-11-24T09:00:00Z",
}


def message(**given: Any) -> Message:
    return msgspec.convert({**ORDER, **given}, Message)


def outcome(**given: Any) -> OutcomeEvent:
    (told,) = (one for one in events(message(**given), None, AT, "body") if isinstance(one, OutcomeEvent))
    return told


def known(**given: Any) -> IdentifyEvent:
    (told,) = events(message(**{"type": "identify", **given}), None, AT, "body")
    assert isinstance(told, IdentifyEvent)
    return told


def test_a_track_message_is_an_outcome() -> None:
    assert outcome() == OutcomeEvent("m1", "c1", "order_completed", AT - timedelta(hours=1), 42.5)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Order Completed", "order_completed"),
        ("orderCompleted", "order_completed"),
        ("cart_abandoned", "cart_abandoned"),
        ("  E-mail: opened! ", "e_mail_opened"),
        ("Kjøp", "kjøp"),
        ("HTTPError 500", "httperror_500"),
    ],
)
def test_names_of_events_are_lower_case_with_underscores(name: str, kind: str) -> None:
    assert kind_of(name) == kind


@given(name=st.text(max_size=30))
def test_a_name_in_our_form_stays_as_it_is(name: str) -> None:
    assert kind_of(kind_of(name)) == kind_of(name)


minutes = st.integers(-10_000, 10_000).map(lambda m: timedelta(minutes=m))


@given(skew=minutes, way=st.integers(0, 500).map(lambda m: timedelta(minutes=m)))
def test_a_wrong_clock_is_put_right_whatever_it_shows(skew: timedelta, way: timedelta) -> None:
    one = message(originalTimestamp=(AT - way + skew).isoformat(), sentAt=(AT + skew).isoformat())
    assert moment(one, AT) == AT - way


@given(original=minutes, sent=st.none() | minutes)
def test_nothing_happens_after_it_was_received(original: timedelta, sent: timedelta | None) -> None:
    at = None if sent is None else (AT + sent).isoformat()
    assert moment(message(timestamp=(AT + original).isoformat(), sentAt=at), AT) <= AT


def test_a_correction_that_leads_before_1970_is_none() -> None:
    told = message(timestamp="1992-11-30T22:57:56Z", sentAt="2099-01-31T22:40:28Z")
    assert moment(told, AT) == datetime(1992, 11, 30, 22, 57, 56, tzinfo=UTC)


def test_without_a_timestamp_it_happened_when_it_was_received() -> None:
    assert outcome(timestamp=None).at == AT


def test_a_timestamp_without_a_zone_is_utc() -> None:
    assert outcome(timestamp="2026-11-24T08:30:00").at == datetime(2026, 11, 24, 8, 30, tzinfo=UTC)


def test_revenue_comes_before_value_and_either_may_be_text() -> None:
    assert outcome(properties={"revenue": 5, "value": 9}).value == 5.0
    assert outcome(properties={"value": "9.5"}).value == 9.5
    assert outcome(properties=None).value == 0.0


def test_a_property_may_name_the_decision_it_follows() -> None:
    assert outcome(properties={"decision_id": "ab12"}).decision == "ab12"


def test_a_message_without_an_id_has_one_of_what_it_says() -> None:
    one, again = outcome(messageId=None), outcome(messageId=None, sentAt="2026-11-24T09:30:00Z")
    other = outcome(messageId=None, properties={"revenue": 43})
    assert one.event == again.event != other.event
    assert one.event.startswith("segment-")


def test_who_has_no_user_id_goes_by_the_anonymous_one() -> None:
    assert outcome(userId=None, anonymousId="a-7").customer == "a-7"
    assert outcome(userId=12, anonymousId="a-7").customer == "12"


def test_traits_are_laid_flat_and_lists_left_out() -> None:
    traits = {"plan": "gold", "age": 41, "address": {"city": "Oslo", "geo": {"lat": 59.9}}, "tags": ["a"]}
    assert known(traits={**traits, "old": None}).attributes == {
        "plan": "gold",
        "age": 41,
        "address.city": "Oslo",
        "address.geo.lat": 59.9,
        "old": None,
    }


def test_consent_and_zone_come_with_traits_or_with_the_context_of_any_message() -> None:
    consent = {"consent": {"categoryPreferences": {"email": True, "ads": False}}}
    said = known(traits={"consent": {"ads": True, "sms": True}, "timezone": "Europe/Oslo"}, context=consent)
    assert said.consent == {"email": True, "ads": False, "sms": True}  # where they differ: no
    assert said.zone == "Europe/Oslo" and said.attributes == {}
    withdrawn, bought = events(message(context={**consent, "timezone": "Asia/Tokyo"}), None, AT, "body")
    assert isinstance(withdrawn, IdentifyEvent) and isinstance(bought, OutcomeEvent)
    assert withdrawn == IdentifyEvent("c1", {}, {"email": True, "ads": False}, "Asia/Tokyo")


def test_a_devices_zone_that_is_none_is_passed_over() -> None:
    assert [type(one) for one in events(message(context={"timezone": "GMT+0?"}), None, AT, "body")] == [
        OutcomeEvent
    ]


def test_messages_that_tell_nothing_we_keep_are_passed_over() -> None:
    for kind in ("page", "screen", "group"):
        assert events(message(type=kind), None, AT, "body") == []


def test_an_alias_says_that_two_ids_are_one_person() -> None:
    alias = message(type="alias", previousId="anonymous-71", userId="c_1")
    assert events(alias, None, AT, "body") == [MergeEvent("anonymous-71", "c_1")]
    with pytest.raises(InputError, match="body: previousId is missing; an alias says which id is whose"):
        events(message(type="alias", userId="c_1"), None, AT, "body")


def test_what_holds_for_a_parcel_holds_for_its_messages() -> None:
    parcel = msgspec.convert(
        {
            "batch": [ORDER, {**ORDER, "sentAt": "2026-11-24T09:59:00Z", "context": {"timezone": "UTC"}}],
            "sentAt": "2026-11-24T09:50:00Z",
            "context": {"timezone": "Europe/Oslo", "consent": {}},
        },
        Parcel,
    )
    first, second = parcel.messages()
    assert moment(first, AT) == AT - timedelta(minutes=50)
    assert moment(second, AT) == AT - timedelta(minutes=59)
    assert first.context == {"timezone": "Europe/Oslo", "consent": {}}
    assert second.context == {"timezone": "UTC", "consent": {}}


def test_properties_that_a_program_knows_are_the_context_of_its_decision() -> None:
    properties = {"spend": 61.5, "age": "forty", "country": "NO", "unknown": 1, "p_buy.sale": 0.3}
    assert features(spring(), message(properties=properties)) == {
        "spend": 61.5,
        "country": "NO",
        "p_buy.sale": 0.3,
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"userId": None}, "userId and anonymousId are missing"),
        ({"userId": "a\nb"}, "customer == "),
        ({"event": None}, "event == None"),
        ({"event": "!?"}, "must hold a letter"),
        ({"event": "x" * 200}, "kind == "),
        ({"messageId": ""}, "event == ''"),
        ({"properties": {"revenue": "much"}}, "properties.revenue == 'much'"),
        ({"properties": {"value": [1]}}, "properties.value == [1]"),
        ({"properties": {"value": "nan"}}, "value == nan"),
        ({"properties": {"value": True}}, "properties.value == True"),
        ({"properties": {"value": 1e13}}, "must be within"),
        ({"properties": {"decision_id": 5}}, "properties.decision_id == 5"),
        ({"type": "tracks"}, "Did you mean 'track'?"),
        ({"type": None}, "type == None"),
        ({"type": "identify", "traits": {"timezone": "Mars/Olympus"}}, "zone == 'Mars/Olympus'"),
        ({"type": "identify", "traits": {"timezone": 3}}, "traits.timezone == 3"),
        ({"type": "identify", "traits": {"consent": "yes"}}, "traits.consent == 'yes'"),
        ({"type": "identify", "traits": {"consent": {"a": 1}}}, "traits.consent.a == 1"),
        ({"type": "identify", "traits": {f"t{i}": i for i in range(257)}}, "257 attributes given"),
        ({"type": "identify", "traits": {"": 1}}, "a name among attributes"),
        ({"context": {"consent": {"categoryPreferences": [1]}}}, "categoryPreferences == [1]"),
    ],
)
def test_a_message_that_cannot_be_taken_is_refused_in_words(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as error:
        events(message(**given), None, AT, "body, message 3")
    assert str(error.value).startswith("body, message 3: ") and said in str(error.value)


def test_a_file_may_hold_both_forms(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    ours = {"type": "identify", "customer": "c1", "attributes": {"userId": "u"}}
    page = {**ORDER, "type": "page"}
    late = {
        **ORDER,
        "messageId": "m2",
        "receivedAt": "2026-11-24T09:31:00Z",
        "sentAt": "2026-11-24T09:01:00Z",
    }
    path.write_text("\n".join(json.dumps(one) for one in (ours, ORDER, page, late)), encoding="utf-8")
    found = read_events(path)
    assert found.skipped == 1
    who, first, second = found.events
    assert isinstance(who, IdentifyEvent) and who.attributes == {"userId": "u"}
    assert isinstance(first, OutcomeEvent) and first.at == AT - timedelta(hours=1)
    assert isinstance(second, OutcomeEvent) and second.at == AT - timedelta(minutes=30)


def test_a_message_in_a_file_says_when_it_happened(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(json.dumps({**ORDER, "timestamp": None}), encoding="utf-8")
    with pytest.raises(InputError, match="line 1: timestamp is missing"):
        read_events(path)
