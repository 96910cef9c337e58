"""YAML text to plain values that remember where they stand.

A strict and smaller YAML: no anchors, tags or second documents, no key twice. Plain words stay words, so that
the country NO is not false, 18:30 not 1110 and the postcode 0150 not 104.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

MAX_BYTES = 1_000_000
MAX_DEPTH = 32
Path = tuple[str | int, ...]
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)([eE][-+]?[0-9]{1,4})?")
_BARE = re.compile(r"\S")
_ESCAPED = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)|\S")
_BLANK = re.compile(r"\\[ntrv _NLP\t]")
_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}


class Refused(ValueError):
    """A text that is no program document; at a line and column (1-based), 0 where there is none."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Document:
    """The values of a file, and where they stand.

    Attributes:
        values: dicts, lists, text, numbers, booleans and None.
        places: (line, column) of the value at each path, 1-based.
        keys: (line, column) of the key at each path.
        scalars: the YAML event of each text, number or word.
        lines: the text of the file.
        repeated: paths of keys that stand twice, with the place of the second.
    """

    values: Any
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)
    scalars: dict[Path, Any] = field(default_factory=dict)
    repeated: list[tuple[Path, tuple[int, int]]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def place(self, path: Path) -> tuple[int, int]:
        """Where the value at `path`, or else the nearest thing that holds it, stands."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, (1, 1))

    def pieces(self, path: Path) -> tuple[tuple[int, int, int], ...]:
        """(offset, line, column) of the pieces that the text at `path` is written in."""
        return tuple(_pieces(self.scalars[path], self.lines)) if path in self.scalars else ()


def read(content: bytes) -> Document:
    """The document in `content`.

    Raises:
        Refused: the bytes are not UTF-8, too many, no YAML, or use what a program file does not need.
    """
    if len(content) > MAX_BYTES:
        raise Refused(f"the file has {len(content)} bytes, at most {MAX_BYTES} are read; split the program")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Refused("the file is not UTF-8 text; save it as UTF-8", line, 1) from None
    try:
        return _Composer(text).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = " ".join(one for one in (error.context, error.problem) if one)
        place = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise Refused(f"the file is not YAML: {words}", *place) from None
    except yaml.YAMLError as error:
        raise Refused(f"the file is not YAML: {' '.join(str(error).split())}") from None


class _Composer:
    """Builds values from YAML events, one event ahead of nothing: what it has read stands in `made`."""

    def __init__(self, text: str) -> None:
        self.events: Iterator[Any] = yaml.parse(text, Loader=yaml.CSafeLoader)
        self.made = Document(None, lines=text.split("\n"))

    def document(self) -> Document:
        next(self.events)  # the stream starts
        if isinstance(next(self.events), yaml.StreamEndEvent):
            raise Refused("the file is empty; start with: program: my_program", 1, 1)
        values = self.value(next(self.events), ())
        next(self.events)  # the document ends
        following = next(self.events)
        if not isinstance(following, yaml.StreamEndEvent):
            raise Refused("a second document starts here (---); one file is one program", *_place(following))
        return replace(self.made, values=values)

    def value(self, event: Any, path: Path) -> Any:
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            raise Refused("anchors and aliases (& and *) are not read; write the value out", *_place(event))
        if event.tag:
            raise Refused(f"tags such as {event.tag} are not read; leave it out", *_place(event))
        if len(path) > MAX_DEPTH:
            raise Refused(f"nested more than {MAX_DEPTH} deep", *_place(event))
        self.made.places[path] = _place(event)
        if isinstance(event, yaml.MappingStartEvent):
            return self.mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(path)
        return self.scalar(event, path)

    def mapping(self, path: Path) -> dict[str, Any]:
        made: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise Refused("a key must be a name, followed by a colon", *_place(event))
            here = (*path, event.value)
            if event.value in made:
                self.made.repeated.append((here, _place(event)))
            self.made.keys[here] = _place(event)
            made[event.value] = self.value(next(self.events), here)
        return made

    def sequence(self, path: Path) -> list[Any]:
        made: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            made.append(self.value(event, (*path, len(made))))
        return made

    def scalar(self, event: Any, path: Path) -> Any:
        self.made.scalars[path] = event
        return _plain(event.value) if event.implicit[0] else event.value


def _place(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _plain(text: str) -> Any:
    """An unquoted word: null, true, false or a number, and text otherwise."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    leads = text.lstrip("+-")
    zero = leads[:1] == "0" and leads[1:2].isdigit()
    return float(text) if _NUMBER.fullmatch(text) and not zero else text


def _pieces(event: Any, lines: list[str]) -> Iterator[tuple[int, int, int]]:
    """Where a text stands in the file: a piece begins wherever folding, indentation or an escape moves it."""
    text, offset, shift = event.value, 0, None
    for row, column, written in _written(event, lines):
        while text[offset : offset + 1].isspace():
            offset += 1
        if len(written) == 1 and written != text[offset : offset + 1]:
            continue  # the first of two quotes
        if shift != (row, column - offset):
            shift = (row, column - offset)
            yield offset, row + 1, column + 1
        offset += 1


def _written(event: Any, lines: list[str]) -> Iterator[tuple[int, int, str]]:
    """Row, column and spelling of each character of a text that is not blank; an escape spells one."""
    quote, block = event.style in ("'", '"'), event.style in ("|", ">")
    spelt = _ESCAPED if event.style == '"' else _BARE
    first, last = event.start_mark.line, event.end_mark.line
    for row in range(first + block, min(last + 1, len(lines))):
        start = event.start_mark.column + quote if row == first else 0
        end = event.end_mark.column - quote if row == last else len(lines[row])
        found = spelt.finditer(lines[row], start, end)
        yield from ((row, one.start(), one[0]) for one in found if not _BLANK.fullmatch(one[0]))
