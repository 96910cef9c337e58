"""The programs that are current in the store, each read from its text once."""

from __future__ import annotations

from sqlalchemy import Connection

from engine.applied import stored_program
from engine.domain import Program
from engine.store import programs


class Catalogue:
    """Current programs by name. Safe to use from several threads: at worst a program is read twice."""

    def __init__(self) -> None:
        self._read: dict[str, Program] = {}

    def current(self, connection: Connection) -> list[Program]:
        """All current programs. Raises `ProgramError` if one cannot be read any more."""
        return [self._current(connection, name) for name in programs.program_names(connection)]

    def _current(self, connection: Connection, name: str) -> Program:
        version, held = programs.current_version(connection, name), self._read.get(name)
        if held is None or held.version != version:
            held = self._read[name] = stored_program(connection, name, version)
        return held
