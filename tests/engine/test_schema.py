"""The schema that editors go by: it takes every example, and none of its fields misspelt."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from engine.program import json_schema
from engine.program.document import read
from policies.make import KINDS, make

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*/program.yaml"))
OWN_NAMES = {
    "attributes", "predictions", "groups", "offers", "channels", "slots", "budgets", "shadows", "outcomes",
    "per_source",
}  # fmt: skip
SCHEMA = json_schema()


def fields(given: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all keys that are fields: no names of the user's own, and no texts."""
    entries = (
        given.items() if isinstance(given, dict) else enumerate(given) if isinstance(given, list) else ()
    )
    for key, below in entries:
        if isinstance(key, str) and not (path and path[-1] in OWN_NAMES):
            yield (*path, key)
        if key != "creative":
            yield from fields(below, (*path, key))


def misspelt(given: Any, path: tuple[Any, ...]) -> Any:
    """A copy with one key more than it should be."""
    changed = copy.deepcopy(given)
    owner = changed
    for step in path[:-1]:
        owner = owner[step]
    owner[f"{path[-1]}x"] = owner.pop(path[-1])
    return changed


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_an_example_fits_and_with_any_field_misspelt_it_does_not(path: Path) -> None:
    given = read(path.read_bytes()).values
    validator = jsonschema_rs.validator_for(SCHEMA)
    assert [str(one) for one in validator.iter_errors(given)] == []
    found = list(fields(given))
    assert len(found) > 20
    assert [where for where in found if validator.is_valid(misspelt(given, where))] == []


def test_no_part_of_a_program_may_have_a_field_that_is_not_known() -> None:
    models = {"Program": SCHEMA, **SCHEMA["$defs"]}
    assert [name for name, one in models.items() if one["additionalProperties"] is not False] == [
        "PolicyModel"
    ]


def settings_of(kind: str) -> dict[str, Any]:
    (found,) = (
        one["then"]
        for one in SCHEMA["$defs"]["PolicyModel"]["allOf"]
        if one["if"]["properties"]["kind"] == {"const": kind}
    )
    assert found["additionalProperties"] is False
    return {name: one for name, one in found["properties"].items() if name != "kind"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_settings_of_a_policy_are_those_its_class_takes(kind: str) -> None:
    given = make(kind, {"action": "no_action"} if kind == "constant" else {}).settings
    known = settings_of(kind)
    assert set(known) == set(given)


def test_every_setting_of_the_default_policy_is_explained() -> None:
    assert [name for name, one in settings_of("linear").items() if not one.get("description")] == []


def policy(**given: Any) -> bool:
    validator = jsonschema_rs.validator_for({**SCHEMA, "required": []})
    return bool(validator.is_valid({"policy": given}))


def test_a_setting_of_the_wrong_type_does_not_fit_and_a_policy_of_another_package_does() -> None:
    assert policy(kind="linear", gamma=4)
    assert not policy(kind="linear", gammma=4)
    assert not policy(kind="linear", gamma="steep")
    assert policy(kind="theirs", anything=4)
