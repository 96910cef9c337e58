"""Checks of `creative`: for which channels, and that every blank of its texts has a name that is known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Set
from typing import Any

from engine.creative import DEFAULT, NAMES
from engine.domain import RuleText
from engine.errors import nearest
from engine.program.document import Document, Path
from engine.program.schema import ProgramModel
from engine.program.words import Problem, problem, words
from engine.rules.rule import place
from engine.template import Blank, TemplateError, template, texts


def problems(document: Document, model: ProgramModel, broken: Set[str]) -> Iterator[Problem]:
    """What is wrong with the creative of every offer; nothing where names may be in what is broken."""
    if broken & {"attributes", "predictions", "channels"}:
        return
    names = {*model.attributes, *model.predictions, *NAMES}
    for offer, one in model.offers.items():
        for channel, fields in one.creative.items():
            path: Path = ("offers", offer, "creative", channel)
            if channel not in {*model.channels, DEFAULT}:
                known = (*model.channels, DEFAULT)
                yield problem(document, path, f"there is no channel '{channel}'.{nearest(channel, known)}")
            yield from _numbers(document, path, fields)
            for below, text in texts(fields):
                yield from _of_text(document, (*path, *below), text, names)
    for section, known_names in (("attributes", model.attributes), ("predictions", model.predictions)):
        for name in NAMES:
            if name in known_names and any(one.creative for one in model.offers.values()):
                said = "is a name that creative gives a meaning of its own; rename it."
                yield problem(document, (section, name), said)


def _numbers(document: Document, path: Path, value: Any) -> Iterator[Problem]:
    if isinstance(value, float) and not math.isfinite(value):
        yield problem(document, path, "must be a finite number.")
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in items:
        yield from _numbers(document, (*path, key), one)


def _of_text(document: Document, path: Path, text: str, names: set[str]) -> Iterator[Problem]:
    try:
        pieces = template(text)
    except TemplateError as error:
        yield _at(document, path, text, error.offset, f"{error}.")
        return
    for blank in pieces:
        if isinstance(blank, Blank) and blank.name not in names:
            start = text.index(blank.name, blank.offset)
            said = f"unknown name '{blank.name}'.{nearest(blank.name, names)}"
            yield _at(document, path, text, start, said)


def _at(document: Document, path: Path, text: str, offset: int, said: str) -> Problem:
    """A problem with one character of the text at `path`."""
    written = RuleText("suitable", text, "", *document.place(path), document.pieces(path))
    return Problem(*place(written, offset), f"{words(path)}: {said}")
