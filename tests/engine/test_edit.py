"""The section `policy` of a program file replaced, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.domain import PolicySpec
from engine.errors import RefusedError
from engine.plan.diff import diff
from engine.program import load
from engine.program.edit import with_policy
from tests.engine.programs import TEXT, spring

ROOT = Path(__file__).resolve().parents[2]
OTHER = PolicySpec("linear", {"gamma": 400.0, "explore": "squarecb", "tune": False})
SECTION = "policy: {kind: linear, waves: 20}"


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("examples/*/program.yaml")), ids=lambda path: path.parent.name
)
def test_in_every_example_the_policy_alone_is_another(path: Path) -> None:
    edited, text = with_policy(path.read_bytes(), OTHER, str(path))
    assert edited.policy == OTHER
    assert {one.where for one in diff(load(path), edited)} == {"policy"}
    same = set(path.read_text().splitlines()) - set(text.decode().splitlines())
    assert len(same) == 1


@pytest.mark.parametrize(
    "section",
    [
        SECTION,
        "policy:\n  kind: priority\n  priorities:\n    news/email/now: 2\n    sale/email/now: 1",
        "policy: {\n  kind: linear,\n  waves: 20,\n}\n\n# of bau",
        "# above\n\npolicy: {kind: linear}  # beside",
    ],
)
def test_however_the_section_is_written(section: str) -> None:
    text = TEXT.replace(SECTION, section)
    edited, made = with_policy(text.encode(), OTHER, "spring.yaml")
    assert edited.policy == OTHER
    assert {one.where for one in diff(spring(text), edited)} == {"policy"}
    for comment in ("# above", "# of bau"):
        assert (comment in text) == (comment in made.decode())


def test_a_file_without_the_section_gets_one_at_its_end() -> None:
    edited, made = with_policy(TEXT.replace(SECTION + "\n", "").encode(), OTHER, "spring.yaml")
    assert edited.policy == OTHER
    assert made.decode().splitlines()[-1].startswith("policy: ")


def test_a_file_on_one_line_is_not_edited() -> None:
    import yaml

    text = yaml.safe_dump(yaml.safe_load(TEXT), default_flow_style=True, width=100_000)
    with pytest.raises(RefusedError, match="do not start lines of their own"):
        with_policy(text.encode(), OTHER, "spring.yaml")
