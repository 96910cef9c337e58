"""Erasing a person: from the learner to the bit, from the store and from older snapshots.

Decision record 021 says what is kept (the arm, under a random name) and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from secrets import token_hex

from sqlalchemy import Connection

from engine.applied import stored_program
from engine.calendar import microseconds
from engine.errors import NotFoundError
from engine.learn import issue
from engine.lesson import Learnt
from engine.lessons import Lessons
from engine.live import freeze, live
from engine.logged import of_rows
from engine.sources import moved
from engine.spare import with_usual
from engine.store import candidates, customers, erasures, merges, named, programs, snapshots
from engine.store.late import queue_by
from engine.teach import seen_of, teach
from policies.base import Additive


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What a program's policy is without a person: the body of a snapshot that replaces snapshot `base`.

    `body` is None where it cannot be taken back: the policy is not additive, or went back to an earlier
    snapshot. It has to learn afresh then.
    """

    base: int
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Erased:
    """What was deleted, which programs published a snapshot without the person, and which must learn afresh.

    `due` says how many decisions each of these has to learn again.
    """

    decisions: int
    outcomes: int
    facts: int
    snapshots: Mapping[str, int]
    due: Mapping[str, int]


def buried() -> str:
    """A new random name to keep an arm under: 128 bits that nothing leads to."""
    return f"erased:{token_hex(16)}"


def take_back(connection: Connection, customer: str) -> dict[str, TakenBack]:
    """What the policies are without a customer, by program, for those that learnt of them; writes nothing."""
    customer = merges.person_of(connection, customer)
    names = erasures.programs_of(connection, customer)
    made = {name: _taken_back(connection, name, customer) for name in names}
    return {name: one for name, one in made.items() if one is not None}


def erase(
    connection: Connection,
    customer: str,
    tombstone: str,
    at: datetime,
    prepared: Mapping[str, TakenBack] | None = None,
) -> Erased:
    """Erase a customer in the open write transaction, under every id that was merged into one person.

    Args:
        tombstone: a random name that nothing leads to; the arm is kept under it.
        prepared: what `take_back` gave; made anew for a program that published a snapshot since.

    Raises:
        NotFoundError: the store knows nothing of the customer.
    """
    if not customers.seen(connection, [customer]):
        raise NotFoundError(f"customer {customer[:40]!r} is not in the store; nothing is known of them.")
    customer = merges.person_of(connection, customer)
    at_us, published, due = microseconds(at), dict[str, int](), list[str]()
    every = [stored_program(connection, name) for name in programs.program_names(connection)]
    queue_by(connection, moved(connection, every, customer))
    for name, (count, first_us) in erasures.programs_of(connection, customer).items():
        taken = _current(connection, name, customer, (prepared or {}).get(name))
        if taken is not None and taken.body is not None:
            reason = f"took back {count} decisions of somebody who was erased"
            published[name] = issue(connection, name, taken.body, at, reason)
            snapshots.empty(connection, name, first_us, published[name])
        elif taken is not None:
            due.append(name)
        settled = None if name in due else at_us
        erasures.note(connection, name, at_us, first_us, count, settled)
        tainted = candidates.forget(connection, name, first_us) | _forget_own(connection, name, customer)
        for other, since_us in tainted.items():
            due.append(other)
            erasures.note(connection, other, at_us, since_us, count, None)
    gone = erasures.erase(connection, customer, tombstone)
    return Erased(
        *gone, published, {name: erasures.learnt_count(connection, name) for name in dict.fromkeys(due)}
    )


def _forget_own(connection: Connection, name: str, customer: str) -> dict[str, int]:
    """Drop candidates that have learnt of a customer; the program, if it serves one, and since when."""
    hashes, serving = named.hashes_of(connection, name, customer), dict[str, int]()
    for row in candidates.listed(connection, name):
        if row.lessons and Lessons.unpacked(row.lessons).among(hashes).any():
            candidates.drop(connection, name, row.name)
            if row.served_us is not None:
                serving[name] = row.served_us
    return serving


def _current(
    connection: Connection, name: str, customer: str, prepared: TakenBack | None
) -> TakenBack | None:
    if prepared is not None and prepared.base == snapshots.newest_version(connection, name):
        return prepared
    return _taken_back(connection, name, customer)


def _taken_back(connection: Connection, name: str, customer: str) -> TakenBack | None:
    """None if the program has learnt nothing of the customer."""
    rows = erasures.learnt_of(connection, name, customer)
    if not rows:
        return None
    base, current = snapshots.newest_version(connection, name), live(connection, name)
    served, learnt = snapshots.served_and_learnt(connection, name)
    if current.fallback or served != learnt or not isinstance(current.policy, Additive):
        return TakenBack(base, None)
    logged, before = of_rows(connection, current.program, rows), Learnt.of_rows(rows)
    teach(current, logged, before.reward, before.rest, -1.0)
    gone = seen_of(replace(current, seen={}), logged)
    seen = {offer: count - gone.get(offer, 0) for offer, count in current.seen.items()}
    encoding = with_usual(connection, current, without=customer)
    body = freeze(encoding, current.policy, {offer: n for offer, n in seen.items() if n})
    return TakenBack(base, body)
