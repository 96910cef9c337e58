"""The texts of a program, conditions and numbers, ready to run against its attributes and predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial

from engine import derived
from engine.domain import AttributeType, Program, RuleText
from engine.errors import ProgramError
from engine.rules import Amount, Rule, amount, parse

TERMS = ("p", "value", "lever", "weight", "cost", "priority")
"""The names that `arbitration` may read besides attributes and predictions."""


def rules_of(program: Program) -> tuple[Rule, ...]:
    """The rules of the program, its groups, offers and channels in the file's order. Each names its owner.

    Raises:
        ProgramError: a rule does not fit the program's attributes and predictions.
    """
    types, levels = _types(program)
    return tuple(parse(rule, types, program.source, levels) for rule in _rules(program))


def weights_of(program: Program) -> dict[str, Amount]:
    """The weight of each offer that has one, by the offer's name.

    Raises:
        ProgramError: a weight does not fit the program's attributes and predictions.
    """
    types, levels = _types(program)
    return {
        one.name: amount(one.weight, types, program.source, "weight", levels)
        for one in program.offers
        if one.weight
    }


def arbitration_of(program: Program) -> Amount | None:
    """What actions are compared by; it reads `TERMS` too. None where the program leaves it out.

    Raises:
        ProgramError: it does not fit the program's attributes and predictions.
    """
    if program.arbitration is None:
        return None
    types, levels = _types(program)
    return amount(program.arbitration, _with_terms(types), program.source, "arbitration", levels)


def faults(program: Program) -> Iterator[tuple[RuleText, str]]:
    """The texts that do not fit the program's attributes and predictions, each with what is wrong."""
    types, levels = _types(program)
    source = program.source
    reading: list[tuple[RuleText, Callable[[], object]]] = [
        (rule, partial(parse, rule, types, source, levels)) for rule in _rules(program)
    ]
    for offer in program.offers:
        if text := offer.weight:
            reading.append((text, partial(amount, text, types, source, "weight", levels)))
    if text := program.arbitration:
        known = _with_terms(types)
        reading.append((text, partial(amount, text, known, source, "arbitration", levels)))
    for text, read in reading:
        try:
            read()
        except ProgramError as error:
            yield text, str(error)


def sound_rules_of(program: Program) -> tuple[Rule, ...]:
    """As `rules_of`, without the rules that do not fit."""
    types, levels = _types(program)
    made = []
    for rule in _rules(program):
        with suppress(ProgramError):
            made.append(parse(rule, types, program.source, levels))
    return tuple(made)


def _with_terms(types: Mapping[str, AttributeType]) -> dict[str, AttributeType]:
    return {**types, **dict.fromkeys(TERMS, "number")}


def _rules(program: Program) -> list[RuleText]:
    owned = (
        program.rules,
        *(one.rules for one in program.groups),
        *(one.rules for one in program.offers),
        *(one.rules for one in program.channels),
    )
    return [rule for rules in owned for rule in rules]


def _types(program: Program) -> tuple[dict[str, AttributeType], dict[str, Sequence[str]]]:
    """Type by name of what a rule may read, and the levels of texts."""
    types: dict[str, AttributeType] = {one.name: one.type for one in program.attributes}
    levels: dict[str, Sequence[str]] = {
        one.name: one.levels for one in program.attributes if one.type == "text"
    }
    return {**types, **dict.fromkeys(program.predictions, "number"), **derived.types(program)}, levels
