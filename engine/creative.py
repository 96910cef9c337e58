"""What is sent: an offer's texts for a channel, their blanks filled with what was known at the decision.

Blanks are those of `engine.template`; their names are attributes, predictions, and those of `NAMES`.

Nobody is sent a hole. A field with a blank that is not known, and that has no default text, is taken from
`default`; if that has no such field, or it cannot be filled either, the field is left out, and said so.
Values are put in as plain text on one line; in a field whose name holds `html` they are escaped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any

import msgspec

from engine.calendar import known_zone
from engine.domain import AttributeType, Offer, Program
from engine.once import once
from engine.store.rows import DecisionRow
from engine.template import Blank, Template, template
from engine.values import types

DEFAULT = "default"  # the fields of every channel that has none of that name itself
NAMES = ("customer", "offer.name", "offer.title", "offer.value")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Creative:
    """What to send.

    Attributes:
        fields: texts, and whatever else the program hands on, by field.
        left_out: a sentence for each field that could not be filled.
    """

    fields: Mapping[str, Any]
    left_out: tuple[str, ...]


def filled(program: Program, row: DecisionRow) -> Creative | None:
    """What a decision of the program sends; None where that is nothing or the offer has no creative for it.

    Args:
        program: the program in the version the decision was made under.
        row: the decision as logged.
    """
    if row.send_at_us is None:
        return None
    fields = _of(program).get((row.offer, row.channel))
    if fields is None:
        return None
    known = _decode(row.situation)
    return _fill(fields, _Known(_said_of(program, row), known.values, types(program), known.zone))


def any_in(program: Program) -> bool:
    """Whether any offer of the program has something to hand on."""
    return bool(_of(program))


class _Context(msgspec.Struct, frozen=True):
    """Of a logged situation, what texts are filled from."""

    values: dict[str, Any] = {}
    zone: str | None = None


_decode = msgspec.json.Decoder(_Context).decode


class _Unknown(Exception):
    """A blank cannot be filled."""


@dataclass(frozen=True, slots=True)
class _Known:
    own: Mapping[str, str]
    values: Mapping[str, Any]
    types: Mapping[str, AttributeType]
    zone: str | None

    def text(self, name: str) -> str | None:
        """The value as it is said to a customer; None where it is not known, or is blank."""
        if name in self.own:
            return self.own[name] or None
        value = self.values.get(name)
        if value is None:
            return None
        said = self._day(value) if self.types.get(name) == "timestamp" else _said(value)
        return _UNPRINTABLE.sub(" ", said).strip() or None

    def _day(self, value: str) -> str:
        """The day, on the customer's own calendar."""
        at = datetime.fromisoformat(value)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return at.astimezone(known_zone(self.zone) or UTC).date().isoformat()


_Fields = Mapping[str, tuple[Any, ...]]


@once
def _of(program: Program) -> Mapping[tuple[str, str], _Fields]:
    """By offer and channel, each field with what it is filled from: its own value, then that of `default`."""
    return {
        (offer.name, channel.name): fields
        for offer in program.offers
        for channel in program.channels
        if (fields := _fields(offer, channel.name))
    }


def _fields(offer: Offer, channel: str) -> _Fields:
    own, shared = offer.creative.get(channel, {}), offer.creative.get(DEFAULT, {})
    found: dict[str, tuple[Any, ...]] = {}
    for field in dict.fromkeys([*own, *shared]):
        given = [values[field] for values in (own, shared) if field in values]
        found[field] = tuple(_compiled(one, "html" in field.lower()) for one in given)
    return found


@dataclass(frozen=True, slots=True)
class _Text:
    template: Template
    markup: bool


def _compiled(value: Any, markup: bool) -> Any:
    if isinstance(value, dict):
        return {key: _compiled(one, markup or "html" in key.lower()) for key, one in value.items()}
    if isinstance(value, list):
        return [_compiled(one, markup) for one in value]
    return _Text(template(value), markup) if isinstance(value, str) else value


def _fill(fields: _Fields, known: _Known) -> Creative:
    made, left_out = {}, []
    for field, candidates in fields.items():
        missing = ""
        for one in candidates:
            try:
                made[field] = _value(one, known)
                break
            except _Unknown as unknown:
                missing = missing or str(unknown)
        else:
            left_out.append(f"{field} is left out: {missing} is not known, and no text stands in for it")
    return Creative(made, tuple(left_out))


def _value(compiled: Any, known: _Known) -> Any:
    if isinstance(compiled, _Text):
        return "".join(_piece(one, known, compiled.markup) for one in compiled.template)
    if isinstance(compiled, dict):
        return {key: _value(one, known) for key, one in compiled.items()}
    return [_value(one, known) for one in compiled] if isinstance(compiled, list) else compiled


def _piece(piece: str | Blank, known: _Known, markup: bool) -> str:
    if isinstance(piece, str):
        return piece
    text = known.text(piece.name)
    if text is not None:
        return escape(text) if markup else text
    if piece.default is None:
        raise _Unknown(piece.name)
    return piece.default


def _said_of(program: Program, row: DecisionRow) -> dict[str, str]:
    offer = next(one for one in program.offers if one.name == row.offer)
    return dict(zip(NAMES, (row.customer, offer.name, offer.title, _said(offer.value)), strict=True))


def _said(value: Any) -> str:
    """A number without needless zeros, anything else as it is written."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.10f}".rstrip("0").rstrip(".") or "0"
    return str(value)
