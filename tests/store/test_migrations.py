from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pysqlite3 import dbapi2
from sqlalchemy import Connection, UniqueConstraint
from sqlmodel import SQLModel

from engine.errors import StoreError
from engine.store import Store, open_store
from engine.store.assignments import assignments
from engine.store.customers import customers
from engine.store.decisions import decisions_iter
from engine.store.learning import changed
from engine.store.migrations import STEPS, migrate
from engine.store.outcomes import outcomes_iter
from engine.store.predictions import predictions
from engine.store.programs import program_text
from engine.store.snapshots import snapshot
from engine.store.sqlite import DIALECT
from engine.store.tables import table
from tests.store.made import due

FIXTURE = Path(__file__).parents[1] / "fixtures" / "store_v1.sql"
TYPES = {
    "BOOLEAN": "INTEGER",
    "INTEGER": "INTEGER",
    "BIGINT": "INTEGER",
    "FLOAT": "REAL",
    "BLOB": "BLOB",
    "VARCHAR": "TEXT",
}
TABLES = sorted(SQLModel.metadata.tables)


def version_one(path: Path) -> Path:
    connection = dbapi2.connect(str(path))
    connection.executescript(FIXTURE.read_text())
    connection.close()
    return path


def schema(path: Path) -> list[tuple[str, ...]]:
    connection = dbapi2.connect(str(path))
    found = connection.execute("SELECT name, coalesce(sql, '') FROM sqlite_master ORDER BY name").fetchall()
    version = connection.execute("PRAGMA user_version").fetchone()
    connection.close()
    return [*((name, " ".join(sql.split())) for name, sql in found), version]


@pytest.mark.parametrize("name", TABLES)
def test_the_migrations_build_the_columns_that_the_tables_declare(store: Store, name: str) -> None:
    with store.read() as c:
        built = c.exec_driver_sql(
            f"SELECT name, type, \"notnull\" OR pk, pk FROM pragma_table_info('{name}')"
        )
        found = {(column, type_, bool(needed), pk > 0) for column, type_, needed, pk in built.fetchall()}
    declared = {
        (
            column.name,
            TYPES[column.type.compile(DIALECT)],
            not column.nullable,
            column.primary_key,
        )
        for column in table(name).columns
    }
    assert found == declared


@pytest.mark.parametrize("name", TABLES)
def test_the_migrations_build_the_indexes_that_the_tables_declare(store: Store, name: str) -> None:
    with store.read() as c:
        found = {columns for origin, columns in indexes(c, name) if origin != "pk"}
    unique = [one for one in table(name).constraints if isinstance(one, UniqueConstraint)]
    declared = {tuple(column.name for column in one.columns) for one in unique}
    declared |= {tuple(column.name for column in one.columns) for one in table(name).indexes}
    assert found == declared


def indexes(c: Connection, name: str) -> list[tuple[str, tuple[str, ...]]]:
    listed = c.exec_driver_sql(f"SELECT name, origin FROM pragma_index_list('{name}')").fetchall()
    return [
        (origin, tuple(c.exec_driver_sql(f"SELECT name FROM pragma_index_info('{index}')").scalars()))
        for index, origin in listed
    ]


def test_a_store_of_version_one_is_brought_up_with_all_it_holds(tmp_path: Path) -> None:
    store = open_store(version_one(tmp_path / "store.db"))
    with store.read() as c:
        assert c.exec_driver_sql("PRAGMA user_version").scalar_one() == len(STEPS)
        assert program_text(c, "spring") == (1, "name: spring\n", "spring.yaml")
        assert customers(c, ["c1"])["c1"].attributes == {"recency": 3}
        assert predictions(c, ["c1"])["c1"]["churn"].score == 0.5
        assert assignments(c, "spring", ["c1"]) == {"c1": "policy"}
        assert [row.key for row in decisions_iter(c, "spring", 0, 10)] == ["key-1", "key-2", "key-3"]
        assert [row.event for _, row in outcomes_iter(c, 0, 10)] == ["e1", "e2"]
        assert [row.seq for row in due(c, "spring", 10**15, 10)] == [3]
        assert [(row.seq, row.reward) for row in changed(c, "spring")] == [(1, 0.0)]
        latest = snapshot(c, "spring")
    assert latest is not None and latest.body == b"\x00\x01learnt"
    store.close()
    fresh = open_store(tmp_path / "fresh.db")
    fresh.close()
    assert schema(tmp_path / "store.db") == schema(tmp_path / "fresh.db")


def test_opening_a_store_of_this_version_changes_nothing(tmp_path: Path) -> None:
    open_store(tmp_path / "store.db").close()
    before = (tmp_path / "store.db").read_bytes()
    open_store(tmp_path / "store.db").close()
    assert (tmp_path / "store.db").read_bytes() == before


def test_a_newer_store_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = version_one(tmp_path / "store.db")
    connection = dbapi2.connect(str(path))
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = schema(path)
    with pytest.raises(StoreError, match="schema version 99, this nextbest knows versions up to"):
        open_store(path)
    assert schema(path) == before


def test_a_database_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "crm.db"
    connection = dbapi2.connect(str(path))
    connection.execute("CREATE TABLE account (id TEXT)")
    connection.close()
    before = schema(path)
    with pytest.raises(StoreError, match="not a store of nextbest"):
        open_store(path)
    assert schema(path) == before


def test_a_step_that_fails_leaves_the_version_before(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store.db")
    broken = ("CREATE TABLE half (x INTEGER)", "CREATE TABLE half (x INTEGER)")
    with pytest.raises(StoreError, match="already exists"), store.write() as c:
        migrate(c, "store.db", (*STEPS, broken))
    with store.read() as c:
        assert c.exec_driver_sql("PRAGMA user_version").scalar_one() == len(STEPS)
    store.close()
    assert not any("half" in str(one) for one in schema(tmp_path / "store.db"))


CRASH = """
import os, sys
from engine.store import open_store
from engine.store.migrations import STEPS, migrate
with open_store(sys.argv[1]).write() as c:
    c.connection.driver_connection.create_function("crash", 0, lambda: os._exit(9))
    migrate(c, "store", (*STEPS, ("ALTER TABLE customer ADD COLUMN mood TEXT", "SELECT crash()")))
"""


def test_a_process_that_dies_in_a_migration_leaves_the_version_before(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    open_store(path).close()
    before = schema(path)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    died = subprocess.run([sys.executable, "-c", CRASH, str(path)], env=environment, check=False)
    assert died.returncode == 9
    open_store(path).close()
    assert schema(path) == before
