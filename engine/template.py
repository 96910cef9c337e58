"""Texts with blanks: `{{ name }}`, or `{{ name | what to say where it is not known }}`.

There is no logic: no filter, no condition, no loop. `\\{{` is the two brackets themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_BLANK = re.compile(r"(?P<kept>\\\{\{)|\{\{(?P<inside>.*?)\}\}|(?P<open>\{\{)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_FILTER = re.compile(r"default\s*[:(]|.*[|]", re.DOTALL)


class TemplateError(ValueError):
    """What is wrong with a text, in words, and at which character."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Blank:
    """A place to fill; `default` is what to say where the name is not known, None if nothing was written."""

    name: str
    default: str | None
    offset: int


Template = tuple[str | Blank, ...]


def template(text: str) -> Template:
    """The texts and blanks of a text, in order.

    Raises:
        TemplateError: a blank is not closed, has no name, or asks for what a template cannot do.
    """
    return tuple(_pieces(text))


def texts(value: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text below a value, with the path to it."""
    if isinstance(value, str):
        yield (), value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in items:
        yield from (((key, *path), text) for path, text in texts(one))


def _pieces(text: str) -> Iterator[str | Blank]:
    start = 0
    for found in _BLANK.finditer(text):
        if found.start() > start:
            yield text[start : found.start()]
        start = found.end()
        if found["open"]:
            raise TemplateError(
                "'{{' is opened and never closed; close it with '}}', or write '\\{{' to send it as it is",
                found.start(),
            )
        yield "{{" if found["kept"] else _blank(found["inside"], found.start())
    if start < len(text):
        yield text[start:]


def _blank(inside: str, offset: int) -> Blank:
    name, bar, default = (one.strip() for one in inside.partition("|"))
    if not _NAME.fullmatch(name) or "{{" in default or _FILTER.match(default):
        raise TemplateError(
            f"'{{{{{inside}}}}}' is no blank; write {{{{ name }}}}, or {{{{ name | what to say instead }}}}",
            offset,
        )
    return Blank(name, default if bar else None, offset)
