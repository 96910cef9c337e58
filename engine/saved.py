"""A snapshot as a file holds it, for another store: after its own SHA-256, with what it has learnt."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
from sqlalchemy import Connection

from engine.domain import Program
from engine.errors import InputError, RefusedError
from engine.lessons import Lessons, learnt
from engine.live import live
from engine.store import snapshots

_ordered = msgspec.json.Encoder(order="deterministic").encode


class Saved(msgspec.Struct, frozen=True, array_like=True, tag="snapshot"):
    """A snapshot of a program.

    Attributes:
        program, version: whose snapshot it is, and its number there; 0 if it was combined.
        terms: what rewards were counted and predicted by: a text each, by what it is.
        body: as `engine.live.freeze` made it.
        lessons: packed `Lessons`; None if nobody knows.
    """

    program: str
    version: int
    terms: dict[str, str]
    body: bytes
    lessons: bytes | None

    def learnt(self) -> Lessons | None:
        """What it has learnt; None if nobody knows."""
        return None if self.lessons is None else Lessons.unpacked(self.lessons)


def saved(connection: Connection, program: Program) -> Saved:
    """The snapshot that serves a program.

    Raises:
        RefusedError: nothing is published.
    """
    version = live(connection, program.name).snapshot_version
    row = snapshots.snapshot(connection, program.name, version) if version else None
    if row is None:
        raise RefusedError(f"program '{program.name}': nothing is published yet; let it learn first.")
    newest = version == snapshots.newest_version(connection, program.name)
    lessons = learnt(connection, program.name) if newest else None
    return Saved(
        program.name, version, terms_of(program), row.body, None if lessons is None else lessons.packed()
    )


def terms_of(program: Program) -> dict[str, str]:
    """What a program counts rewards by, and what it predicts them from."""
    goal = (program.goal.outcomes, program.goal.window)
    return {"goal": _ordered(goal).decode(), "predictions": _ordered(program.predictions).decode()}


def seal(given: Saved) -> bytes:
    """The bytes of a file."""
    held = msgspec.msgpack.encode(given)
    return hashlib.sha256(held).digest() + held


def opened(file: Path, option: str = "--from") -> Saved:
    """What a file holds. Raises `InputError` if it is not as it was written."""
    held = file.read_bytes()
    if hashlib.sha256(held[32:]).digest() == held[:32]:
        try:
            return msgspec.msgpack.decode(held[32:], type=Saved)
        except msgspec.MsgspecError:
            pass  # something else, with its own hash before it
    raise InputError(
        f"{option} {file}: no snapshot that `nextbest learn --save` wrote, or it was cut or changed since; "
        "save it again."
    )
