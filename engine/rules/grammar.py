"""SQL text to sqlglot's syntax tree, and where in the text each node stands.

The grammar is sqlglot's own, with every function taken as a plain call: none has a grammar of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sqlglot import exp, parser
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ParseError, TokenError

from engine.rules.functions import FUNCTIONS
from engine.rules.lookups import LOOKUPS

MAX_LENGTH = 10_000
EXACT = 2**53  # integers up to here are exact in double precision
CALLS = (*FUNCTIONS, "COALESCE", "NULLIF", *(name.upper() for name in LOOKUPS))
_LANGUAGE = (
    f"AND, OR, NOT, = <> < <= > >=, IN, BETWEEN, LIKE, IS NULL, IS TRUE, + - * /, CASE, {', '.join(CALLS)}"
)


class RuleDialect(Dialect):
    """sqlglot's SQL without functions that are spelt unlike one (CAST, IF, CURRENT_DATE and their kind)."""

    class Parser(parser.Parser):
        FUNCTIONS = {}  # noqa: RUF012
        FUNCTION_PARSERS = {}  # noqa: RUF012
        NO_PAREN_FUNCTIONS = {}  # noqa: RUF012
        NO_PAREN_FUNCTION_PARSERS = {"CASE": lambda self: self._parse_case()}  # noqa: RUF012


class Fault(ValueError):
    """What is wrong with a rule, in words, and at which character of its text."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


def syntax(text: str) -> exp.Expr:
    """The one expression that `text` holds.

    Raises:
        Fault: the text is too long, too deep, or not one SQL expression.
    """
    if len(text) > MAX_LENGTH:
        raise Fault(
            f"the rule has {len(text)} characters, at most {MAX_LENGTH} are read; split it into several", 0
        )
    dialect = RuleDialect()
    try:
        tokens = dialect.tokenize(text)
    except TokenError:
        raise Fault("a quote or a comment is opened and never closed", 0) from None
    try:
        parsed = dialect.parser().parse(tokens, text)
    except ParseError as error:
        raise _fault(error, tokens) from None
    except RecursionError:
        raise Fault("the rule is nested too deeply; split it into several", 0) from None
    if len(parsed) != 1 or parsed[0] is None:
        raise Fault("a rule is one condition, such as recency <= 12", 0)
    return parsed[0]


def offset(node: exp.Expr) -> int:
    """The first character of the text that belongs to `node`; 0 where sqlglot does not say."""
    return min((one.meta["start"] for one in node.walk() if "start" in one.meta), default=0)


def number_of(literal: exp.Expr) -> int | float:
    """The number that a literal spells: an int where it is spelt in digits alone.

    Raises:
        Fault: the number is larger than what is exact, or its exponent is missing, as in 1E.
    """
    spelt, whole = literal.this, literal.this.isdecimal()
    try:
        number = float(spelt)
    except ValueError:
        raise Fault(f"{spelt} is no number; write such as 1.5 or 1e3", offset(literal)) from None
    if not math.isfinite(number) or (whole and int(spelt) > EXACT):
        raise Fault(f"{spelt} is too large, numbers are exact up to {EXACT}", offset(literal))
    return int(spelt) if whole else number


def only(sql: exp.Expr, *arguments: str) -> None:
    """Refuse a node with any argument that is not read, such as BETWEEN SYMMETRIC."""
    extra = [key for key, given in sql.args.items() if given and key not in arguments]
    if extra:
        raise foreign(sql, f" ({extra[0]})")


def foreign(sql: exp.Expr, part: str = "") -> Fault:
    """What to say of SQL that is no part of the language of rules."""
    return Fault(f"{quote(sql)} is not part of a rule{part}. A rule is made of {_LANGUAGE}", offset(sql))


def quote(sql: exp.Expr) -> str:
    """A node as SQL, cut short."""
    written = sql.sql()
    return written if len(written) <= 60 else f"{written[:57]}..."


def _fault(error: ParseError, tokens: Sequence[Any]) -> Fault:
    if not error.errors or not tokens:
        return Fault("a rule is one condition, such as recency <= 12", 0)
    first = error.errors[0]
    place = (first["line"], first["col"])
    at = next((token for token in tokens if (token.line, token.col) == place), tokens[-1])
    if "Expecting )" in first["description"]:
        return Fault(f"a closing parenthesis is missing after '{at.text}'", at.start)
    if "Required keyword" in first["description"]:
        return Fault(f"something is missing beside '{at.text}'", at.start)
    word = "; if it is an attribute, write it in double quotes" if at.text.isidentifier() else ""
    return Fault(f"'{at.text}' is not expected here{word}", at.start)
