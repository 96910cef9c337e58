"""Programs in the store: a file is applied and becomes the current version; decisions load it from there.

Whatever makes another version current goes through `apply_text`, and so leaves its line in the audit.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from sqlalchemy import Connection

from engine import layers
from engine.calendar import microseconds
from engine.domain import Program
from engine.errors import NotFoundError, ProgramError
from engine.plan.diff import diff
from engine.program import load, loads
from engine.store import programs
from engine.store.audit import AuditRow, append_audit


@dataclass(frozen=True, slots=True)
class Signature:
    """Who applies a program, by which means, why, and when by the clock (None: at the moment given)."""

    who: str
    how: str = "apply"
    note: str = ""
    at: datetime | None = None


UNSIGNED = Signature("nobody named")


def apply(connection: Connection, path: str | Path, at: datetime, by: Signature = UNSIGNED) -> Program:
    """Load a program file and make it current; the same bytes keep their version.

    Raises:
        ProgramError: the file does not hold a sound program; nothing is stored.
    """
    return apply_text(connection, *read_program(path), at, by)


def read_program(path: str | Path) -> tuple[Program, bytes]:
    """The program of a file, and the file's bytes. Raises `ProgramError`."""
    loaded = load(path)
    return loaded, Path(path).read_bytes()


def apply_text(
    connection: Connection, loaded: Program, text: bytes, at: datetime, by: Signature = UNSIGNED
) -> Program:
    """Store a program that was loaded from `text` and make it current, with a line in the audit.

    Nothing is written if it is current already.

    Raises:
        RefusedError: the layer it names has not the share left that it asks for.
    """
    digest, before = hashlib.sha256(text).hexdigest(), programs.current_version(connection, loaded.name)
    sha256 = programs.program_sha256(connection, loaded.name, before)
    if sha256 == digest:
        return replace(loaded, version=before)
    changes = _changes(connection, loaded, before)
    layers.allot(connection, loaded)
    version = programs.put_program(
        connection, loaded.name, text.decode(), digest, loaded.source, microseconds(at)
    )
    at_us, note = microseconds(by.at or at), by.note
    line = AuditRow(
        at_us, by.who, by.how, loaded.name, before or None, version, sha256, digest, changes, note
    )
    append_audit(connection, line)
    return replace(loaded, version=version)


def version_text(connection: Connection, name: str, version: int | None) -> tuple[Program, bytes]:
    """An earlier version, to be applied again: the one before the current one unless another is named.

    Raises:
        NotFoundError: there is no such program or version, or none before the current one.
        ProgramError: the version cannot be read any more.
    """
    known = programs.versions(connection, name)
    if version is None and len(known) == 1:
        raise NotFoundError(f"program '{name}' has one version only; there is nothing to go back to.")
    wanted = known[1].version if version is None and known else version
    number, text, source = programs.program_text(connection, name, wanted)
    return _parsed(text, source, number), text.encode()


def stored_program(connection: Connection, name: str, version: int | None = None) -> Program:
    """A program of the store by name: the current version unless another is given. Raises `NotFoundError`."""
    number, text, source = programs.program_text(connection, name, version)
    return _parsed(text, source, number)


@lru_cache(maxsize=8)
def _parsed(text: str, source: str, number: int) -> Program:
    """Reading a file takes longer than a live decision may wait; the last few are kept."""
    return loads(text.encode(), source, number)


def live_program(connection: Connection, name: str) -> Program | None:
    """The current version of a program, None if the store has none of that name."""
    current = programs.current_version(connection, name)
    return stored_program(connection, name, current) if current else None


def _changes(connection: Connection, new: Program, before: int) -> str:
    """What a program changes against the version that is current, one change a line."""
    if not before:
        return "new program"
    try:
        found = diff(stored_program(connection, new.name, before), new)
    except ProgramError as error:
        return f"version {before} cannot be read any more, so nothing is compared: {error}"
    return "\n".join(map(str, found)) or "nothing but the text of the file"
