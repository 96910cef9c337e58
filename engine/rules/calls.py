"""Calls of `engine.rules.lookups` in SQL text: which there are, and what each means."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sqlglot import exp

from engine.errors import nearest
from engine.rules.grammar import Fault, offset, quote, syntax
from engine.rules.lookups import LOOKUPS, Lookup, parts, spelt
from engine.rules.tree import Name, Type

DOTTED = ("catalog", "db", "table", "this")
_CALL = re.compile(rf"\b(?:{'|'.join(LOOKUPS)})\s*\(", re.IGNORECASE)


def called(text: str) -> set[str]:
    """The names of the lookups in a text that is known to be sound."""
    if not _CALL.search(text):
        return set()
    calls = [one for one in syntax(text).find_all(exp.Anonymous) if one.name.lower() in LOOKUPS]
    return {spelt(one.name.lower(), [_given(part) for part in one.expressions]) for one in calls}


def looked_up(sql: exp.Expr, schema: Mapping[str, Type]) -> Name:
    """The call of a lookup as the name that stands for it in the schema.

    Raises:
        Fault: it is not given what it takes, or names what is not there.
    """
    function, count = sql.name.lower(), len(sql.expressions)
    form = next((one for one in LOOKUPS[function] if len(one.takes) == count), None)
    if form is None:
        examples = " or ".join(one.example for one in LOOKUPS[function])
        raise Fault(f"{function} is given {count} value{'s' * (count != 1)}; write {examples}", offset(sql))
    given = [_given(one) for one in sql.expressions]
    name = spelt(function, given)
    if name not in schema:
        raise _unknown(sql, function, form, given, schema)
    return Name(name, schema[name])


def column_name(sql: exp.Expr) -> str:
    """A column's name with its dots, as the model `p_buy.sale` is written."""
    return ".".join(sql.args[key].name for key in DOTTED if sql.args.get(key))


def _given(sql: exp.Expr) -> str:
    """A name, with quotes or without."""
    if isinstance(sql, exp.Literal) and sql.is_string:
        return str(sql.this)
    if isinstance(sql, exp.Column) and isinstance(sql.this, exp.Identifier):
        return column_name(sql)
    raise Fault(f"{quote(sql)} is no name; write it in quotes", offset(sql))


def _unknown(
    sql: exp.Expr, function: str, form: Lookup, given: Sequence[str], schema: Mapping[str, Type]
) -> Fault:
    found = [parts(name) for name in schema if name.startswith(f"{function}(")]
    known = [names for one in found if one and len(names := one[1]) == len(given)]
    for i, (name, what) in enumerate(zip(given, form.takes, strict=True)):
        fits = {names[i] for names in known if names[:i] == tuple(given[:i])}
        if name not in fits:
            said = f"{function}: unknown {what} '{name}'.{nearest(name, fits)}"
            return Fault(said, offset(sql.expressions[i]) or offset(sql))
    return Fault(f"{function} looks something up that is not known here", offset(sql))
