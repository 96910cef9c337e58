"""A program without one of its hurdles: what the file would mean if that line were not in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from engine.domain import Cap, Channel, Cooldown, Group, Offer, Program, RuleText
from engine.hurdles import BUDGET, CONTACT
from engine.plan.words import words

ENDLESS = 10**9  # contacts nobody ever has: a limit of so many limits nothing
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Relaxed:
    """A program without a hurdle, with only the actions that the hurdle can keep from anyone.

    Attributes:
        stage: at which it asks.
        hurdle: in words, "offer sale: clv > 50".
        columns: the place of each action of `program` among those of the whole one.
    """

    stage: str
    hurdle: str
    program: Program
    columns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Reach:
    """The offers and channels whose actions a hurdle stands before; None for all of them."""

    offers: frozenset[str] | None = None
    channels: frozenset[str] | None = None


_ALL = _Reach()


def relaxations(program: Program) -> Iterator[Relaxed]:
    """The program without each of its hurdles in turn; a slot that has passed cannot be wished away."""
    for stage, hurdle, freed, reach in _freed(program):
        yield _only(program, freed, stage, hurdle, reach)


def rule_texts(program: Program) -> list[RuleText]:
    """The rules of a program, in the order of `engine.program.rules_of`."""
    parts = (program.groups, program.offers, program.channels)
    return [*program.rules, *(rule for part in parts for one in part for rule in one.rules)]


def _freed(program: Program) -> Iterator[tuple[str, str, Program, _Reach]]:
    if program.holidays:
        yield CONTACT, "a holiday", replace(program, holidays=()), _ALL
    for i, budget in enumerate(program.budgets):
        reach = _Reach(frozenset(budget.offers) or None, frozenset(budget.channels) or None)
        yield BUDGET, f"budget {budget.name}", replace(program, budgets=_less(program.budgets, i)), reach
    yield from ((*one, _ALL) for one in _limits(program, "program", "all channels"))
    for group in program.groups:
        inside = frozenset(one.name for one in program.offers if group in program.lineage(one.group))
        yield from _of(program, "groups", group, f"group {group.name}", _Reach(inside))
    for offer in program.offers:
        reach, name = _Reach(frozenset([offer.name])), f"offer {offer.name}"
        if offer.starts or offer.ends:
            undated = _with(program, "offers", replace(offer, starts=None, ends=None))
            yield "eligible", f"{name}: outside its dates", undated, reach
        yield from _of(program, "offers", offer, name, reach)
    for channel in program.channels:
        reach, name = _Reach(channels=frozenset([channel.name])), f"channel {channel.name}"
        if channel.consent is not None:
            free = _with(program, "channels", replace(channel, consent=None))
            yield "consent", f"{name}: no consent to {channel.consent}", free, reach
        if channel.quiet is not None:
            free = _with(program, "channels", replace(channel, quiet=None))
            yield CONTACT, f"{name}: quiet hours", free, reach
        yield from _of(program, "channels", channel, name, reach)


def _of(
    program: Program, section: str, owner: Group | Offer | Channel, name: str, reach: _Reach
) -> Iterator[tuple[str, str, Program, _Reach]]:
    """Without each rule, cap and cool-down of a part of the program."""
    for stage, hurdle, freed in _limits(owner, name, name):
        yield stage, hurdle, _with(program, section, freed), reach


def _limits(owner: T, of_rules: str, of_limits: str) -> Iterator[tuple[str, str, T]]:
    """What has rules, caps and cool-downs without each of them in turn."""
    thing: Any = owner
    for i, rule in enumerate(thing.rules):
        yield rule.intent, f"{of_rules}: {rule.text}", replace(thing, rules=_less(thing.rules, i))
    for field in ("caps", "cooldowns"):
        limits: tuple[Cap | Cooldown, ...] = getattr(thing, field)
        for i, one in enumerate(limits):
            endless = (*limits[:i], replace(one, count=ENDLESS), *limits[i + 1 :])
            yield CONTACT, f"{of_limits}: {words(one)}", replace(thing, **{field: endless})


def _with(program: Program, section: str, part: Any) -> Program:
    """The program with another part of that name."""
    changed: Any = tuple(part if one.name == part.name else one for one in getattr(program, section))
    return replace(program, **{section: changed})


def _less(every: tuple[T, ...], i: int) -> tuple[T, ...]:
    return (*every[:i], *every[i + 1 :])


def _only(program: Program, freed: Program, stage: str, hurdle: str, reach: _Reach) -> Relaxed:
    """Only the actions that are reached; the rules of other offers are not even read."""
    columns = tuple(
        j
        for j, action in enumerate(program.actions)
        if (reach.offers is None or action.offer in reach.offers or not action.offer)
        and (reach.channels is None or action.channel in reach.channels or not action.offer)
    )
    kept = {program.actions[j].offer for j in columns}
    offers = tuple(one if one.name in kept else replace(one, rules=()) for one in freed.offers)
    small = replace(freed, offers=offers, actions=tuple(program.actions[j] for j in columns))
    return Relaxed(stage, hurdle, small, columns)
