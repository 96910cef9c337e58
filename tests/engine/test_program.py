"""Program files: what they mean, and how they are refused."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.domain import (
    Action,
    Attribute,
    Budget,
    Cap,
    Cooldown,
    Program,
    QuietHours,
    Quota,
    Ramp,
    Slot,
    Staleness,
    Weight,
)
from engine.errors import ProgramError
from engine.period import Period
from engine.program import arbitration_of, json_schema, load, loads, rules_of, weights_of
from engine.program.document import read
from engine.rules import findings

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(ROOT.glob("examples/*/program.yaml"))
DOCS = (ROOT / "docs" / "program.md").read_text(encoding="utf-8")
SMALL = re.search(r"```yaml\n(program: spring\n.*?)```", DOCS, re.DOTALL)[1]  # type: ignore[index]


def blocks(language: str) -> list[str]:
    """The fenced blocks of docs/program.md in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCS, re.DOTALL | re.MULTILINE)


def made(**changed: Any) -> Program:
    """The small program with some sections changed."""
    return loads(yaml.safe_dump(read(SMALL.encode()).values | changed, sort_keys=False).encode(), "made")


def test_a_program_has_no_action_first_and_then_offers_by_channels_by_slots_in_the_files_order() -> None:
    program = made(
        offers={"b": {"slots": ["now"]}, "a": {"channels": ["sms"]}},
        channels={"sms": {"consent": "sms"}, "email": {"consent": "none"}},
        slots={"now": None, "later": {"at": "18:30"}},
    )
    assert program.actions == (
        Action(),
        Action("b", "sms", "now"),
        Action("b", "email", "now"),
        Action("a", "sms", "now"),
        Action("a", "sms", "later"),
    )


def test_every_field_of_the_retail_example_becomes_what_it_says() -> None:
    program = load(ROOT / "examples/retail/program.yaml", version=3)
    offers = {one.name: one for one in program.offers}
    channels = {one.name: one for one in program.channels}
    assert (program.name, program.version, program.salt) == ("retail", 3, "retail-2026")
    assert len(program.offers) == 12
    assert Attribute("country", "text", ("NO", "SE", "DK", "FI")) in program.attributes
    assert program.predictions == {
        "churn": "",
        "p_buy.winter_sale": "winter_sale",
        "p_buy.loyalty_gift": "loyalty_gift",
    }
    sale = offers["winter_sale"]
    assert (sale.value, sale.priority, sale.lever, sale.group) == (24.0, 9.0, 1.0, "sales")
    oslo = timedelta(hours=1)  # the program's dates are days there
    assert sale.starts == datetime(2026, 11, 20, tzinfo=UTC) - oslo
    assert sale.ends == datetime(2027, 1, 16, tzinfo=UTC) - oslo
    assert sale.creative["push"] == {"title": "Winter sale"}
    assert offers["come_back"].rules[-1].text == "COALESCE(churn, 0) > 0.4 AND clv > 50"
    assert channels["sms"].caps == (Cap(1, timedelta(days=7)), Cap(2, timedelta(days=30)))
    assert channels["sms"].quiet == QuietHours(time(20), time(9))
    assert program.slots[2] == Slot("tomorrow_morning", time(8, 30), 1)
    assert program.caps == (Cap(3, timedelta(days=7)), Cap(8, timedelta(days=30)))
    assert program.goal.outcomes["purchase"] == Weight(0.0, 0.3)
    assert program.goal.outcomes["unsubscribe"] == Weight(-8.0, 0.0)
    assert program.goal.window == timedelta(days=14)
    assert [one.owner for one in program.rules] == ["program", "program"]


def test_the_hillstrom_example_is_the_campaign() -> None:
    program = load(ROOT / "examples/hillstrom/program.yaml")
    assert [one.name for one in program.actions] == [
        "no_action",
        "mens_email/email/now",
        "womens_email/email/now",
    ]
    assert program.arms == (("policy", 0.8), ("random", 0.1), ("bau", 0.05), ("holdout", 0.05))
    assert program.channels[0].consent is None
    assert program.salt == "hillstrom"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_an_example_has_no_rule_that_says_nothing(path: Path) -> None:
    program = load(path)
    levels = {one.name: one.levels for one in program.attributes if one.levels}
    assert [str(found) for rule in rules_of(program) for found in findings(rule, levels)] == []


def test_limits_become_budgets_that_are_settled_at_once_or_by_an_outcome() -> None:
    program = made(
        offers={
            "a": {"stock": "40 per day"},
            "b": {"stock": {"count": 3, "settled_by": "visit", "hold": "day"}},
        },
        channels={"email": {"consent": "none", "capacity": 200}},
        budgets={"january": {"money": "5000.5 per week", "offers": ["a"], "channels": ["email"]}},
    )
    day = timedelta(days=1)
    assert program.budgets == (
        Budget("january", "money", Quota(5000.5, Period(1, "week")), ("a",), ("email",)),
        Budget("stock a", "stock", Quota(40, Period(1, "day")), ("a",)),
        Budget("stock b", "stock", Quota(3), ("b",), (), "visit", day),
        Budget("capacity email", "contacts", Quota(200), (), ("email",)),
    )


def test_a_budget_of_a_group_is_drawn_on_by_its_offers_and_those_of_the_groups_below() -> None:
    program = made(
        groups={"top": {}, "below": {"within": "top"}, "other": {}},
        offers={"a": {}, "b": {"group": "below"}, "c": {"group": "top"}, "d": {"group": "other"}},
        budgets={"both": {"contacts": 5, "offers": ["a", "c"], "groups": ["top"]}},
    )
    assert program.budgets == (Budget("both", "contacts", Quota(5), ("a", "c", "b")),)


def test_a_cool_down_counts_once_and_within_the_pause_unless_it_says_otherwise() -> None:
    texts = [
        "ignored 2 times in 30 days: pause 60 days",
        "purchase: pause 2 weeks",
        "visit in day: pause hour",
    ]
    days = timedelta(days=1)
    assert made(cooldowns=texts).cooldowns == (
        Cooldown("ignored", 2, 30 * days, 60 * days),
        Cooldown("purchase", 1, 14 * days, 14 * days),
        Cooldown("visit", 1, days, timedelta(hours=1)),
    )


def test_groups_have_a_lineage_and_rules_of_their_own() -> None:
    program = made(
        groups={"top": {"lever": 1.5, "eligible": "1 < 2"}, "low": {"within": "top", "caps": ["1 per day"]}},
        offers={"a": {"group": "low"}, "b": {}},
    )
    assert [one.name for one in program.lineage("low")] == ["low", "top"]
    assert [rule.owner for rule in rules_of(program)] == ["group top"]
    assert program.groups[1].caps == (Cap(1, timedelta(days=1)),)


def test_a_prediction_ages_only_where_the_file_says_so() -> None:
    program = made(
        predictions={
            "p": "sale",
            "churn": {"fresh": "7 days", "expires": "30 days", "stale": "widen"},
            "q": {"offer": "sale", "fresh": "day"},
            "z": None,
        }
    )
    assert program.predictions == {"p": "sale", "churn": "", "q": "sale", "z": ""}
    assert program.staleness == {
        "churn": Staleness(timedelta(days=7), timedelta(days=30), "widen"),
        "q": Staleness(timedelta(days=1)),
    }


def test_weights_and_the_arbitration_are_numbers_that_can_be_read() -> None:
    program = made(
        attributes={"tier": "text"},
        predictions={"churn": None},
        offers={
            "a": {"weight": "CASE WHEN tier = 'gold' THEN 1.2 ELSE 1 END", "ramp": {"share": 0.1, "until": 5}}
        },
        arbitration="p * value * lever * weight - cost + churn",
        holidays=["2026-12-25"],
        options=7,
    )
    assert weights_of(program)["a"].of({"tier": "gold"}) == 1.2
    formula = arbitration_of(program)
    assert formula is not None
    known = {"p": 0.5, "value": 10, "lever": 2, "weight": 1, "cost": 1, "churn": 0.25}
    assert formula.of(known) == 9.25
    assert (program.holidays, program.options) == ((date(2026, 12, 25),), 7)
    assert program.offers[0].ramp == Ramp(0.1, 5)


def test_the_examples_use_every_field_there_is() -> None:
    schema = json_schema()
    used = {place for path in EXAMPLES for place in fields(read(path.read_bytes()).values, schema, schema)}
    models = {"": schema, **schema["$defs"]}
    there = {(model, name) for model, one in models.items() for name in one["properties"]}
    assert sorted(there - used) == []


def fields(value: Any, part: dict[str, Any], schema: dict[str, Any], model: str = "") -> set[tuple[str, str]]:
    """(model, field) of every field that is written below a value."""
    if "$ref" in part:
        model = part["$ref"].rpartition("/")[2]
        part = schema["$defs"][model]
    found = {place for one in part.get("anyOf", []) for place in fields(value, one, schema, model)}
    known = part.get("properties", {})
    (other,) = part.get("patternProperties", {"": {}}).values()
    for name, below in value.items() if isinstance(value, dict) else ():
        found |= {(model, name)} if name in known else set()
        found |= fields(below, known.get(name, other), schema, model)
    return found


def test_too_many_actions_are_refused() -> None:
    offers = {f"o{i}": {} for i in range(2000)}
    with pytest.raises(
        ProgramError, match=r"make 2001 actions with no_action, at most 2000; name the channels"
    ):
        made(offers=offers)


def test_words_stay_words_and_dates_texts() -> None:
    written = (
        "a: [NO, yes, on, 0150, 18:30, 1_000, 2026-11-24, 0x1F, .inf, 12, -3.5, 1e3, true, null, ~, '5']"
    )
    assert read(written.encode()).values["a"] == [
        *("NO", "yes", "on", "0150", "18:30", "1_000", "2026-11-24", "0x1F", ".inf"),
        *(12, -3.5, 1000.0, True, None, None, "5"),
    ]


def test_the_hash_is_of_the_bytes() -> None:
    assert loads(SMALL.encode(), "x").sha256 == hashlib.sha256(SMALL.encode()).hexdigest()


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(ProgramError, match=r"^nowhere\.yaml: cannot be read \(No such file or directory\)"):
        load("nowhere.yaml")


# What the documentation shows


@pytest.mark.parametrize("fragment", blocks("yaml"))
def test_a_fragment_of_the_documentation_is_part_of_a_program(fragment: str) -> None:
    attributes = read(next(one for one in blocks("yaml") if one.startswith("attributes")).encode()).values
    around = {"predictions": {"churn": None}, **attributes}
    program = loads(
        yaml.safe_dump(around | read(SMALL.encode()).values | read(fragment.encode()).values).encode(), ""
    )
    assert rules_of(program) is not None


def test_the_documentation_shows_the_errors_as_they_are() -> None:
    (wrong,) = blocks("yaml wrong")
    with pytest.raises(ProgramError) as error:
        loads(wrong.encode(), "spring.yaml")
    assert f"{error.value}\n" == blocks("text")[0]


def test_the_documentation_shows_what_its_code_prints(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks("python")
    exec(compile(code, "docs/program.md", "exec"), {})  # noqa: S102
    assert capsys.readouterr().out == blocks("text")[1]


def test_the_documentation_names_every_field() -> None:
    schema = json_schema()
    models = [
        schema,
        *(
            schema["$defs"][f"{name}Model"]
            for name in (
                "Group",
                "Offer",
                "Channel",
                "Slot",
                "Goal",
                "Arms",
                "Budget",
                "Stock",
                "Ramp",
                "Prediction",
            )
        ),
    ]
    missing = [name for model in models for name in model["properties"] if f"`{name}`" not in DOCS]
    assert [name for name in missing if not re.search(rf"\b{name}:", DOCS)] == []


# The schema for editors


def test_every_field_of_the_schema_is_described() -> None:
    schema = json_schema()
    for model in (schema, *schema["$defs"].values()):
        assert model["description"]
        assert all(one.get("description") for one in model["properties"].values())


def test_the_schema_beside_the_examples_is_the_one_in_force() -> None:
    assert json.loads((ROOT / "examples/program.schema.json").read_text()) == json_schema()
