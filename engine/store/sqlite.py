"""What is SQLite's alone: connections and their settings, sets of ids, upserts, its errors in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from pysqlite3 import dbapi2
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    QueuePool,
    Table,
    TableValuedAlias,
    bindparam,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy.dialects.sqlite import Insert, dialect, insert
from sqlalchemy.exc import DBAPIError

from engine.errors import BusyError, StoreError

DIALECT = dialect()
OLDEST = (3, 51, 3)  # every earlier SQLite can lose commits in WAL mode with two connections
BUSY_MS = 10_000  # how long a writer waits for another process
_SETTINGS = (
    f"PRAGMA busy_timeout = {BUSY_MS}",
    "PRAGMA synchronous = FULL",
    "PRAGMA cache_size = -65536",
    "PRAGMA wal_autocheckpoint = 4000",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA temp_store = MEMORY",
)

# Without an adapter the driver finds by an error, raised and caught, that such a value needs none: 1 us each.
dbapi2.register_adapter(bytes, bytes.__bytes__)
dbapi2.register_adapter(bool, {False: 0, True: 1}.__getitem__)
dbapi2.register_adapter(type(None), {None: None}.__getitem__)


def check_version(version: tuple[int, ...]) -> None:
    """Raise `StoreError` if this SQLite can lose commits."""
    if version < OLDEST:
        raise StoreError(
            f"SQLite {'.'.join(map(str, version))} can lose commits, must be "
            f"{'.'.join(map(str, OLDEST))} or newer. Install pysqlite3 0.6 or newer."
        )


def engine(path: Path, begin: str, settings: Sequence[str] = ()) -> Engine:
    """Pooled connections to the store at `path` whose transactions start with the statement `begin`."""

    def connect() -> Any:
        connection = dbapi2.connect(str(path), isolation_level=None, check_same_thread=False)
        try:
            _prepare(connection, path, settings)
        except BaseException:
            connection.close()
            raise
        return connection

    made = create_engine(
        "sqlite://", module=dbapi2, creator=connect, poolclass=QueuePool, pool_size=4, max_overflow=-1
    )
    event.listen(made, "begin", lambda connection: connection.connection.cursor().execute(begin))
    return made


def _prepare(connection: Any, path: Path, settings: Sequence[str]) -> None:
    for statement in (*_SETTINGS, *settings):
        connection.execute(statement)
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise StoreError(
            f"{path}: the file system gives no write-ahead log (journal mode is '{mode}', must be 'wal'). "
            "Put the store on a local disk."
        )


def begin_at_once(connection: Connection) -> bool:
    """Begin a write transaction unless another process is writing; False if one is.

    The connection must not wait for others (`wait_for_others`).
    """
    try:
        connection.begin()
    except (DBAPIError, dbapi2.OperationalError) as error:
        if "locked" not in str(error):
            raise
        return False
    return True


def wait_for_others(connection: Connection, milliseconds: int) -> None:
    """How long beginning to write waits for another process from now on."""
    connection.connection.cursor().execute(f"PRAGMA busy_timeout = {milliseconds}")


def in_words(path: Path, error: DBAPIError | dbapi2.Error) -> StoreError:
    """The error as a sentence a person can act on."""
    cause = str(error.orig if isinstance(error, DBAPIError) else error)
    kind = BusyError if "locked" in cause else StoreError
    return kind(f"{path}: {cause}.{_remedy(cause)} Nothing was written.")


def _remedy(cause: str) -> str:
    remedies = {
        "locked": f" Another process has been writing for {BUSY_MS // 1000} s: end it or wait.",
        "full": " Free some disk space.",
        "not a database": " Name another file.",
        "malformed": " The file is damaged: restore it from a copy.",
        "unable to open": " Create the folder, or name a path you may write to.",
        "readonly": " Name a path you may write to.",
    }
    return next((remedy for word, remedy in remedies.items() if word in cause), "")


def wanted() -> TableValuedAlias:
    """Any number of ids, given as the one parameter `wanted` (see `ids`): a table with the column `value`."""
    return func.json_each(bindparam("wanted")).table_valued("value", name="wanted")


def among(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """The column is among any number of ids, given as the one parameter `wanted` (see `ids`)."""
    return column.in_(select(wanted().c.value))


def ids(values: Iterable[str] | Iterable[int]) -> str:
    """The parameter `wanted`."""
    return msgspec.json.encode(list(values)).decode()


def insert_new(table: Table) -> Insert:
    """Insert that leaves a row alone that is already there."""
    return insert(table).on_conflict_do_nothing()


def upsert(table: Table) -> Insert:
    """Insert that replaces all but the key of a row that is already there."""
    keys = [one.name for one in table.primary_key]
    statement = insert(table)
    rest = {one.name: statement.excluded[one.name] for one in table.columns if one.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=rest)
