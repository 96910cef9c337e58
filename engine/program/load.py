"""A program file to a `Program`, with every problem of the file reported at once."""

from __future__ import annotations

from collections.abc import Sequence, Set
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from engine.domain import Program
from engine.errors import ProgramError
from engine.program import build, check, compiled, payload, words
from engine.program.document import Document, Path, Refused, read
from engine.program.schema import ProgramModel

Said = tuple[int, int, str]  # line, column, the whole sentence
_STAND_INS = {
    "program": "unnamed",
    "offers": {"unnamed": {}},
    "channels": {"unnamed": {"consent": "unnamed"}},
    "slots": {"unnamed": {}},
    "goal": {"outcomes": {"unnamed": 0}, "window": "day"},
    "arms": {"holdout": 1},
}
"""For required sections that could not be read, so that the others can be checked in the same go."""


def load(path: FilePath | str, version: int = 0) -> Program:
    """The program in a file.

    Raises:
        ProgramError: the file cannot be read, or is wrong; one line for each problem.
    """
    try:
        content = FilePath(path).read_bytes()
    except OSError as error:
        raise ProgramError(f"{path}: cannot be read ({error.strerror}); name a program file.") from None
    return loads(content, str(path), version)


def loads(text: bytes, source: str, version: int = 0) -> Program:
    """The program in the bytes of a file.

    Args:
        text: the file's bytes; their SHA-256 is the program's.
        source: where they come from, for messages.
        version: the number that decisions name the program by.

    Raises:
        ProgramError: one line for each problem, with file, line, column, field, value, rule and remedy.
    """
    program, *both = examined(text, source, version)
    said = [one for problems in both for one in problems]
    if said or program is None:
        raise ProgramError("\n".join(sentence for *_, sentence in sorted(said)))
    return program


def examined(text: bytes, source: str, version: int = 0) -> tuple[Program | None, list[Said], list[Said]]:
    """The program of a file as far as it can be read, None where that is too little; and what is wrong with
    its fields, and with its rules.
    """
    try:
        document = read(text)
    except Refused as error:
        where = f"{source} line {error.line}, column {error.column}" if error.line else source
        return None, [(error.line, error.column, f"{where}: {error}.")], []
    model, problems, lost = _validated(document)
    if model is None:
        return None, _said(problems, source), []
    program = build.program(document, model, text, source, version)
    problems += check.problems(document, model, lost)
    problems += payload.problems(document, model, {str(path[0]) for path in lost})
    return program, _said(problems, source), _rule_problems(program, lost)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a program file, for completion and help in an editor."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **ProgramModel.model_json_schema(mode="validation"),
        "title": "nextbest program",
    }


def _validated(document: Document) -> tuple[ProgramModel | None, list[words.Problem], Set[Path]]:
    """The fields that could be read, the problems of the others, and the paths of those."""
    problems, lost = words.repeated(document), set[Path]()
    values = document.values
    for _ in range(3):  # a field left out can leave its owner without what it needs
        try:
            return ProgramModel.model_validate(values), problems, lost
        except ValidationError as error:
            errors = error.errors(include_url=False)
        if values is document.values:
            problems += words.from_schema(document, errors)
        if not isinstance(values, dict):
            break
        lost |= {_readable(values, tuple(one["loc"])) or tuple(one["loc"]) for one in errors}
        values = _STAND_INS | _without(values, lost)
    return None, problems, lost


def _readable(values: Any, path: Path) -> Path:
    """As much of a path as leads through fields that are there."""
    for i, step in enumerate(path):
        if not isinstance(values, dict) or step not in values:
            return path[:i]
        values = values[step]
    return path


def _without(values: Any, lost: Set[Path], path: Path = ()) -> Any:
    """The values less the fields at the paths `lost`."""
    if not isinstance(values, dict):
        return values
    below = {step: (*path, step) for step in values}
    return {step: _without(values[step], lost, here) for step, here in below.items() if here not in lost}


def _rule_problems(program: Program, lost: Set[Path]) -> list[Said]:
    """The texts that do not fit, less those that read an attribute which could itself not be read."""
    unread = [str(path[-1]) for path in lost if path[0] in ("attributes", "predictions") and len(path) <= 2]
    if {"attributes", "predictions"} & set(unread):
        return []
    return [
        (text.line, text.column, said)
        for text, said in compiled.faults(program)
        if not any(name in text.text for name in unread)
    ]


def _said(problems: Sequence[words.Problem], source: str) -> list[Said]:
    return [(one.line, one.column, one.text(source)) for one in problems]
