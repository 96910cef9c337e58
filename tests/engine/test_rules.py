"""Rules: what each form means, by hand, and how what is no rule is refused."""

# ruff: noqa: E501
from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from engine.columns import column
from engine.domain import AttributeType, RuleText
from engine.errors import ProgramError
from engine.rules import Rule, conflict, findings, many, parse, passes

SCHEMA: dict[str, AttributeType] = {
    "age": "integer",
    "clv": "number",
    "country": "text",
    "zip_code": "text",
    "vip": "boolean",
    "signed_up": "timestamp",
    "p_visit.mens_email": "number",
    "past-purchase": "number",
    "from": "integer",
}
LEVELS = {"zip_code": ("Rural", "Surburban", "Urban")}
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def rule(text: str, owner: str = "offer mens_email") -> Rule:
    return parse(RuleText("eligible", text, owner, 12, 19), SCHEMA, "program.yaml", LEVELS)


def held(text: str, **values: Any) -> bool | None:
    """What a rule says of one customer, after both executions have agreed."""
    one = rule(text)
    columns = {name: column([values.get(name)], kind) for name, kind in SCHEMA.items()}
    (for_many,) = many.holds(one.tree)(columns, 1)
    assert one.holds(values) is for_many
    return one.holds(values)


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("age > 30", {"age": 31}, True),
        ("age > 30", {"age": 30}, False),
        ("age > 30", {}, None),
        ("NOT age > 30", {}, None),
        ("age > 30 AND clv > 1", {"clv": 0.5}, False),
        ("age > 30 AND clv > 1", {"clv": 2.0}, None),
        ("age > 30 OR clv > 1", {"clv": 2.0}, True),
        ("age > 30 OR clv > 1", {"clv": 0.5}, None),
        ("age IN (1, 2, NULL)", {"age": 1}, True),
        ("age IN (1, 2, NULL)", {"age": 3}, None),
        ("age NOT IN (1, 2, NULL)", {"age": 1}, False),
        ("age NOT IN (1, 2, NULL)", {"age": 3}, None),
        ("age NOT IN (1, 2)", {}, None),
        ("age IN (clv, NULL)", {"age": 3, "clv": 3.0}, True),
        ("age IN (clv, NULL)", {"age": 3, "clv": 2.0}, None),
        ("age BETWEEN 18 AND 60", {"age": 60}, True),
        ("age NOT BETWEEN 18 AND 60", {"age": 60}, False),
        ("age IS NULL", {}, True),
        ("(age > 30) IS NULL", {}, True),
        ("vip", {"vip": True}, True),
        ("vip IS NOT TRUE", {}, True),
        ("vip = FALSE", {"vip": False}, True),
        ("age / 2 = 2.5", {"age": 5}, True),
        ("age / 0 > 1", {"age": 5}, None),
        ("age / 0 IS NULL", {"age": 5}, True),
        ("clv * 1e308 * 10 IS NULL", {"clv": 1.0}, True),
        ("age * 9007199254740992 > 0", {"age": 9007199254740992}, True),
        ("-age < -3", {"age": 4}, True),
        ("1 + 2 * 3 = 7 AND age = 4", {"age": 4}, True),
        ("country = 'O''Brien'", {"country": "O'Brien"}, True),
        ("country < 'b'", {"country": "B"}, True),
        ("country LIKE 'a%c'", {"country": "abbbc"}, True),
        ("country LIKE 'a_c'", {"country": "abbc"}, False),
        ("country LIKE 'A%'", {"country": "abc"}, False),
        ("country LIKE '%'", {"country": "line\nline"}, True),
        ("country LIKE 'a.c'", {"country": "abc"}, False),
        ("country LIKE '10!%' ESCAPE '!'", {"country": "10%"}, True),
        ("country LIKE '10!%' ESCAPE '!'", {"country": "100"}, False),
        ("country NOT LIKE '%b%'", {"country": "abc"}, False),
        ("LOWER(country) = 'åse'", {"country": "ÅSE"}, True),
        ("LENGTH(country) = 3", {"country": "ÅSE"}, True),
        ("ROUND(clv) = 3", {"clv": 2.5}, True),
        ("ROUND(clv) = -3", {"clv": -2.5}, True),
        ("ROUND(clv) = 0", {"clv": 0.49999999999999994}, True),
        ("FLOOR(clv) = -3 AND CEIL(clv) = -2", {"clv": -2.5}, True),
        ("ABS(age) = 3", {"age": -3}, True),
        ("COALESCE(age, clv, 7) = 7", {}, True),
        ("NULLIF(age, 0) IS NULL", {"age": 0}, True),
        ("CASE WHEN age > 30 THEN 'old' ELSE 'young' END = 'young'", {}, True),
        ("CASE country WHEN 'NO' THEN 1 WHEN 'SE' THEN 2 END = 2", {"country": "SE"}, True),
        ("CASE WHEN age > 30 THEN vip ELSE FALSE END", {"age": 31, "vip": True}, True),
        ("signed_up > '2026-11-24'", {"signed_up": NOON}, True),
        ("signed_up = TIMESTAMP '2026-11-24 13:00+01:00'", {"signed_up": NOON}, True),
        ("signed_up < DATE '2026-11-24'", {"signed_up": NOON}, False),
        ("p_visit.mens_email > .5", {"p_visit.mens_email": 0.6}, True),
        ('"past-purchase" > 3 AND "from" = 1', {"past-purchase": 4.0, "from": 1}, True),
        ("TRUE", {}, True),
        ("1 > 2", {}, False),
        ("age > 3 -- a comment", {"age": 4}, True),
    ],
)
def test_a_form_means_what_sql_says(text: str, values: dict[str, Any], expected: bool | None) -> None:
    assert held(text, **values) is expected


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("reccency <= 12 AND ages > 3", 19, "unknown attribute 'reccency'. Known: age, clv, country"),
        ("age > 3 AND contry = 'NO'", 31, "unknown attribute 'contry'. Did you mean 'country'?"),
        ("p_visit.mens_emial > 1", 19, "unknown attribute 'p_visit.mens_emial'. Did you mean 'p_visit.mens_email'?"),
        ("zip_code > 5", 19, "zip_code is a text and 5 a number; they do not compare"),
        ("zip_code = 'Suburban'", 30, "'Suburban' is not a level of zip_code. Did you mean 'Surburban'?"),
        ("zip_code IN ('Rural', 'City')", 41, "'City' is not a level of zip_code. Known: Rural, Surburban, Urban."),
        ("age", 19, "age is a number, must be a condition that is true or false"),
        ("age + country > 3", 25, "country is a text, must be a number"),
        ("vip > FALSE", 19, "vip is true or false, which has no order; use = or <>"),
        ("age = NULL", 19, "nothing compares with NULL; write IS NULL or IS NOT NULL"),
        ("SQRT(age) > 1", 19, "unknown function 'SQRT'. Known: ABS, AGE"),
        ("LENTGH(country) > 1", 19, "unknown function 'LENTGH'. Did you mean 'LENGTH'?"),
        ("LENGTH(country, 1) > 1", 19, "LENGTH is given 2 values, takes 1"),
        ("ABS(country) > 1", 23, "country is a text, must be a number"),
        ("COALESCE(age, country) = 1", 33, "country is a text, must be a number like what stands before it"),
        ("COALESCE(NULL, NULL) = 1", 19, "there is nothing but NULL to choose from"),
        ("country LIKE zip_code", 32, "LIKE takes a pattern in quotes, such as 'A%'"),
        ("country LIKE 'a\\%'", 32, "a backslash means nothing by itself; name the escape"),
        ("country LIKE 'a!' ESCAPE '!'", 32, "the pattern ends with its escape '!'"),
        ("country LIKE 'a' ESCAPE '!!'", 32, "ESCAPE '!!' must be one character"),
        ("signed_up > 'yesterday'", 31, "'yesterday' is no date or time; write '2026-11-24'"),
        ("age IS 3", 19, "IS takes NULL, TRUE or FALSE; to compare write ="),
        ("age IN ()", 19, "IN needs at least one value in its parentheses"),
        ("age > 99999999999999999999", 25, "99999999999999999999 is too large"),
        ("age > 1e999", 25, "1e999 is too large"),
        ("age >", 23, "something is missing beside '>'"),
        ("(age > 5", 26, "a closing parenthesis is missing after '5'"),
        ("age > 5)", 26, "')' is not expected here"),
        ("when > 5", 19, "'when' is not expected here; if it is an attribute, write it in double quotes"),
        ("age > 5 clv", 27, "'clv' is not expected here; is AND or OR missing?"),
        ("country = 'NO", 19, "a quote or a comment is opened and never closed"),
        ("", 19, "a rule is one condition, such as recency <= 12"),
        ("age > 5; age < 3", 19, "a rule is one condition, such as recency <= 12"),
        ("SELECT 1", 26, "SELECT 1 is not part of a rule. A rule is made of AND, OR, NOT"),
        ("age > (SELECT 1)", 33, "is not part of a rule"),
        ("age IN (SELECT 1)", 19, "is not part of a rule"),
        ("EXISTS (SELECT 1)", 34, "is not part of a rule"),
        ("age = ?", 19, "is not part of a rule"),
        ("age = :x", 19, "is not part of a rule"),
        ("age BETWEEN SYMMETRIC 9 AND 1", 19, "is not part of a rule"),
        ("CAST(age AS TEXT) = '1'", 19, "unknown function 'CAST'"),
        ("age::text = '1'", 19, "is not part of a rule; types are not cast"),
        ("age % 2 = 0", 19, "age % 2 is not part of a rule"),
        ("COUNT(*) > 1", 19, "unknown function 'COUNT'"),
        ("*", 19, "* is not part of a rule"),
        ("NOT " * 5000 + "vip", 19, "the rule has 20003 characters, at most 10000 are read"),
        ("(" * 2000 + "vip" + ")" * 2000, 19, "the rule is nested too deeply"),
        ("+".join(["age"] * 500) + " > 1", 19, "the rule is too long or nested too deeply"),
    ],
)  # fmt: skip
def test_what_is_no_rule_is_refused_with_its_place(text: str, column: int, said: str) -> None:
    with pytest.raises(ProgramError) as error:
        rule(text)
    sentence = str(error.value)
    assert said in sentence
    assert sentence.startswith(f"program.yaml line 12, column {column}: offer mens_email: eligible rule ")


def test_a_rule_that_stands_in_no_file_is_named_by_its_owner() -> None:
    with pytest.raises(ProgramError, match=r'^typed: program: suitable rule "aeg > 3": unknown attribute'):
        parse(RuleText("suitable", "aeg > 3", "program"), SCHEMA, "typed")


def test_a_rule_names_what_it_reads() -> None:
    assert rule("age > 3 OR p_visit.mens_email > clv").names == {"age", "p_visit.mens_email", "clv"}


def test_many_rules_run_as_one_function() -> None:
    pass_ = passes([rule("age > 3"), rule("clv > age"), rule("vip OR age > 3")])
    assert pass_({"age": 5, "clv": None}) == (True, False, True)
    assert passes([])({}) == ()


def test_a_long_list_of_alternatives_is_no_nesting() -> None:
    assert held(" OR ".join(f"age = {i}" for i in range(500)), age=499) is True


def test_a_rule_over_no_customers_holds_for_none() -> None:
    columns = {name: column([], kind) for name, kind in SCHEMA.items()}
    assert many.passes([rule("COALESCE(age, 1) = 1 AND vip").tree])(columns, 0).shape == (1, 0)


def test_nested_conditions_cost_no_more_than_their_length() -> None:
    nested = "vip"
    for _ in range(12):
        nested = f"(({nested}) IS NULL) = vip"
    assert held(nested, vip=True) is not None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("age > 5 AND age < 3", "never"),
        ("age > 3 AND age < 4", "never"),
        ("clv > 3 AND clv < 4", None),
        ("country = 'a' AND country = 'b'", "never"),
        ("country > 'a' AND country < 'b'", None),
        ("zip_code <> 'Rural' AND zip_code <> 'Urban' AND zip_code <> 'Surburban'", "never"),
        ("zip_code IN ('Rural', 'Urban', 'Surburban')", "always if known"),
        ("age BETWEEN 5 AND 3", "never"),
        ("age NOT IN (1, NULL)", "never"),
        ("age > 5 OR age <= 5", "always if known"),
        ("age > 5 OR age <= 5 OR age IS NULL", "always"),
        ("age IS NOT NULL", None),
        ("vip AND NOT vip", "never"),
        ("age + 1 > 3 AND NOT age + 1 > 3", "never"),
        ("age + 1 > 3 AND age + 1 < 3", None),
        ("signed_up > '2026-01-02' AND signed_up < '2026-01-01'", "never"),
        ("(age > 5 AND age < 3) OR clv > 3", None),
        ("(age > 5 OR clv > 5) AND age < 3 AND clv < 3", "never"),
        ("TRUE", "always"),
        ("1 > 2", "never"),
        ("age <> age", "never"),
        ("country >= country", "always if known"),
        ("age + 1 < age", "never"),
        ("age - 1 <= age + 2", "always if known"),
        ("clv + 1 > clv", None),
        ("ABS(clv) < 0", "never"),
        ("ABS(age) >= 0 AND vip", None),
        ("age * 2 > 1 AND ABS(clv) + 3 < 2", "never"),
        ("clv / clv > 0", None),
        ("FLOOR(age / 2) > 1e16", "never"),
        ("CASE WHEN vip THEN FALSE ELSE age > age END", "never"),
        ("CASE WHEN age IS NULL THEN 1 ELSE 2 END > 2", "never"),
        ("CASE WHEN vip OR vip IS NOT TRUE THEN 1 ELSE 2 END = 1", "always"),
        ("COALESCE(age, 5) IS NULL", "never"),
        ("COALESCE(age, clv) IS NULL", None),
        ("COALESCE(ABS(age), 5) >= 0", "always"),
        ("UPPER(country) = 'no'", "never"),
        ("LOWER(country) IN ('NO', 'SE')", "never"),
        ("LOWER(country) IN ('NO', 'se')", None),
        ("UPPER(zip_code) = 'RURAL'", None),
        ("UPPER(zip_code) = 'DESERT'", "never"),
        ("LENGTH(zip_code) > 9", "never"),
        ("LENGTH(zip_code) >= 5", "always if known"),
        ("LENGTH(country) < 0", "never"),
        ("zip_code LIKE 'X%'", "never"),
        ("country LIKE '%'", "always if known"),
        ("country = 'NO' AND country LIKE 'S%'", "never"),
        ("country LIKE 'N%' AND country LIKE 'S%'", None),
        ("country = 'NO' AND UPPER(country) = 'SE'", "never"),
        ("age = 4 AND age * age <> 16", "never"),
        ("age > 4 AND age * age < 16", None),
        ("signed_up = signed_up", "always if known"),
    ],
)
def test_a_rule_that_says_nothing_is_found(text: str, kind: str | None) -> None:
    assert [found.kind for found in findings(rule(text), LEVELS)] == ([kind] if kind else [])


def test_a_finding_is_a_sentence() -> None:
    (found,) = findings(rule("age > 5 OR age <= 5"))
    assert str(found) == (
        'offer mens_email: rule "age > 5 OR age <= 5" holds whenever age is known: '
        "write IS NOT NULL if that is meant."
    )


def test_rules_that_contradict_each_other_are_found() -> None:
    found = conflict([rule("age >= 18", "program"), rule("age < 18"), rule("vip")])
    assert str(found) == (
        'program with offer mens_email: rule "(age >= 18) AND (age < 18) AND (vip)" can never hold: '
        "no customer passes."
    )
    assert conflict([rule("age >= 18"), rule("age < 20")]) is None
    assert conflict([rule("age > 5 AND age < 3"), rule("vip")]) is None
