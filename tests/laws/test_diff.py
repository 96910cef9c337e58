"""Two programs have an empty difference where, and only where, they mean the same."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.domain import Channel, Offer, Program, RuleText
from engine.plan.diff import diff
from tests.laws.programs import made, with_actions

seeds = st.integers(0, 2**32)
ORDER_COUNTS = {"actions", "arms"}


def meaning(thing: Any) -> Any:
    """A thing without places in the file, and in one order where order means nothing."""
    if isinstance(thing, RuleText):
        return (thing.intent, thing.text)
    if is_dataclass(thing) and not isinstance(thing, type):
        skipped = {"version", "sha256", "source"} if isinstance(thing, Program) else set()
        return {
            one.name: tuple(getattr(thing, one.name))
            if one.name in ORDER_COUNTS
            else meaning(getattr(thing, one.name))
            for one in fields(thing)
            if one.name not in skipped
        }
    if isinstance(thing, tuple):
        return sorted((meaning(one) for one in thing), key=repr)
    if isinstance(thing, dict):
        return {name: meaning(thing[name]) for name in sorted(thing)}
    return thing


def agree(one: Program, other: Program) -> bool:
    return (not diff(one, other)) == (meaning(one) == meaning(other))


@given(seeds, seeds)
def test_two_programs_differ_unless_they_mean_the_same(one: int, other: int) -> None:
    assert agree(made(one), made(other))


@given(seeds, seeds, st.sampled_from([field.name for field in fields(Program)]))
def test_a_program_with_one_field_of_another_differs_if_and_only_if_the_field_does(
    one: int, other: int, name: str
) -> None:
    changed = with_actions(replace(made(one), **{name: getattr(made(other), name)}))
    assert agree(made(one), changed)


@given(seeds, seeds, st.data())
def test_one_field_of_one_offer_or_channel_is_enough(one: int, other: int, data: st.DataObject) -> None:
    kind, section = data.draw(st.sampled_from([(Offer, "offers"), (Channel, "channels")]))
    program, donor = made(one), made(other)
    mine, theirs = getattr(program, section), getattr(donor, section)
    if mine and theirs:
        name = data.draw(st.sampled_from([field.name for field in fields(kind) if field.name != "name"]))
        first = replace(mine[0], **{name: getattr(theirs[0], name)})
        assert agree(program, with_actions(replace(program, **{section: (first, *mine[1:])})))


@given(seeds)
def test_another_place_in_another_file_is_no_difference(seed: int) -> None:
    program = made(seed)
    moved = replace(
        program,
        version=9,
        sha256="other",
        source="other.yaml",
        rules=tuple(replace(rule, line=77, column=7) for rule in program.rules[::-1]),
        attributes=program.attributes[::-1],
    )
    assert diff(program, moved) == ()


@given(seeds, seeds)
def test_there_and_back_are_as_many_changes(one: int, other: int) -> None:
    assert len(diff(made(one), made(other))) == len(diff(made(other), made(one)))


@given(seeds, seeds)
def test_every_change_is_a_sentence_of_its_own(one: int, other: int) -> None:
    said = [str(change) for change in diff(made(one), made(other))]
    assert len(said) == len(set(said))
    assert all(text.strip() == text and "Present" not in text and "None" not in text for text in said)
