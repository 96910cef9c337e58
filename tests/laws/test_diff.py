"""Two programs have an empty difference where, and only where, they mean the same."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.domain import (
    Action,
    Attribute,
    Budget,
    Cap,
    Channel,
    Cooldown,
    Goal,
    Group,
    Offer,
    PolicySpec,
    Program,
    QuietHours,
    Quota,
    RuleText,
    Slot,
    Staleness,
    Weight,
)
from engine.plan.diff import diff

NAMES = ("a", "b", "c")
numbers = st.sampled_from([0.0, 1.0, 1.2])
lengths = st.sampled_from([timedelta(hours=36), timedelta(days=7), timedelta(days=14)])
moments = st.sampled_from([None, datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, 8, 30, tzinfo=UTC)])
texts = st.sampled_from(["", "x", "x y"])
rules = st.builds(
    RuleText,
    st.sampled_from(["eligible", "applicable", "suitable"]),
    st.sampled_from(["age > 1", "age > 2"]),
    st.just("owner"),
    st.integers(0, 3),
    st.integers(0, 3),
)
some_names = st.lists(st.sampled_from(NAMES), unique=True, max_size=2).map(tuple)


def several(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, max_size=2).map(tuple)


def named(kind: Any, **given: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    made = st.builds(kind, st.sampled_from(NAMES), **given)
    return st.lists(made, unique_by=lambda one: one.name, max_size=3).map(tuple)


quotas = st.builds(Quota, st.sampled_from([5.0, 6.0]), st.none() | lengths)
caps = several(st.builds(Cap, st.integers(1, 2), lengths))
cooldowns = several(st.builds(Cooldown, st.just("ignored"), st.integers(1, 2), lengths, lengths))
creative = st.dictionaries(
    st.sampled_from(NAMES), st.dictionaries(st.just("subject"), texts) | texts | st.just([]), max_size=2
)
policies = st.builds(
    PolicySpec, st.sampled_from(["linear", "uniform"]), st.dictionaries(st.just("ridge"), numbers)
)
offers = named(
    Offer, title=texts, group=texts, value=numbers, cost=numbers, priority=numbers, lever=numbers,
    channels=some_names, slots=some_names, rules=several(rules), starts=moments, ends=moments,
    creative=creative, caps=caps, cooldowns=cooldowns, weight=st.none() | rules,
)  # fmt: skip
channels = named(
    Channel, cost=numbers, consent=st.sampled_from([None, "x"]), caps=caps, rules=several(rules),
    quiet=st.sampled_from([None, QuietHours(time(21), time(8)), QuietHours(time(22), time(8))]),
    cooldowns=cooldowns,
)  # fmt: skip
arms = st.permutations(["policy", "random", "holdout"]).flatmap(
    lambda names: st.sampled_from([(0.9, 0.1), (0.8, 0.2), (0.8, 0.1, 0.1)]).map(
        lambda shares: tuple(zip(names, shares, strict=False))
    )
)


def with_actions(program: Program) -> Program:
    """The program with the actions that a file with its offers, channels and slots has."""
    on = [one.name for one in program.channels]
    at = [one.name for one in program.slots]
    made = [
        Action(offer.name, channel, slot)
        for offer in program.offers
        for channel, slot in product(offer.channels or on, offer.slots or at)
    ]
    return replace(program, actions=(Action(), *made))


programs = st.builds(
    Program,
    name=st.sampled_from(["spring", "autumn"]),
    title=texts,
    version=st.integers(0, 2),
    sha256=texts,
    source=texts,
    attributes=named(
        Attribute,
        type=st.sampled_from(["text", "number"]),
        levels=st.lists(st.sampled_from(NAMES), unique=True, max_size=2).map(tuple),
    ),
    predictions=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["", "a"]), max_size=2),
    offers=offers,
    channels=channels,
    slots=named(Slot, at=st.sampled_from([None, time(8, 30)]), days=st.integers(0, 1)),
    goal=st.builds(
        Goal, st.dictionaries(st.sampled_from(NAMES), st.builds(Weight, numbers, numbers), max_size=2), lengths
    ),
    arms=arms,
    salt=texts,
    policy=policies,
    bau=policies,
    caps=caps,
    rules=several(rules),
    groups=named(
        Group, title=texts, within=texts, lever=numbers, caps=caps, cooldowns=cooldowns, rules=several(rules)
    ),
    cooldowns=cooldowns,
    budgets=named(
        Budget, unit=st.sampled_from(["money", "stock"]), quota=quotas, offers=some_names,
        channels=some_names, settled_by=texts, hold=st.none() | lengths,
    ),
    staleness=st.dictionaries(
        st.sampled_from(NAMES),
        st.builds(Staleness, lengths, st.none() | lengths, st.sampled_from(["use", "ignore"])),
        max_size=1,
    ),
    holidays=st.lists(st.sampled_from([date(2026, 12, 24), date(2026, 12, 25)]), unique=True).map(tuple),
    arbitration=st.none() | rules,
).map(with_actions)  # fmt: skip
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


@given(programs, programs)
def test_the_difference_is_empty_where_and_only_where_two_programs_mean_the_same(
    one: Program, other: Program
) -> None:
    assert (not diff(one, other)) == (meaning(one) == meaning(other))


@given(programs, programs, st.data())
def test_a_program_with_one_field_of_another_differs_from_it_if_and_only_if_the_field_does(
    one: Program, other: Program, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from([field.name for field in fields(Program)]))
    changed = with_actions(replace(one, **{name: getattr(other, name)}))
    assert (not diff(one, changed)) == (meaning(one) == meaning(changed))


@given(programs, programs, st.data())
def test_a_program_with_one_field_of_one_offer_changed_differs(
    one: Program, other: Program, data: st.DataObject
) -> None:
    if one.offers and other.offers:
        name = data.draw(st.sampled_from([field.name for field in fields(Offer) if field.name != "name"]))
        offer = replace(one.offers[0], **{name: getattr(other.offers[0], name)})
        changed = with_actions(replace(one, offers=(offer, *one.offers[1:])))
        assert (not diff(one, changed)) == (meaning(one) == meaning(changed))


@given(programs)
def test_a_program_does_not_differ_from_itself_in_other_places_of_another_file(program: Program) -> None:
    moved = replace(
        program,
        version=9,
        sha256="other",
        source="other.yaml",
        rules=tuple(replace(rule, line=77, column=7) for rule in program.rules[::-1]),
        attributes=program.attributes[::-1],
    )
    assert diff(program, moved) == ()


@given(programs, programs)
def test_there_and_back_are_as_many_changes(one: Program, other: Program) -> None:
    assert len(diff(one, other)) == len(diff(other, one))


@given(programs, programs)
def test_every_change_is_a_sentence_of_its_own(one: Program, other: Program) -> None:
    said = [str(change) for change in diff(one, other)]
    assert len(said) == len(set(said))
    assert all(text.strip() == text and "Present" not in text and "(" not in text[:3] for text in said)
