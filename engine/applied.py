"""Programs in the store: a file is applied and becomes the current version; decisions load it from there."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from engine.calendar import microseconds
from engine.domain import Program
from engine.program import load, loads
from engine.store import programs


def apply(connection: Connection, path: str | Path, at: datetime) -> Program:
    """Load a program file and make it current; the same bytes keep their version.

    Raises:
        ProgramError: the file does not hold a sound program; nothing is stored.
    """
    return apply_text(connection, *read_program(path), at)


def read_program(path: str | Path) -> tuple[Program, bytes]:
    """The program of a file, and the file's bytes. Raises `ProgramError`."""
    loaded = load(path)
    return loaded, Path(path).read_bytes()


def apply_text(connection: Connection, loaded: Program, text: bytes, at: datetime) -> Program:
    """Store a program that was loaded from `text` and make it current."""
    digest = hashlib.sha256(text).hexdigest()
    version = programs.put_program(
        connection, loaded.name, text.decode(), digest, loaded.source, microseconds(at)
    )
    return replace(loaded, version=version)


def stored_program(connection: Connection, name: str, version: int | None = None) -> Program:
    """A program of the store by name: the current version unless another is given. Raises `NotFoundError`."""
    number, text, source = programs.program_text(connection, name, version)
    return loads(text.encode(), source, number)
