"""What does not fit is told with its place, its value and the remedy, whatever it is."""

# ruff: noqa: E501

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.customers import Change
from engine.api.decisions import Question
from engine.api.predictions import Scores
from engine.errors import InputError
from engine.event_file import read_events
from engine.segment import Parcel
from engine.track import Event, OutcomeEvent
from engine.unfit import unfit

ASKED = {"customer": "c", "program": "p"}
TOLD = {"event": "e", "customer": "c", "kind": "k", "at": "2026-11-24T08:00:00Z"}
OUTCOMES: Any = OutcomeEvent | list[OutcomeEvent]
TIME = 'must be a time with its zone, such as "2026-11-24T08:00:00Z"'


def refused(shape: Any, text: bytes) -> str:
    decoder = msgspec.json.Decoder(shape)
    with pytest.raises(msgspec.ValidationError) as caught:
        decoder.decode(text)
    return unfit(decoder, text, caught.value, "body")


@pytest.mark.parametrize(
    ("shape", "body", "said"),
    [
        (Question, {**ASKED, "contxt": {}}, "body: unknown field 'contxt' == {}. Did you mean 'context'?"),
        (Question, {"program": "p"}, "body: the field 'customer' is missing; give it."),
        (Question, {**ASKED, "customer": 5}, "body: customer == 5, must be a text; correct it."),
        (Question, {**ASKED, "at": "2026-11-24T08:00:00"}, f"body: at == '2026-11-24T08:00:00', {TIME}; correct it."),
        (Question, [], "body == [], must be an object; correct it."),
        (Question, {**ASKED, "context": {"age": 3, "spend": [1], "old": 4}}, "body, context: spend == [1], must be true or false, a whole number, a number, a text or null; correct it."),
        (OUTCOMES, [TOLD, {**TOLD, "valeu": 3}], "body[1]: unknown field 'valeu' == 3. Did you mean 'value'?"),
        (OUTCOMES, [TOLD, 7], "body: entry 1 == 7, must be an object; correct it."),
        (Scores, {"version": "1", "scores": {"a": 1, "b": "x"}}, "body, scores: b == 'x', must be a number; correct it."),
        (Scores, {"version": "1", "scores": [{"customer": "c", "scor": 1}]}, "body, scores[0]: unknown field 'scor' == 1. Did you mean 'score'?"),
        (Change, {"consent": {"email": True, "sms": "yes"}}, "body, consent: sms == 'yes', must be true or false or null; correct it."),
        (Parcel, {"batch": [{"type": "page"}, {"type": 5}]}, "body, batch[1]: type == 5, must be a text or null; correct it."),
        (Event, {"type": "identfy", "customer": "c"}, "body: type == 'identfy' is not known. Did you mean 'identify'?"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_its_value_and_the_remedy(shape: Any, body: Any, said: str) -> None:
    assert refused(shape, json.dumps(body).encode()) == said


def test_a_number_beyond_64_bits_is_named() -> None:
    body = b'{"customer": "c", "program": "p", "context": {"age": 3, "spend": 1e400}}'
    assert refused(Question, body) == (
        "body, context: spend == inf, must be a number that fits into 64 bits; correct it."
    )


def test_a_mistake_before_broken_json_is_told_in_the_words_there_are() -> None:
    assert "`$.customer`" in refused(Question, b'{"customer": 5, "program": ')


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(st.sampled_from([*TOLD, *ASKED, "scores", "version", "batch"]), below, max_size=4)
    ),
    max_leaves=12,
)


@given(shape=st.sampled_from([Question, OUTCOMES, Scores, Change, Parcel, Event]), body=json_values)
def test_whatever_is_refused_has_one_sentence(shape: Any, body: Any) -> None:
    text, decoder = json.dumps(body).encode(), msgspec.json.Decoder(shape)
    try:
        decoder.decode(text)
    except msgspec.ValidationError as error:
        said = unfit(decoder, text, error, "body")
        assert said.startswith("body") and said.endswith((".", "?"))
        assert "`" not in said  # all of it is in our words
    except msgspec.DecodeError:
        pass


@pytest.mark.parametrize("line", [
    {"type": "outcome", **TOLD},
    {"type": "outcome", **TOLD, "value": 3.0, "decision": "d"},
    {"type": "identify", "customer": "c", "attributes": {"a": 1}},
    {"type": "track", "userId": "c", "event": "X", "timestamp": TOLD["at"]},
])  # fmt: skip
def test_a_key_that_stands_twice_in_a_line_is_refused(tmp_path: Path, line: dict[str, Any]) -> None:
    file, text = tmp_path / "events.jsonl", json.dumps(line)
    file.write_text(text)
    assert len(read_events(file).events) == 1
    file.write_text(f'{text[:-1]}, "type": "{line["type"]}"}}')
    with pytest.raises(
        InputError, match=r"line 1: the key 'type' stands twice in one object; send it once\."
    ):
        read_events(file)


def test_a_line_of_a_file_of_events_is_told_the_same_way(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(json.dumps({**TOLD, "type": "outcome"}) + '\n{"type": "outcome", "evnt": "e"}\n')
    with pytest.raises(InputError, match=r"line 2: unknown field 'evnt' == 'e'\. Did you mean 'event'"):
        read_events(file)
