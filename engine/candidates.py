"""Candidates: snapshots that were learnt elsewhere, judged as they are, and promoted if they are better.

A candidate comes from another program of the store or from a file (`nextbest learn --save`): what was learnt
of another country, of a log that was imported into another store, or with other settings. It does not
decide, and learns nothing while it waits: what is judged is, to the byte, what would serve. It is judged by
decisions made after it was taken in alone, so never by what it has learnt from.

Once promoted it learns on: all matured decisions of the program that are not in it yet. Which are is known of
snapshots that were saved with their lessons; of others it can be said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from sqlalchemy import Connection

from engine.applied import Signature, stored_program
from engine.calendar import microseconds
from engine.canary import check_canary
from engine.domain import PolicySpec, Program
from engine.errors import InputError, NotFoundError, RefusedError, nearest
from engine.learn import issue
from engine.lesson import Learnt
from engine.lessons import Lessons, learnt
from engine.live import freeze, live, thaw
from engine.logged import pieces
from engine.promote import Promotion, with_policy_applied
from engine.relearn import PROMOTED
from engine.saved import opened
from engine.settle import settle
from engine.store import candidates, entries, learning, named, programs, quarantine, snapshots, watched
from engine.store.candidates import CandidateRow
from engine.teach import seen_of, teach
from policies.base import Additive, FeedbackError
from policies.make import changed_settings
from policies.settings import PolicyError
from policies.snapshot import SnapshotError

_EVER, _NO_OUTCOME = 2**62, 0  # later than all decisions; learnt again if any outcome belongs to them


@dataclass(frozen=True, slots=True)
class Found:
    """A snapshot that was learnt elsewhere.

    Attributes:
        origin: the program it was learnt for, where that is of this store, else "".
        source: where it came from, in words.
        lessons: packed; None if nobody knows.
    """

    body: bytes
    origin: str
    source: str
    lessons: bytes | None


def read(connection: Connection, program: Program, source: str) -> Found:
    """The snapshot that was meant.

    Args:
        source: a file, or another program of the store, with @N for its snapshot N.

    Raises:
        InputError: it is the program itself, or a file that is not as it was written.
        NotFoundError: there is neither such a file nor such a program or snapshot.
    """
    if Path(source).is_file():
        held = opened(Path(source))
        return Found(held.body, "", f"file {Path(source).name}", held.lessons)
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
    lessons = learnt(connection, name) if chosen == snapshots.newest_version(connection, name) else None
    return Found(row.body, name, f"{name}@{chosen}", None if lessons is None else lessons.packed())


def take_in(
    connection: Connection,
    program: Program,
    name: str,
    found: Found,
    at: datetime,
    until: datetime | None = None,
) -> CandidateRow:
    """Take a candidate in, by a name of its own.

    Args:
        found: what `read` gave.
        until: decisions of the program made before then are in what it has learnt, known or not.

    Raises:
        InputError: the name is taken, it is no snapshot, or it looks at what the program does not know.
        RefusedError: it cannot decide for the newest customers of the log.
    """
    taken = {one.name for one in program.shadows} | {
        one.name for one in candidates.listed(connection, program.name)
    }
    if name in taken:
        raise InputError(f"program '{program.name}' has a shadow '{name}' already; choose another name.")
    digest = hashlib.sha256(found.body).hexdigest()
    own = [one.version for one in snapshots.listed(connection, program.name) if one.sha256 == digest]
    if own and until is None and found.lessons is None:
        raise InputError(
            f"{found.source}: that is snapshot {own[0]} of program '{program.name}' itself and would learn "
            "its log twice; say with --learnt-until which decisions are in it."
        )
    check_fits(program, found.body, found.source)
    check_canary(connection, program, found.body)
    until_us = None if until is None else microseconds(until)
    came = (found.origin, found.source, digest, found.body, microseconds(at), until_us, None, found.lessons)
    row = CandidateRow(program.name, name, *came)
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
    return PolicySpec(policy.kind, changed_settings(policy))


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
    own = _own(connection, row)
    before = own.listed.at_us < (row.until_us or 0)
    settle(connection, program, own.only(before | ~np.isnan(own.reward)), _NO_OUTCOME, at)
    quarantine.clear(connection, name)
    watched.remember(connection, name, ())
    candidates.serve(connection, _parted(connection, row, own), microseconds(at))
    learnt_of = int((before | ~np.isnan(own.reward)).sum())
    return Promotion(with_policy_applied(connection, name, policy, at, by), snapshot, learnt_of)


def _own(connection: Connection, row: CandidateRow) -> Learnt:
    """The program's own decisions with what the candidate has learnt of each, NaN for nothing."""
    listed = entries.matured(connection, row.program, _EVER)
    known = Lessons.unpacked(row.lessons) if row.lessons else Lessons.none()
    return Learnt(listed, *known.of_decisions(named.hashes(connection, listed)))


def _parted(connection: Connection, row: CandidateRow, own: Learnt) -> CandidateRow:
    """The candidate without what it has learnt of the program itself, where it can be taken back."""
    known = own.only(~np.isnan(own.reward))
    encoding, policy, seen = thaw(row.body)
    if not len(known) or not row.lessons or not isinstance(policy, Additive):
        return row
    current = replace(live(connection, row.program, snapshot=0), encoding=encoding, policy=policy)
    gone: Mapping[str, int] = {}
    try:
        for some, logged in pieces(connection, current.program, known.listed):
            teach(current, logged, known.reward[some], known.rest[some], -1.0)
            gone = seen_of(replace(current, seen=gone), logged)
        left = {offer: n - gone.get(offer, 0) for offer, n in seen.items() if n > gone.get(offer, 0)}
        body, lessons = freeze(encoding, policy, left), Lessons.unpacked(row.lessons)
    except (FeedbackError, PolicyError) as error:
        raise RefusedError(
            f"candidate '{row.name}' says it has learnt decisions of program '{row.program}', but not as "
            f"they stand in its log ({error}); save it again, and take that in."
        ) from None
    foreign = lessons.only(~lessons.among(named.hashes(connection, known.listed)))
    return replace(row, body=body, sha256=hashlib.sha256(body).hexdigest(), lessons=foreign.packed())
