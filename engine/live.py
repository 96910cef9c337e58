"""A program made ready to decide.

Its newest version, its newest sound snapshot, and the ladder below them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec
import structlog
from sqlalchemy import Connection

from engine import context
from engine.applied import stored_program
from engine.choose import Live
from engine.context import Encoding
from engine.domain import PolicySpec, Program
from engine.errors import StoreError
from engine.screen import screen
from engine.store import programs, snapshots
from engine.store.unchanged import unchanged
from policies.make import make
from policies.snapshot import SnapshotError, pack, unpack
from policies.state import Kept

log = structlog.get_logger()
LAST_GOOD, PRIORITY_LIST = "last good snapshot", "priority list"  # the rungs below the newest snapshot
WHY_FALLEN = {
    LAST_GOOD: "the newest snapshot is damaged, the last good one serves",
    PRIORITY_LIST: "no snapshot of what was learnt is sound, the priority list serves",
}
NOTHING = "no_action"  # the last one: nothing is sent, whatever can or cannot be decided


class Learnt(msgspec.Struct, frozen=True, array_like=True):
    """The body of a snapshot.

    How contexts were encoded, the policy's own packed state, and how many decisions of each offer it learnt.
    """

    encoding: Encoding
    policy: bytes
    seen: dict[str, int] = {}


class _Read(msgspec.Struct, frozen=True, array_like=True):
    """A `Learnt` as it is read: the policy's state is not copied out of the body."""

    encoding: Encoding
    policy: memoryview
    seen: dict[str, int] = {}


def freeze(encoding: Encoding, policy: Kept, seen: Mapping[str, int]) -> bytes:
    """The snapshot body of a policy, the encoding it has learnt under, and its decisions by offer."""
    return msgspec.msgpack.encode(Learnt(encoding, pack(policy), dict(sorted(seen.items()))))


def thaw(body: bytes) -> tuple[Encoding, Kept, Mapping[str, int]]:
    """What `freeze` was given. Raises `SnapshotError` if the body is not what was written."""
    try:
        learnt = msgspec.msgpack.decode(body, type=_Read)
    except msgspec.MsgspecError as error:
        raise SnapshotError(f"the snapshot's envelope is damaged: {error}") from error
    return learnt.encoding, unpack(learnt.policy), learnt.seen


def built(spec: PolicySpec, loaded: Program) -> Kept:
    """A fresh policy of a program.

    A priority list without its own priorities goes by the offers' priority.
    """
    settings = dict(spec.settings)
    if spec.kind == "priority" and "priorities" not in settings:
        order = {offer.name: offer.priority for offer in loaded.offers}
        settings["priorities"] = {a.name: order[a.offer] for a in loaded.actions if a.offer}
    return make(spec.kind, settings)


def live(
    connection: Connection,
    name: str,
    version: int | None = None,
    snapshot: int | None = None,
    fallback: str | None = None,
) -> Live:
    """The program ready to decide; given version, snapshot and rung of the ladder, exactly as it was then."""
    loaded = stored_program(connection, name, version)
    if fallback == PRIORITY_LIST:
        return _priority_list(loaded)
    if snapshot is not None:
        return _with(
            loaded,
            *_exactly(connection, loaded, snapshot),
            snapshot,
            LAST_GOOD if fallback == LAST_GOOD else "",
        )
    return _newest_sound(connection, loaded)


def _newest_sound(connection: Connection, loaded: Program) -> Live:
    """The ladder: newest snapshot, last good snapshot, priority list.

    Each rung below the first is flagged.
    """
    numbers = sorted(snapshots.snapshot_versions(connection, loaded.name), reverse=True)
    for number in numbers:
        try:
            learnt = _exactly(connection, loaded, number)
        except (SnapshotError, StoreError) as error:
            log.error("snapshot refused, taking the one before it", program=loaded.name, why=str(error))
        else:
            return _with(loaded, *learnt, number, "" if number == numbers[0] else LAST_GOOD)
    return _priority_list(loaded) if numbers else _with(loaded, *_exactly(connection, loaded, 0), 0)


def _priority_list(loaded: Program) -> Live:
    return _with(loaded, context.fit(loaded, {}), built(PolicySpec("priority"), loaded), {}, 0, PRIORITY_LIST)


def _exactly(
    connection: Connection, loaded: Program, number: int
) -> tuple[Encoding, Kept, Mapping[str, int]]:
    if number == 0:
        return context.fit(loaded, {}), built(loaded.policy, loaded), {}
    row = snapshots.snapshot(connection, loaded.name, number)
    if row is None:
        raise StoreError(f"snapshot {number} of program '{loaded.name}' is not in the store.")
    if not row.body:
        raise SnapshotError(
            f"snapshot {number} of program '{loaded.name}' is empty: somebody in it was erased."
        )
    if hashlib.sha256(row.body).hexdigest() != row.sha256:
        raise SnapshotError(f"snapshot {number} of program '{loaded.name}' is damaged (its SHA-256 differs).")
    return thaw(row.body)


def _with(
    loaded: Program,
    encoding: Encoding,
    policy: Kept,
    seen: Mapping[str, int],
    number: int,
    fallback: str = "",
) -> Live:
    bau = built(loaded.bau, loaded)
    return Live(loaded, loaded.action_set(), screen(loaded), encoding, policy, bau, number, fallback, seen)


def edited(connection: Connection, held: Live) -> Live:
    """The current version of a program with what the held one has learnt: quick, as no snapshot is read."""
    if not held.snapshot_version:
        return live(connection, held.program.name)
    loaded = stored_program(connection, held.program.name)
    return _with(loaded, held.encoding, held.policy, held.seen, held.snapshot_version, held.fallback)


class Lives:
    """Programs ready to decide, loaded again when another version or a newer snapshot is current."""

    def __init__(self) -> None:
        self._loaded: dict[str, tuple[tuple[int, int], Live]] = {}

    def get(self, connection: Connection, name: str) -> Live:
        """The program as it stands in the open transaction. Raises `NotFoundError`."""
        stands, held = newest(connection, name), self._loaded.get(name)
        if held is None or held[0] != stands:
            held = (stands, live(connection, name))
            self._loaded[name] = held
        return held[1]


def newest(connection: Connection, name: str) -> tuple[int, int]:
    """The current version of a program and the number of its newest snapshot; 0 where there is none."""

    def read() -> tuple[int, int]:
        return programs.current_version(connection, name), snapshots.newest_version(connection, name)

    return unchanged(connection, ("newest", name), read)
