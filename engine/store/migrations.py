"""The store's schema, step by step. A step once released is never changed; a new one is added at the end.

All missing steps run in one transaction, so a store is at one version or another and never between.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from engine.errors import StoreError

Step = tuple[str, ...]

APPLICATION = 0x6E626573  # "nbes": marks a SQLite file as a store of nextbest

_FIRST: Step = (
    f"PRAGMA application_id = {APPLICATION}",
    """CREATE TABLE program (
        name TEXT NOT NULL, version INTEGER NOT NULL, sha256 TEXT NOT NULL, text TEXT NOT NULL,
        source TEXT NOT NULL, applied_us INTEGER NOT NULL, applied_seq INTEGER NOT NULL,
        PRIMARY KEY (name, version), UNIQUE (name, sha256)) STRICT""",
    """CREATE TABLE customer (
        id TEXT NOT NULL PRIMARY KEY, attributes BLOB NOT NULL, consent BLOB NOT NULL, zone TEXT,
        updated_us INTEGER NOT NULL) STRICT""",
    "CREATE TABLE model (name TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID",
    """CREATE TABLE prediction (
        customer TEXT NOT NULL, model TEXT NOT NULL, version TEXT NOT NULL, score REAL NOT NULL,
        as_of_us INTEGER NOT NULL, received_us INTEGER NOT NULL,
        PRIMARY KEY (customer, model, as_of_us)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE assignment (
        program TEXT NOT NULL, customer TEXT NOT NULL, arm TEXT NOT NULL, salt TEXT NOT NULL,
        hash INTEGER NOT NULL, assigned_us INTEGER NOT NULL,
        PRIMARY KEY (program, customer)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE decision (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, program TEXT NOT NULL,
        key TEXT NOT NULL, program_version INTEGER NOT NULL, snapshot_version INTEGER, customer TEXT NOT NULL,
        at_us INTEGER NOT NULL, arm TEXT NOT NULL, action INTEGER NOT NULL, action_name TEXT NOT NULL,
        offer TEXT NOT NULL, channel TEXT NOT NULL, slot TEXT NOT NULL, send_at_us INTEGER,
        contact INTEGER NOT NULL, propensity REAL NOT NULL CHECK (propensity > 0 AND propensity <= 1),
        explored INTEGER NOT NULL, fallback TEXT, withheld TEXT, value REAL, request_sha BLOB NOT NULL,
        situation BLOB NOT NULL, feasible BLOB NOT NULL, created_us INTEGER NOT NULL,
        UNIQUE (program, key)) STRICT""",
    """CREATE INDEX decision_customer
        ON decision (customer, at_us, contact, send_at_us, program, offer, channel)""",
    "CREATE INDEX decision_program ON decision (program, seq)",
    """CREATE TABLE outcome (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL UNIQUE, decision TEXT,
        customer TEXT NOT NULL, kind TEXT NOT NULL, value REAL NOT NULL, at_us INTEGER NOT NULL,
        received_us INTEGER NOT NULL) STRICT""",
    "CREATE INDEX outcome_customer ON outcome (customer, at_us)",
    """CREATE TABLE snapshot (
        program TEXT NOT NULL, version INTEGER NOT NULL, sha256 TEXT NOT NULL, body BLOB NOT NULL,
        created_us INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (program, version)) STRICT""",
    """CREATE TABLE pending (
        program TEXT NOT NULL, at_us INTEGER NOT NULL, decision INTEGER NOT NULL,
        PRIMARY KEY (program, at_us, decision)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE learnt (
        decision INTEGER PRIMARY KEY, reward REAL NOT NULL, learnt_us INTEGER NOT NULL,
        until_us INTEGER NOT NULL, seen INTEGER NOT NULL) STRICT""",
    """CREATE TABLE late (
        program TEXT NOT NULL, decision INTEGER NOT NULL,
        PRIMARY KEY (program, decision)) STRICT, WITHOUT ROWID""",
)

_MODEL_VERSIONS: Step = (
    """CREATE TABLE modelversion (
        model TEXT NOT NULL, version TEXT NOT NULL, first_as_of_us INTEGER NOT NULL,
        last_as_of_us INTEGER NOT NULL, n INTEGER NOT NULL, mean REAL NOT NULL, squares REAL NOT NULL,
        least REAL NOT NULL, most REAL NOT NULL, counts BLOB NOT NULL, horizon_us INTEGER,
        target TEXT NOT NULL, probability INTEGER NOT NULL, sha256 TEXT NOT NULL,
        received_us INTEGER NOT NULL, PRIMARY KEY (model, version)) STRICT""",
    """INSERT INTO modelversion (model, version, first_as_of_us, last_as_of_us, n, mean, squares, least, most,
            counts, target, probability, sha256, received_us)
        SELECT model, version, min(as_of_us), max(as_of_us), count(*), avg(score),
            max(0.0, sum(score * score) - count(*) * avg(score) * avg(score)), min(score), max(score),
            x'', '', 0, '', min(received_us)
        FROM prediction GROUP BY model, version""",
)

_WITHDRAWN: Step = ("CREATE TABLE withdrawn (decision INTEGER PRIMARY KEY) STRICT",)

_LEDGER: Step = (
    """CREATE TABLE ledger (
        program TEXT NOT NULL, budget TEXT NOT NULL, start_us INTEGER NOT NULL, quota INTEGER NOT NULL,
        used INTEGER NOT NULL, reserved INTEGER NOT NULL, price REAL NOT NULL, seen REAL NOT NULL,
        wanted BLOB NOT NULL, extra REAL NOT NULL, count REAL NOT NULL, since_us INTEGER,
        paced_us INTEGER NOT NULL,
        PRIMARY KEY (program, start_us, budget)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE draw (
        decision INTEGER NOT NULL, budget TEXT NOT NULL, program TEXT NOT NULL, start_us INTEGER NOT NULL,
        amount INTEGER NOT NULL, settled_by TEXT NOT NULL, state TEXT NOT NULL, until_us INTEGER,
        PRIMARY KEY (decision, budget)) STRICT, WITHOUT ROWID""",
    "CREATE INDEX draw_until ON draw (program, until_us) WHERE until_us IS NOT NULL",
)

_BLOCKS: Step = ("CREATE TABLE block (number INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT",)

_AUDIT: Step = (
    """CREATE TABLE audit (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, at_us INTEGER NOT NULL, who TEXT NOT NULL, how TEXT NOT NULL,
        program TEXT NOT NULL, version_before INTEGER, version_after INTEGER NOT NULL, sha256_before TEXT,
        sha256_after TEXT NOT NULL, changes TEXT NOT NULL, note TEXT NOT NULL) STRICT""",
    "CREATE INDEX audit_program ON audit (program, seq)",
    """CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit is only added to'); END""",
    """CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit is only added to'); END""",
    """CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
        WHEN NEW.seq IN (SELECT seq FROM audit)
        BEGIN SELECT RAISE(ABORT, 'the audit is only added to'); END""",
)

_COPIES: Step = ("ALTER TABLE snapshot ADD COLUMN copy_of INTEGER",)

_ERASURES: Step = (
    """CREATE TABLE erasure (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, program TEXT NOT NULL, at_us INTEGER NOT NULL,
        first_us INTEGER NOT NULL, decisions INTEGER NOT NULL, settled_us INTEGER) STRICT""",
    "CREATE INDEX erasure_program ON erasure (program, seq)",
)

_QUARANTINE: Step = (
    """CREATE TABLE quarantine (
        program TEXT NOT NULL, decision INTEGER NOT NULL, reason TEXT NOT NULL, at_us INTEGER NOT NULL,
        PRIMARY KEY (program, decision)) STRICT, WITHOUT ROWID""",
)

_LOTS: Step = (
    """CREATE TABLE everywhere (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, share REAL NOT NULL, salt TEXT NOT NULL,
        at_us INTEGER NOT NULL, who TEXT NOT NULL) STRICT""",
    """CREATE TABLE lot (
        unit TEXT NOT NULL, name TEXT NOT NULL, drawn TEXT NOT NULL, hash INTEGER NOT NULL,
        drawn_us INTEGER NOT NULL, PRIMARY KEY (unit, name)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE member (
        program TEXT NOT NULL, customer TEXT NOT NULL, unit TEXT NOT NULL,
        PRIMARY KEY (program, customer)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE stake (
        layer TEXT NOT NULL, low INTEGER NOT NULL, last INTEGER NOT NULL, program TEXT NOT NULL,
        PRIMARY KEY (layer, low)) STRICT, WITHOUT ROWID""",
)

_MERGES: Step = (
    """CREATE TABLE merge (
        customer TEXT NOT NULL PRIMARY KEY, person TEXT NOT NULL, at_us INTEGER NOT NULL,
        how TEXT NOT NULL) STRICT, WITHOUT ROWID""",
    "CREATE INDEX ix_merge_person ON merge (person)",
    """CREATE TABLE contaminated (
        program TEXT NOT NULL, customer TEXT NOT NULL, arm TEXT NOT NULL, arms TEXT NOT NULL,
        at_us INTEGER NOT NULL, PRIMARY KEY (program, customer)) STRICT, WITHOUT ROWID""",
)

_FOLDS: Step = (
    """CREATE TABLE fold (
        number INTEGER PRIMARY KEY, program TEXT NOT NULL, name TEXT NOT NULL, first INTEGER NOT NULL,
        n INTEGER NOT NULL, header BLOB NOT NULL, customers BLOB NOT NULL, ids BLOB NOT NULL) STRICT""",
)

_WATCHED: Step = (
    """CREATE TABLE watched (
        program TEXT NOT NULL, number INTEGER NOT NULL, first_us INTEGER NOT NULL, last_us INTEGER NOT NULL,
        sums BLOB NOT NULL, PRIMARY KEY (program, number)) STRICT, WITHOUT ROWID""",
)

_SOURCES: Step = (
    "ALTER TABLE outcome ADD COLUMN source TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX outcome_source ON outcome (source, received_us)",
)

_CANDIDATES: Step = (
    """CREATE TABLE candidate (
        program TEXT NOT NULL, name TEXT NOT NULL, origin TEXT NOT NULL, source TEXT NOT NULL,
        sha256 TEXT NOT NULL, body BLOB NOT NULL, taken_us INTEGER NOT NULL, until_us INTEGER,
        served_us INTEGER, PRIMARY KEY (program, name)) STRICT""",
)

_SIGNS: Step = ("ALTER TABLE learnt ADD COLUMN rest REAL NOT NULL DEFAULT 0",)

_TAUGHT: Step = (
    """CREATE TABLE taught (
        number INTEGER PRIMARY KEY, learnt_us INTEGER NOT NULL, until_us INTEGER NOT NULL,
        seen INTEGER NOT NULL, reward BLOB NOT NULL, rest BLOB NOT NULL) STRICT""",
)

_LESSONS: Step = ("ALTER TABLE candidate ADD COLUMN lessons BLOB",)

_KINDS: Step = ("CREATE INDEX outcome_kind ON outcome (customer, kind, at_us)",)

STEPS: tuple[Step, ...] = (
    _FIRST,
    _MODEL_VERSIONS,
    _WITHDRAWN,
    _LEDGER,
    _BLOCKS,
    _AUDIT,
    _COPIES,
    _ERASURES,
    _QUARANTINE,
    _LOTS,
    _MERGES,
    _FOLDS,
    _WATCHED,
    _SOURCES,
    _CANDIDATES,
    _SIGNS,
    _TAUGHT,
    _LESSONS,
    _KINDS,
)


def migrate(connection: Connection, source: str, steps: Sequence[Step] = STEPS) -> int:
    """Bring the store to the newest version, inside the caller's write transaction.

    Args:
        connection: in a write transaction.
        source: the store's name, for messages.
        steps: all steps from an empty file on; the version is their number.

    Returns:
        The version it had before.

    Raises:
        StoreError: it is newer than these steps, or is not a store of nextbest.
    """
    version = _pragma(connection, "user_version")
    _check_ours(connection, source, version)
    if version > len(steps):
        raise StoreError(
            f"{source}: the store has schema version {version}, this nextbest knows versions up to "
            f"{len(steps)}. Use the newer nextbest that wrote it, or another store."
        )
    for step in steps[version:]:
        for statement in step:
            connection.exec_driver_sql(statement)
    if version < len(steps):
        connection.exec_driver_sql(f"PRAGMA user_version = {len(steps)}")
    return version


def _check_ours(connection: Connection, source: str, version: int) -> None:
    """Refuse a database that something else made."""
    found = _pragma(connection, "application_id")
    empty = version == 0 and _count(connection) == 0
    if found != APPLICATION and not (empty and found == 0):
        raise StoreError(f"{source}: this SQLite file is not a store of nextbest. Name another file.")


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())


def _count(connection: Connection) -> int:
    return int(connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one())
