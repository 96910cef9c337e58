"""GrowthBook's own cases of assignment (packages/sdk-js/test/cases.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.growthbook import bucket, choose, in_namespace, ranges

FIXTURES = json.loads((Path(__file__).parents[1] / "fixtures" / "experiments.json").read_text("utf-8"))


def fixture(name: str) -> Any:
    return next(one for one in FIXTURES if one["id"] == name)


HASHES = fixture("assignment_hash_growthbook")
RANGES = fixture("bucket_ranges_growthbook")["inputs"]


@pytest.mark.parametrize(
    ("case", "expected"), list(zip(HASHES["inputs"]["cases"], HASHES["expected"]["hash"], strict=True))
)
def test_units_fall_where_growthbook_puts_them(case: list[Any], expected: float | None) -> None:
    assert bucket(*case) == expected


@pytest.mark.parametrize("case", RANGES["getBucketRange"], ids=lambda case: case[0])
def test_ranges_are_growthbooks(case: list[Any]) -> None:
    made = ranges(*case[1])
    assert made == [pytest.approx(tuple(one), abs=1e-9) for one in case[2]]


@pytest.mark.parametrize("case", RANGES["chooseVariation"], ids=lambda case: case[0])
def test_variations_are_chosen_as_by_growthbook(case: list[Any]) -> None:
    assert choose(case[1], [tuple(one) for one in case[2]]) == case[3]


@pytest.mark.parametrize("case", RANGES["inNamespace"], ids=lambda case: case[0])
def test_namespaces_are_growthbooks(case: list[Any]) -> None:
    unit, (name, low, high) = case[1], case[2]
    assert in_namespace(unit, name, low, high) is case[3]
