"""What learning afresh begins with: nothing, or the candidate that a program once promoted.

What the candidate learnt elsewhere is not in the program's log, so it would be lost. It is kept as it was
when it was promoted, without what it had learnt of the program itself, and the log is learnt on top of it.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from sqlalchemy import Connection

from engine import context
from engine.choose import Live
from engine.errors import RefusedError
from engine.lessons import Lessons
from engine.live import thaw
from engine.store import candidates, entries, named
from engine.store.candidates import CandidateRow
from policies.base import Additive


def begun(connection: Connection, current: Live) -> tuple[Live, CandidateRow | None]:
    """A program that has learnt nothing of its log, and the candidate it begins with, None for none.

    Raises:
        RefusedError: there is one, and what it learnt cannot be kept.
    """
    name = current.program.name
    row = candidates.serving(connection, name)
    if row is None:
        return current, None
    if hashlib.sha256(row.body).hexdigest() != row.sha256:
        raise _lost(row, "it is damaged in the store")
    encoding, policy, seen = thaw(row.body)
    wanted, had = (dict(one.settings) | {"kind": one.kind} for one in (current.policy, policy))
    for setting in wanted.keys() | had.keys():
        if wanted.get(setting) != had.get(setting):
            raise _lost(row, f"policy: {setting} is {wanted.get(setting)!r} now and was {had.get(setting)!r}")
    columns = {one.name for one in context.fit(current.program, {}).features}
    if odd := sorted(columns ^ {one.name for one in encoding.features}):
        raise _lost(row, f"'{odd[0]}' is looked at by one of the program and the candidate alone")
    if not isinstance(policy, Additive) and _own(connection, row):
        raise _lost(row, f"a policy of kind '{policy.kind}' cannot part it from decisions of the program")
    return replace(current, encoding=encoding, policy=policy, seen=seen), row


def _own(connection: Connection, row: CandidateRow) -> bool:
    """Whether it has learnt decisions of the program."""
    if row.lessons is None or row.until_us is not None:
        return False
    every = named.hashes(connection, entries.since(connection, row.program, 0))
    return bool(Lessons.unpacked(row.lessons).among(every).any())


def _lost(row: CandidateRow, why: str) -> RefusedError:
    return RefusedError(
        f"program '{row.program}' began with candidate '{row.name}' ({row.source}), and what that learnt "
        f"elsewhere would be lost: {why}. Make the file as it was, or add --alone to learn the program's own "
        "log and nothing else."
    )
