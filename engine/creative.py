"""What is sent: an offer's texts for a channel, their blanks filled with what was known at the decision.

Blanks are those of `engine.template`; their names are attributes, predictions, and those of `NAMES`.

Nobody is sent a hole. A field with a blank that is not known, and that has no default text, is taken from
`default`; if that has no such field, or it cannot be filled either, the field is left out, and said so.
Values are put in as plain text on one line; in a field whose name holds `html` they are escaped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any

import msgspec

from engine.calendar import known_zone
from engine.domain import AttributeType, Offer, Program
from engine.once import once
from engine.store.rows import DecisionRow
from engine.template import Blank, Template, template, texts
from engine.values import types

DEFAULT = "default"  # the fields of every channel that has none of that name itself
_OF_OFFER = ("offer.name", "offer.title", "offer.value")
NAMES = ("customer", *_OF_OFFER)
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
    own = {"customer": row.customer, **_of_offer(program, row.offer)}
    return _fill(fields, _Known(own, known.values, types(program), known.zone).text)


def form(program: Program, offer: str, channel: str, marks: Mapping[str, str]) -> Creative | None:
    """What decisions for that offer and channel send, with marks in place of what differs by customer.

    Args:
        marks: of the names that are known; a name without one is not.
    """
    fields = _of(program).get((offer, channel))
    own = _of_offer(program, offer)
    return None if fields is None else _fill(fields, lambda name: own.get(name) or marks.get(name))


@once
def blanks(program: Program) -> tuple[str, ...]:
    """The names in the texts of a program, but for those of offers."""
    every = (template(text) for one in program.offers for _, text in texts(one.creative))
    found = dict.fromkeys(piece.name for pieces in every for piece in pieces if isinstance(piece, Blank))
    return tuple(name for name in found if name not in _OF_OFFER)


def said(value: Any, kind: AttributeType | None, zone: str | None) -> str | None:
    """A value that is known as it is said to a customer; None where it is blank."""
    text = _day(value, zone) if kind == "timestamp" else _said(value)
    return _UNPRINTABLE.sub(" ", text).strip() or None


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
        return None if value is None else said(value, self.types.get(name), self.zone)


def _day(value: str | datetime, zone: str | None) -> str:
    """The day, on the customer's own calendar."""
    at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return at.astimezone(known_zone(zone) or UTC).date().isoformat()


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


Say = Callable[[str], str | None]  # what is said under a name; None where it is not known


def _fill(fields: _Fields, known: Say) -> Creative:
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


def _value(compiled: Any, known: Say) -> Any:
    if isinstance(compiled, _Text):
        return "".join(_piece(one, known, compiled.markup) for one in compiled.template)
    if isinstance(compiled, dict):
        return {key: _value(one, known) for key, one in compiled.items()}
    return [_value(one, known) for one in compiled] if isinstance(compiled, list) else compiled


def _piece(piece: str | Blank, known: Say, markup: bool) -> str:
    if isinstance(piece, str):
        return piece
    text = known(piece.name)
    if text is not None:
        return escape(text) if markup else text
    if piece.default is None:
        raise _Unknown(piece.name)
    return piece.default


@once
def _offers(program: Program) -> Mapping[str, Mapping[str, str]]:
    names = ((one.name, one.title, _said(one.value)) for one in program.offers)
    return {name: dict(zip(_OF_OFFER, (name, *rest), strict=True)) for name, *rest in names}


def _of_offer(program: Program, offer: str) -> Mapping[str, str]:
    return _offers(program)[offer]


def _said(value: Any) -> str:
    """A number without needless zeros, anything else as it is written."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.10f}".rstrip("0").rstrip(".") or "0"
    return str(value)
