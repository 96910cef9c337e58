"""Program files that are wrong: one line for each problem, with place, field, value, rule and remedy."""

# ruff: noqa: E501
from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ProgramError
from engine.program import loads

BASE = (
    "program: p\noffers: {sale: {value: 1}}\nchannels: {email: {consent: none}}\nslots: {now: {}}\n"
    "goal: {outcomes: {visit: 1}, window: day}\narms: {policy: 1}\n"
)


def refused(text: str) -> list[str]:
    """What is said of a file, line by line."""
    with pytest.raises(ProgramError) as error:
        loads(text.encode(), "p.yaml")
    return str(error.value).splitlines()


def line(fragment: str, within: str = "offers: {sale: {value: 1}}") -> list[str]:
    """What is said of the small program with `within` replaced by `fragment`."""
    assert within in BASE
    return refused(BASE.replace(within, fragment))


@pytest.mark.parametrize(
    ("fragment", "said"),
    [
        ("offers: {sale: {valeu: 1}}", "column 17: offer sale: unknown field 'valeu'. Did you mean 'value'?"),
        ("offers: {sale: {value: .nan}}", "column 24: offer sale: value == '.nan', must be a number. Example: value: 12.5"),
        ("offers: {sale: {value: 1e999}}", "offer sale: value == inf, must be a finite number."),
        ("offers: {sale: {cost: -1}}", "offer sale: cost == -1, must be greater than or equal to 0. Example: cost: 0.5"),
        ("offers: {sale: {cost: true}}", "offer sale: cost == True, must be a number."),
        ("offers: {sale: {title: 5}}", "offer sale: title == 5, must be a text; put it in quotes."),
        ("offers: {a b: {}}", "column 10: offers: name == 'a b', must be 1 to 64 letters, digits or . _ -."),
        (f"offers: {{{'x' * 65}: {{}}}}", "must be 1 to 64 letters, digits or . _ -."),
        ("offers: {}", "offers: must have at least one entry. Example: offers: {sale: {value: 10}}"),
        ("offers: 5", "offers == 5, must be fields with their values, each on a line of its own: name: value."),
        ("offers: {sale: 5}", "offer sale == 5, must be fields with their values, written {field: value}."),
        ("offers: {sale: {}, sale: {}}", "column 20: offer sale: stands twice; keep one of them."),
        ("offers: {sale: {channels: [email, email]}}", "offer sale: channels: entry 2 == 'email', stands twice"),
        ("offers: {sale: {slots: [later]}}", "slots: entry 1 == 'later', there is no such slot. Known: now."),
        ("offers: {sale: {creative: {emial: {}}}}", "there is no channel 'emial'. Did you mean 'email'?"),
        ("offers: {sale: {starts: tomorrow}}", "starts == 'tomorrow', must be a date such as \"2026-11-24\""),
        (
            "offers: {sale: {starts: 2026-02-02, ends: 2026-01-01}}",
            "ends == '2026-01-01', must be after it starts, 2026-02-02 00:00 UTC.",
        ),
        ("offers: {sale: {cooldowns: [{purchase: pause 9 days}]}}", 'cooldowns: entry 1: must say after what to pause, and how long, in quotes, such as "ignored 2 times'),
        ("offers: {sale: {cooldowns: ['ignored 0 times: pause 9 days']}}", "must say after what to pause"),
        ("offers: {sale: {cooldowns: ['ignored: pause 9 moons']}}", 'must be a length of time such as "14 days"'),
        ("offers: {sale: {caps: [x]}}", "offer sale: caps: entry 1 == 'x', must be a count per length of time"),
        ("offers: {sale: {stock: 0}}", "offer sale: stock == 0, must be more than 0 and finite; leave the limit out for none."),
        ("offers: {sale: {stock: 2.5}}", "offer sale: stock == 2.5, must be a whole number."),
        ("offers: {sale: {stock: 40 a day}}", "stock == '40 a day', must be an amount, such as 500, or one per day, week or month"),
        ("offers: {sale: {stock: {count: 4, settled_by: visit}}}", "offer sale: stock: settled_by == 'visit', needs hold beside it"),
        ("offers: {sale: {stock: {count: 4, hold: day}}}", "offer sale: stock: hold == 'day', needs settled_by beside it"),
        ("offers: {sale: {stock: {cuont: 4, count: 4}}}", "offer sale: stock: unknown field 'cuont'. Did you mean 'count'?"),
        ("offers: {sale: {stock: {per: day}}}", "offer sale: stock: field 'count' is missing. Example: count: 120"),
        ("offers: {sale: {ramp: {share: 2, until: 9}}}", "offer sale: ramp: share == 2, must be less than or equal to 1"),
        ("offers: {sale: {weight: valeu + 1}}", "column 25: offer sale: weight \"valeu + 1\": unknown attribute 'valeu'."),
        ("offers: {sale: {weight: 1 > 2}}", 'weight "1 > 2": 1 > 2 is true or false, must be a number'),
        ("offers: {sale: {weight: 1.2}}", "offer sale: weight == 1.2, must be a text; put it in quotes."),
        ("offers: {sale: {eligible: [1]}}", "offer sale: eligible: entry 1 == 1, must be a text; put it in quotes."),
        ("offers: {sale: {eligible: age > 3}}", "column 27: offer sale: eligible rule \"age > 3\": unknown attribute 'age'."),
    ],
)  # fmt: skip
def test_a_wrong_offer_is_told_in_one_line(fragment: str, said: str) -> None:
    (sentence,) = line(fragment)
    assert sentence.startswith("p.yaml line 2, column ")
    assert said in sentence


@pytest.mark.parametrize(
    ("within", "fragment", "said"),
    [
        ("program: p", "program: a b", "program == 'a b', must be 1 to 64 letters, digits or . _ -."),
        ("program: p", "program: p\nprogram: q", "line 2, column 1: program: stands twice"),
        ("program: p", "titel: p\nprogram: p", "line 1, column 1: unknown field 'titel'. Did you mean 'title'?"),
        ("program: p\n", "", "field 'program' is missing. Example: program: spring"),
        ("consent: none", "cost: 0", "line 3, column 12: channel email: field 'consent' is missing. Example: consent: marketing"),
        ("consent: none", "consent: a b", "channel email: consent == 'a b', must be 1 to 64 letters"),
        ("consent: none", "consent: none, caps: 2 per day", "channel email: caps == '2 per day', must be a list, written [one, two]"),
        ("consent: none", "consent: none, caps: [0 per day]", "caps: entry 1 == '0 per day', must be a count per length of time"),
        ("consent: none", "consent: none, caps: [2 per month]", "months and years differ in length, so say how many days"),
        ("arms: {policy: 1}", "arms: {policy: 1}\nzone: Europe/Olso", "zone == 'Europe/Olso', must be the name of a time zone, such as \"Europe/Oslo\" or \"UTC\". Did you mean 'Europe/Oslo'?"),
        ("arms: {policy: 1}", "arms: {policy: 1}\nzone: 7", "zone == 7, must be the name of a time zone"),
        ("arms: {policy: 1}", "arms: {policy: 1}\nbudgets: {b: {money: 5 per moon}}", 'must be a stretch of the calendar such as "day", "week", "month" or "14 days"'),
        ("arms: {policy: 1}", "arms: {policy: 1}\nbudgets: {b: {money: 5 per 121 months}}", "must be at most 10 years"),
        ("consent: none", "consent: none, caps: [2 per fortnight]", 'must be a length of time such as "14 days"'),
        ("consent: none", "consent: none, quiet: 25:00-08:00", 'quiet == \'25:00-08:00\', must be two times of day'),
        ("consent: none", "consent: none, quiet: 21:00-21:00", "must not start and end at the same time"),
        ("now: {}", "now: {at: 6pm}", "slot now: at == '6pm', must be a time of day"),
        ("now: {}", "now: {days: 1}", 'slot now: days == 1, needs a time of day beside it'),
        ("now: {}", "now: {at: 18:30, days: 1.5}", "slot now: days == 1.5, must be a whole number."),
        ("visit: 1", "visit: x", "goal: outcome visit == 'x', must be an amount such as 1.0, or {amount: 0, share: 0.3}."),
        ("visit: 1", "visit: {amuont: 1}", "goal: outcome visit: unknown field 'amuont'. Did you mean 'amount'?"),
        ("window: day", "window: 0 days", "goal: window == '0 days', must be a length of time"),
        ("window: day", "window: 11 years", "goal: window == '11 years', must be a length of time"),
        ("arms: {policy: 1}", "arms: {policy: 0.9}", "arms: shares sum to 0.9, must sum to 1."),
        ("arms: {policy: 1}", "arms: {policy: 1.2, bau: -0.2}", "arms: bau == -0.2, must be greater than or equal to 0."),
        ("arms: {policy: 1}", "arms: {policy: 1, control: 0}", "arms: unknown field 'control'. Known: bau, eligibility_only, evaluation, holdout, no_levers, policy, prediction_only, random."),
        ("arms: {policy: 1}", "arms: {policy: 1}\npolicy: {kind: liner}", "policy: policy kind == 'liner', must be one of"),
        ("arms: {policy: 1}", "arms: {policy: 1}\npredictions: {p: sael}", "prediction p == 'sael', there is no such offer. Did you mean 'sale'?"),
        ("arms: {policy: 1}", "arms: {policy: 1}\nattributes: {age: integr}", "must be 'number', 'integer', 'text', 'boolean' or 'timestamp'"),
        ("arms: {policy: 1}", "arms: {policy: 1}\nattributes: {age: {type: integer, levels: [a]}}", "only a text has levels, age is integer."),
        ("arms: {policy: 1}", "arms: {policy: 1}\nattributes: {p: number}\npredictions: {p: }", "is also the name of an attribute"),
        ("arms: {policy: 1}", "arms: {policy: 1}\npredictions: {p: {offer: sael}}", "prediction p: offer == 'sael', there is no such offer. Did you mean 'sale'?"),
        ("arms: {policy: 1}", "arms: {policy: 1}\npredictions: {p: {expires: day}}", "prediction p: expires == 'day', needs fresh beside it"),
        ("arms: {policy: 1}", "arms: {policy: 1}\npredictions: {p: {stale: use}}", "prediction p: stale == 'use', needs fresh beside it"),
        ("arms: {policy: 1}", "arms: {policy: 1}\npredictions: {p: {fresh: day, stale: wide}}", "prediction p: stale == 'wide', must be 'use', 'widen' or 'ignore'"),
        ("arms: {policy: 1}", "arms: {policy: 1}\npredictions: {p: {fresh: 2 days, expires: day}}", "prediction p: expires == 'day', must be longer than fresh"),
        ("{value: 1}}", "{group: kepe}}\ngroups: {keep: {}}", "offer sale: group == 'kepe', there is no such group. Did you mean 'keep'?"),
        ("arms: {policy: 1}", "arms: {policy: 1}\ngroups: {a: {within: bb}, b: {}}", "group a: within == 'bb', there is no such group."),
        ("arms: {policy: 1}", "arms: {policy: 1}\ngroups: {a: {within: b}, b: {within: a}}", "group a: within == 'b', goes round in a circle: a within b within a; one of them must be the top."),
        ("arms: {policy: 1}", "arms: {policy: 1}\ngroups: {a: {within: a}}", "goes round in a circle: a within a;"),
        ("arms: {policy: 1}", "arms: {policy: 1}\ngroups: {a: {eligible: age > 1}}", "line 7, column 24: group a: eligible rule \"age > 1\": unknown attribute 'age'."),
        ("arms: {policy: 1}", "arms: {policy: 1}\ngroups: {a: {levre: 1}}", "group a: unknown field 'levre'. Did you mean 'lever'?"),
        ("arms: {policy: 1}", "arms: {policy: 1}\nbudgets: {b: {money: -1}}", "budget b: money == -1, must be more than 0 and finite"),
        ("arms: {policy: 1}", "arms: {policy: 1}\nbudgets: {b: {money: 1e999}}", "budget b: money == inf, must be more than 0 and finite"),
        ("arms: {policy: 1}", "arms: {policy: 1}\nbudgets: {b: {offers: [sale]}}", "budget b: must have one of money, contacts and stock"),
        ("arms: {policy: 1}", "arms: {policy: 1}\nbudgets: {b: {money: 1, contacts: 2}}", "budget b: must have one of money, contacts and stock"),
        ("arms: {policy: 1}", "arms: {policy: 1}\nbudgets: {b: {contacts: 2.5 per day}}", "budget b: contacts == '2.5 per day', must be a whole number"),
        ("arms: {policy: 1}", "arms: {policy: 1}\nbudgets: {b: {money: 1, offers: [sael]}}", "budget b: offers: entry 1 == 'sael', there is no such offer. Did you mean 'sale'?"),
        ("arms: {policy: 1}", "arms: {policy: 1}\ngroups: {winter: {}}\nbudgets: {b: {money: 1, groups: [wintr]}}", "budget b: groups: entry 1 == 'wintr', there is no such group. Did you mean 'winter'?"),
        ("arms: {policy: 1}", "arms: {policy: 1}\ngroups: {g: {}}\nbudgets: {b: {money: 1, groups: [g]}}", "budget b: groups == ['g'], no offer is in them; name groups that have offers."),
        ("arms: {policy: 1}", "arms: {policy: 1}\nbudgets: {b: {money: 1, channels: [email, email]}}", "budget b: channels: entry 2 == 'email', stands twice"),
        ("arms: {policy: 1}", "arms: {policy: 1}\nbudgets: {b: {money: 1, hold: day}}", "budget b: hold == 'day', needs settled_by beside it"),
        ("consent: none", "consent: none, capacity: x", "channel email: capacity == 'x', must be an amount, such as 500"),
        ("arms: {policy: 1}", "arms: {policy: 1}\nholidays: [2026-02-30]", "holidays: entry 1 == '2026-02-30', must be a date such as \"2026-12-25\""),
        ("arms: {policy: 1}", "arms: {policy: 1}\nholidays: [2026-02-03, 2026-02-03]", "holidays: entry 2 == '2026-02-03', stands twice"),
        ("arms: {policy: 1}", "arms: {policy: 1}\narbitration: p * vlaue", "line 7, column 18: program: arbitration \"p * vlaue\": unknown attribute 'vlaue'. Did you mean 'value'?"),
        ("arms: {policy: 1}", "arms: {policy: 1}\narbitration: p > 1", "p > 1 is true or false, must be a number"),
        ("arms: {policy: 1}", "arms: {policy: 1}\narbitration: p\nattributes: {value: number}", "attribute value == 'number', is a name that arbitration gives a meaning of its own"),
        ("arms: {policy: 1}", "arms: {policy: 1}\noptions: 0", "options == 0, must be greater than 0"),
    ],
)  # fmt: skip
def test_a_wrong_section_is_told_with_its_remedy(within: str, fragment: str, said: str) -> None:
    assert any(said in sentence for sentence in line(fragment, within))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "p.yaml line 1, column 1: the file is empty; start with: program: my_program."),
        (b"- a\n- b", "p.yaml line 1, column 1: the file must be fields with their values"),
        (
            b"a: &x 1\nb: *x",
            "line 1, column 4: anchors and aliases (& and *) are not read; write the value out.",
        ),
        (b"a: !!str 1", "line 1, column 4: tags such as tag:yaml.org,2002:str are not read; leave it out."),
        (
            b"a: 1\n---\nb: 2",
            "line 2, column 1: a second document starts here (---); one file is one program.",
        ),
        (b"a: [1, 2", "the file is not YAML: while parsing a flow sequence"),
        (b"a: \xff", "line 1, column 1: the file is not UTF-8 text; save it as UTF-8."),
        (b"[a]: 1", "line 1, column 1: a key must be a name, followed by a colon."),
        (b"a: " + b"[" * 50 + b"]" * 50, "nested more than 32 deep."),
        (b"a: " + b"x" * 1_000_001, "the file has 1000004 bytes, at most 1000000 are read"),
        (b"a: \x00", "the file is not YAML: "),
    ],
)
def test_what_is_no_program_document_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(ProgramError) as error:
        loads(content, "p.yaml")
    assert said in str(error.value)


def test_a_rule_is_placed_where_it_stands_however_it_is_written() -> None:
    text = (
        "program: p\nattributes: {age: integer, country: text}\noffers:\n  sale:\n    eligible:\n"
        "      - >-\n        age > 5 AND\n        cuntry = 'NO'\n"
        "      - |\n        age > 3\n          AND agee = 3\n"
        "      - 'country = ''NO'' AND aeg > 1'\n"
        "      - age > 5\n        OR ega = 1\n"
        "      - \"country = '\\u00c5' OR gae = 1\"\n"
        "channels: {email: {consent: none}}\nslots: {now: {}}\n"
        "goal: {outcomes: {visit: 1}, window: day}\narms: {policy: 1}\n"
    )
    rows = text.splitlines()
    for sentence in refused(text):
        row, column, name = re.search(
            r"line (\d+), column (\d+).*unknown attribute '(\w+)'", sentence
        ).groups()  # type: ignore[union-attr]
        assert rows[int(row) - 1][int(column) - 1 :].startswith(name)


@given(
    st.dictionaries(
        st.text(), st.none() | st.booleans() | st.integers() | st.floats() | st.text(), max_size=5
    )
)
def test_any_mapping_is_a_program_or_is_refused_in_words(values: dict[str, Any]) -> None:
    with pytest.raises(ProgramError):
        loads(yaml.safe_dump(values, allow_unicode=True).encode("utf-8", "replace"), "p.yaml")


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_in_words(content: bytes) -> None:
    with pytest.raises(ProgramError):
        loads(content, "p.yaml")


@pytest.mark.parametrize(
    ("within", "fragment"),
    [
        ("arms: {policy: 1}", "arms: {policy: 1}\nbudgets: {b: {money: 5 per moon}}"),
        ("arms: {policy: 1}", "arms: {policy: much, holdout: 0.1}"),
        ("window: day", "window: 2 moons"),
    ],
)
def test_what_could_not_be_read_is_not_blamed_for_what_it_then_lacks(within: str, fragment: str) -> None:
    assert len(line(fragment, within)) == 1
