"""What is sent is filled for the customer, never with a hole in it."""

# ruff: noqa: E501
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from engine import creative
from engine.batch import Batch, as_table, run
from engine.context import fit
from engine.domain import Program
from engine.errors import ProgramError
from engine.outbox import outbox
from engine.profiles import customer_table
from engine.program import loads
from engine.reply import reply
from engine.roster import Table
from engine.situation import Situation, encode
from engine.store import Store, decisions
from engine.store.rows import DecisionRow
from engine.template import TemplateError, template
from tests.engine import programs

TEXT = """
program: p
attributes: {first_name: {type: text, learn: false}, points: number, since: timestamp, gold: boolean}
predictions: {churn: }
offers:
  sale:
    title: Spring sale
    value: 12.5
    creative: %s
channels: {email: {consent: none}, sms: {consent: none}}
slots: {now: {}}
goal: {outcomes: {visit: 1}, window: day}
arms: {policy: 1}
"""


def program(written: str) -> Program:
    return loads((TEXT % written).encode(), "p.yaml", 1)


def row(values: dict[str, Any], channel: str = "email", zone: str | None = None) -> DecisionRow:
    """A decision for that customer, as logged."""
    situation = encode(Situation("c<1>", "k", 0, "policy", values, zone=zone))
    return DecisionRow(
        "id", "p", "k", 1, 0, "c<1>", 0, "policy", 1, f"sale/{channel}/now", "sale", channel, "now",
        0, True, 1.0, False, None, None, 0.0, b"", situation, b"", 0,
    )  # fmt: skip


def sent(written: str, values: dict[str, Any], **where: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The fields that are sent, and what is said of the others."""
    made = creative.filled(program(written), row(values, **where))
    assert made is not None
    return dict(made.fields), made.left_out


def test_blanks_are_filled_with_attributes_predictions_the_offer_and_the_customer() -> None:
    written = (
        "{email: {subject: '{{first_name}}, {{ offer.title }}: {{ offer.value }} off', deep: {list: "
        "['{{ points }} points', 7, true, null], risk: '{{ churn }}'}, id: '{{customer}} {{ offer.name }}'}}"
    )
    assert sent(written, {"first_name": "Kari", "points": 1200.0, "churn": 0.1 + 0.2}) == (
        {
            "subject": "Kari, Spring sale: 12.5 off",
            "deep": {"list": ["1200 points", 7, True, None], "risk": "0.3"},
            "id": "c<1> sale",
        },
        (),
    )


@pytest.mark.parametrize("value", [None, "", "  \n"])
def test_who_has_no_name_gets_the_default_text_the_shared_field_or_no_field_but_never_a_hole(
    value: str | None,
) -> None:
    values = {} if value is None else {"first_name": value}
    assert sent("{email: {subject: 'Hello {{ first_name | there }}!'}}", values) == (
        {"subject": "Hello there!"},
        (),
    )
    assert sent("{email: {subject: 'Hello{{ first_name | }}'}}", values)[0] == {"subject": "Hello"}
    shared = "{email: {subject: 'Hello {{ first_name }}', url: x}, default: {subject: Hello, foot: bye}}"
    assert sent(shared, values) == ({"subject": "Hello", "url": "x", "foot": "bye"}, ())
    assert sent("{email: {subject: '{{ first_name }}', url: x}}", values) == (
        {"url": "x"},
        ("subject is left out: first_name is not known, and no text stands in for it",),
    )


def test_what_a_channel_says_itself_comes_before_the_default() -> None:
    written = "{sms: {text: short}, default: {text: long, url: u}}"
    assert sent(written, {}, channel="sms")[0] == {"text": "short", "url": "u"}
    assert sent(written, {}, channel="email")[0] == {"text": "long", "url": "u"}


def test_values_are_one_line_of_text_and_escaped_where_the_field_is_html() -> None:
    values = {"first_name": "<b>K</b>\r\nBcc: x"}
    written = "{email: {subject: '{{ first_name }}', html: '<i>{{ first_name }}</i>'}}"
    assert sent(written, values)[0] == {
        "subject": "<b>K</b> Bcc: x",
        "html": "<i>&lt;b&gt;K&lt;/b&gt; Bcc: x</i>",
    }


def test_a_point_in_time_is_a_day_on_the_customers_calendar_and_a_truth_is_yes_or_no() -> None:
    values = {"since": "2026-11-24T23:30:00Z", "gold": True}
    written = "{email: {t: '{{ since }} {{ gold }}'}}"
    assert sent(written, values)[0] == {"t": "2026-11-24 yes"}
    assert sent(written, values, zone="Europe/Oslo")[0] == {"t": "2026-11-25 yes"}


def test_brackets_can_be_sent_as_they_are_for_the_sending_tool() -> None:
    assert sent(r"{email: {t: 'a \{{ theirs }} {{ first_name }}'}}", {"first_name": "K"})[0] == {
        "t": "a {{ theirs }} K"
    }


def test_a_name_that_is_only_for_texts_is_nothing_a_policy_sees() -> None:
    assert "first_name" not in [one.name for one in fit(program("{}"), {}).features]
    assert "points" in [one.name for one in fit(program("{}"), {}).features]


def test_nothing_sent_or_nothing_written_is_no_creative() -> None:
    written = program("{email: {t: x}}")
    assert creative.any_in(written) and not creative.any_in(program("{}"))
    assert creative.filled(written, row({}, channel="sms")) is None
    assert creative.filled(written, replace(row({}), send_at_us=None)) is None


def test_a_reply_and_a_batch_tell_the_same_texts_and_a_later_look_at_the_log_too(
    store: Store, tmp_path: Path
) -> None:
    text = (
        programs.TEXT.replace(
            "news: {value: 1,",
            "news: {value: 1, creative: {default: {t: 'NO {{ spend }}', u: '{{ country }}'}},",
        )
        .replace("holdout: 0.2", "holdout: 0")
        .replace("policy: 0.5", "policy: 0.7")
    )
    with store.write() as connection:
        loaded = programs.applied(connection, text)
    frame = pl.DataFrame({"customer": ["a", "b", "c", "d"], "spend": [1.5, 2.5, None, 4.0]}).with_columns(
        pl.lit(True).alias("consent.marketing"), zone=pl.lit("Europe/Oslo")
    )
    roster = Table(customer_table(loaded, frame, "x"))
    with outbox(tmp_path / "out.csv") as take:
        run(store, Batch(loaded, "monday", programs.AT), roster, take)
    table = pl.read_csv(tmp_path / "out.csv", schema_overrides={"creative_left_out": pl.String})
    with store.read() as connection:
        rows = [found for id in table["id"] if (found := decisions.decision(connection, id))]
        logged = [found for row in rows if (found := decisions.decision(connection, row.id))]
    told = [reply(row, loaded, False) for row in rows]
    for decision, again, cells in zip(told, logged, table.iter_rows(named=True), strict=True):
        assert reply(again, loaded, False) == decision
        texts = decision.action.creative if decision.action else UNSET
        assert cells["creative"] == (None if texts is UNSET else json.dumps(texts, separators=(",", ":")))
        if texts is not UNSET:
            assert cells["creative_left_out"] == ", ".join(decision.reasons).replace("creative: ", "")
            assert any("country is not known" in reason for reason in decision.reasons)
    assert table["creative"].is_not_null().any()
    assert "creative" not in as_table(rows, programs.spring()).columns
    older = as_table([replace(row, program_version=0) for row in rows], loaded)
    assert older["creative"].is_null().all()
    assert "decided under version 0" in older["creative_left_out"].drop_nulls()[0]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{emial: {t: x}}", "offer sale: creative: emial: there is no channel 'emial'. Did you mean 'email'?"),
        ("{email: x}", "offer sale: creative: email == 'x', must be fields with their values"),
        ("{email: {t: 'Hi {{ frist_name }}'}}", "line 9, column 34: offer sale: creative: email: t: unknown name 'frist_name'. Did you mean 'first_name'?"),
        ("{email: {t: [a, '{{ b.c }}']}}", "line 9, column 35: offer sale: creative: email: t: entry 2: unknown name 'b.c'."),
        ("{email: {t: 'a {{ first_name'}}", "line 9, column 30: offer sale: creative: email: t: '{{' is opened and never closed;"),
        ("{email: {t: '{{ }}'}}", "'{{ }}' is no blank; write {{ name }}, or {{ name | what to say instead }}."),
        ("{email: {t: '{{ a b }}'}}", "'{{ a b }}' is no blank;"),
        ("{email: {t: '{{ points + 1 }}'}}", "is no blank;"),
        ("{email: {t: '{{ points | upper | x }}'}}", "is no blank;"),
        ("{email: {t: \"{{ points | default: 'x' }}\"}}", "is no blank;"),
        ("{email: {t: 1e999}}", "creative: email: t == inf, must be a finite number."),
        ("{email: {t: x}}\nattributes_: {}", "unknown field 'attributes_'"),
    ],
)  # fmt: skip
def test_a_wrong_text_is_told_where_it_stands(written: str, said: str) -> None:
    with pytest.raises(ProgramError) as error:
        program(written)
    assert said in str(error.value)


def test_a_name_that_means_the_offer_cannot_be_an_attribute() -> None:
    wrong = (TEXT % "{email: {t: x}}").replace("points:", "customer: text, points:")
    with pytest.raises(ProgramError, match="is a name that creative gives a meaning of its own"):
        loads(wrong.encode(), "p.yaml")


@given(st.text(alphabet="{}| \\ab.\n", max_size=30))
def test_any_text_is_a_template_or_is_refused_and_without_brackets_it_is_sent_as_it_is(text: str) -> None:
    try:
        pieces = template(text)
    except TemplateError as error:
        assert "{{" in text and 0 <= error.offset < len(text)
    else:
        if "{{" not in text:
            assert "".join(str(one) for one in pieces) == text


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "first_name": st.text(max_size=9),
            "points": st.floats(-1e9, 1e9),
            "gold": st.booleans(),
        },
    )
)
def test_what_is_sent_holds_no_none_no_bracket_and_no_line_break(values: dict[str, Any]) -> None:
    written = "{email: {a: '{{ first_name }}!', b: '{{ points }}', c: '{{ gold | ? }}', d: '{{ since }}'}}"
    fields, left_out = sent(written, values)
    assert len(fields) + len(left_out) == 4
    for key, text in fields.items():
        assert text and "None" not in text.replace(str(values.get("first_name")), "")
        assert "\n" not in text and key != "d"
