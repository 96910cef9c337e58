"""A rule: the SQL condition a marketer wrote, checked against the attributes and ready to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from engine.domain import AttributeType, Intent, RuleText
from engine.errors import ProgramError
from engine.rules import one, read, tree
from engine.rules.fold import fold
from engine.rules.grammar import Fault


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition; a customer passes only where it is True. `engine.rules.many` runs its tree for many.

    Attributes:
        text: the condition as written.
        intent: eligible, applicable or suitable.
        owner: what it belongs to, "program", "offer mens_email" or "channel email".
        names: the attributes and predictions it reads.
        tree: what it means.
        holds: `holds(values)` for one customer: True, False, or None where it is not known. `values` maps
            names to int or float (never NaN), str, bool, aware datetime or None, of the declared types; a
            missing name is None.
    """

    text: str
    intent: Intent
    owner: str
    names: frozenset[str]
    tree: tree.Node
    holds: Callable[[Mapping[str, Any]], bool | None] = field(compare=False, repr=False)


def parse(
    rule: RuleText,
    schema: Mapping[str, AttributeType],
    source: str,
    levels: Mapping[str, Sequence[str]] | None = None,
) -> Rule:
    """A rule from its text.

    Args:
        rule: the text, its owner, and where it stands in the file.
        schema: type of every attribute and prediction by name.
        source: the file, for messages.
        levels: the values a text attribute may take, where they are declared.

    Raises:
        ProgramError: names file, line, column, owner, what is wrong and the nearest known name.
    """
    try:
        known = tuple((name, tuple(values)) for name, values in (levels or {}).items())
        meaning = _meaning(rule.text, tuple(schema.items()), known)
    except Fault as fault:
        line, column = place(rule, fault.offset)
        where = f"{source} line {line}, column {column}" if line else source
        raise ProgramError(
            f"{where}: {rule.owner}: {rule.intent} rule {quoted(rule.text)}: {fault}"
        ) from None
    return Rule(rule.text, rule.intent, rule.owner, tree.names(meaning), meaning, _when_asked(meaning))


@lru_cache(maxsize=4096)
def _meaning(
    text: str, schema: tuple[tuple[str, AttributeType], ...], levels: tuple[tuple[str, tuple[str, ...]], ...]
) -> tree.Node:
    """What a text means. Every command reads each rule several times, and one takes a millisecond."""
    return fold(read.tree(text, dict(schema), dict(levels)))


def _when_asked(meaning: tree.Node) -> Callable[[Mapping[str, Any]], bool | None]:
    """`one.holds(meaning)`, compiled when first asked: mostly all rules are asked at once (`passes`)."""
    made: list[Callable[[Mapping[str, Any]], bool | None]] = []

    def holds(values: Mapping[str, Any]) -> bool | None:
        if not made:
            made.append(one.holds(meaning))
        return made[0](values)

    return holds


def passes(rules: Sequence[Rule]) -> Callable[[Mapping[str, Any]], tuple[bool, ...]]:
    """`f(values)`: for each rule, whether the customer passes. One function reads each attribute once."""
    return one.passes([rule.tree for rule in rules])


def quoted(text: str) -> str:
    """A rule on one line in double quotes, cut short."""
    line = " ".join(text.split())
    return f'"{line}"' if len(line) <= 60 else f'"{line[:57]}..."'


def place(rule: RuleText, offset: int) -> tuple[int, int]:
    """Line and column in the file of a character of the rule; (0, 0) where the rule stands in no file."""
    start, line, column = max(
        (one for one in rule.pieces if one[0] <= offset), default=(0, rule.line, rule.column)
    )
    return line, column + offset - start if line else 0
