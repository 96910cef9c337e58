"""Lines of a text file, plain or gzipped, with their numbers."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import InputError


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """(number from 1, text) of every line that is not blank.

    Raises:
        InputError: the file cannot be read, or is no UTF-8.
    """
    for number, text in all_lines(path):
        if text.strip():
            yield number, text


def all_lines(path: Path) -> Iterator[tuple[int, str]]:
    """(number from 1, text) of every line, blank ones too."""
    number = 0
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rt", encoding="utf-8") if packed else path.open(encoding="utf-8") as file:
            for number, text in enumerate(file, 1):
                yield number, text.rstrip("\r\n")
    except (OSError, EOFError) as error:
        raise InputError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}).") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}, after line {number}: is no UTF-8 text; convert the file.") from error


def objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(number from 1, object) of every line of a JSON lines file.

    Raises:
        InputError: a line is no JSON object.
    """
    for number, text in lines(path):
        try:
            found = msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise InputError(
                f"{path}, line {number}: is no JSON ({error}); mend or drop the line."
            ) from error
        if not isinstance(found, dict):
            raise InputError(f"{path}, line {number}: is no JSON object; there must be one decision a line.")
        yield number, found
