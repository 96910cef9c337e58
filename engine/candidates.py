"""Candidates: snapshots that were learnt elsewhere, judged as they are, and promoted if they are better.

A candidate comes from another program of the store or from a file (`nextbest learn --save`): what was learnt
of another country, of a log that was imported into another store, or with other settings. It does not
decide, and learns nothing while it waits: what is judged is, to the byte, what would serve. It is judged by
decisions made after it was taken in alone, so never by what it has learnt from.

Once promoted it learns on: all matured decisions of the program that are not in it yet.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

import numpy as np
from sqlalchemy import Connection

from engine.applied import Signature, stored_program
from engine.calendar import microseconds
from engine.canary import check_canary
from engine.domain import PolicySpec, Program
from engine.errors import InputError, NotFoundError, nearest
from engine.learn import issue
from engine.lesson import Learnt
from engine.live import live, thaw
from engine.promote import Promotion, with_policy_applied
from engine.relearn import PROMOTED
from engine.settle import settle
from engine.store import candidates, entries, learning, programs, quarantine, snapshots, watched
from engine.store.candidates import CandidateRow
from policies.settings import PolicyError
from policies.snapshot import SnapshotError


def sealed(body: bytes) -> bytes:
    """The body of a snapshot as a file holds it: after its own SHA-256."""
    return hashlib.sha256(body).digest() + body


def read(connection: Connection, program: Program, source: str) -> tuple[bytes, str, str]:
    """The body of a snapshot, the program it was learnt for, and where it came from in words.

    Args:
        source: a file, or another program of the store, with @N for its snapshot N.

    Raises:
        InputError: it is the program itself, or a file that is not as it was written.
        NotFoundError: there is neither such a file nor such a program or snapshot.
    """
    if Path(source).is_file():
        return _opened(Path(source)), "", f"file {Path(source).name}"
    name, _, number = source.partition("@")
    known = programs.program_names(connection)
    if name not in known:
        raise NotFoundError(f"--from {source}: no such file, and no such program.{nearest(name, known)}")
    if name == program.name:
        raise InputError(
            f"--from {source}: that is the program itself; name other settings among its `shadows:`, they "
            "learn its log by themselves."
        )
    if number and not number.isdecimal():
        raise InputError(f"--from {source}: after @ comes the number of a snapshot; see learn --snapshots.")
    chosen = int(number) if number else live(connection, name).snapshot_version
    row = snapshots.snapshot(connection, name, chosen) if chosen else None
    if row is None or not row.body:
        raise NotFoundError(f"--from {source}: program '{name}' has no such snapshot; let it learn first.")
    return row.body, name, f"{name}@{chosen}"


def _opened(file: Path) -> bytes:
    held = file.read_bytes()
    if hashlib.sha256(held[32:]).digest() != held[:32]:
        raise InputError(
            f"--from {file}: no snapshot that `nextbest learn --save` wrote, or it was cut or changed since; "
            "save it again."
        )
    return held[32:]


def take_in(
    connection: Connection,
    program: Program,
    name: str,
    found: tuple[bytes, str, str],
    at: datetime,
    until: datetime | None = None,
) -> CandidateRow:
    """Take a candidate in, by a name of its own.

    Args:
        found: what `read` gave.
        until: decisions of the program made before then are in what it has learnt.

    Raises:
        InputError: the name is taken, it is no snapshot, or it looks at what the program does not know.
        RefusedError: it cannot decide for the newest customers of the log.
    """
    body, origin, source = found
    taken = {one.name for one in program.shadows} | {
        one.name for one in candidates.listed(connection, program.name)
    }
    if name in taken:
        raise InputError(f"program '{program.name}' has a shadow '{name}' already; choose another name.")
    digest = hashlib.sha256(body).hexdigest()
    own = [one.version for one in snapshots.listed(connection, program.name) if one.sha256 == digest]
    if own and until is None:
        raise InputError(
            f"{source}: that is snapshot {own[0]} of program '{program.name}' itself and would learn its log "
            "twice; say with --learnt-until which decisions are in it."
        )
    check_fits(program, body, source)
    check_canary(connection, program, body)
    until_us = None if until is None else microseconds(until)
    row = CandidateRow(program.name, name, origin, source, digest, body, microseconds(at), until_us)
    candidates.put(connection, row)
    return row


def check_fits(program: Program, body: bytes, source: str) -> None:
    """Raise `InputError` unless a body is a snapshot that looks at nothing the program does not know."""
    try:
        encoding, _, _ = thaw(body)
    except (SnapshotError, PolicyError) as error:
        raise InputError(f"{source}: {error}") from None
    known = {one.name for one in program.attributes if one.learn} | set(program.predictions)
    if strange := [one.name for one in encoding.features if one.name not in known]:
        raise InputError(
            f"{source}: it looks at '{strange[0]}', which program '{program.name}' does not know; "
            f"declare it as an attribute.{nearest(strange[0], known)}"
        )


def policy_of(row: CandidateRow) -> PolicySpec:
    """The policy that a candidate is. Raises `InputError` if its body is not what was taken in."""
    if hashlib.sha256(row.body).hexdigest() != row.sha256:
        raise InputError(f"candidate '{row.name}' of '{row.program}' is damaged; take it in anew.")
    policy = thaw(row.body)[1]
    return PolicySpec(policy.kind, dict(policy.settings))


def promote(connection: Connection, row: CandidateRow, at: datetime, by: Signature) -> Promotion:
    """Publish a candidate, and apply the program with its policy: both or none, in the open transaction.

    What the program has decided waits to be learnt on top of it, but for what it has learnt already.

    Raises:
        RefusedError: it cannot decide for the newest customers, or the program's file cannot be edited.
    """
    name, policy = row.program, policy_of(row)
    program = stored_program(connection, name)
    check_canary(connection, program, row.body)
    reason = f"{PROMOTED} candidate {row.name}: {row.source}"
    snapshot = issue(connection, name, row.body, at, reason)
    learning.unlearn_all(connection, name)
    learnt = 0 if row.until_us is None else _pass_over(connection, program, row.until_us, at)
    quarantine.clear(connection, name)
    watched.remember(connection, name, ())
    candidates.serve(connection, name, row.name, microseconds(at))
    return Promotion(with_policy_applied(connection, name, policy, at, by), snapshot, learnt)


def _pass_over(connection: Connection, program: Program, until_us: int, at: datetime) -> int:
    """Decisions made before a moment wait no more; how many there are."""
    listed = entries.matured(connection, program.name, until_us)
    never = Learnt(listed, np.full(len(listed), np.nan), np.zeros(len(listed)))
    settle(connection, program, never, learning.newest_outcome(connection), at)
    return len(listed)
