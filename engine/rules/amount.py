"""An amount: a number in SQL over the values of a customer, such as the weight of an offer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.domain import RuleText
from engine.errors import ProgramError
from engine.rules import one, read, tree
from engine.rules.fold import fold
from engine.rules.grammar import Fault
from engine.rules.rule import place, quoted


@dataclass(frozen=True, slots=True)
class Amount:
    """A number written in SQL.

    Attributes:
        text: the expression as written.
        names: what it reads.
        tree: what it means.
        of: `of(values)` for one customer: a finite number, or None where it is not known. `values` is that of
            `engine.rules.Rule.holds`.
    """

    text: str
    names: frozenset[str]
    tree: tree.Node
    of: Callable[[Mapping[str, Any]], float | None] = field(compare=False, repr=False)


def amount(
    written: RuleText,
    schema: Mapping[str, tree.Type],
    source: str,
    field: str,
    levels: Mapping[str, Sequence[str]] | None = None,
) -> Amount:
    """An amount from its text.

    Args:
        written: the text, its owner, and where it stands in the file; its intent says nothing.
        schema: type of every name it may read.
        source: the file, for messages.
        field: the field of the file it stands in, for messages.
        levels: the values a text attribute may take, where they are declared.

    Raises:
        ProgramError: names file, line, column, owner, what is wrong and the nearest known name.
    """
    try:
        meaning = fold(read.tree(written.text, dict(schema), levels or {}, number=True))
    except Fault as fault:
        line, column = place(written, fault.offset)
        where = f"{source} line {line}, column {column}" if line else source
        raise ProgramError(f"{where}: {written.owner}: {field} {quoted(written.text)}: {fault}") from None
    return Amount(written.text, tree.names(meaning), meaning, one.holds(meaning))
