"""Program files, every version of them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select, update

from engine.errors import NotFoundError, nearest
from engine.store.statement import execute, prepare, prepare_insert, run
from engine.store.tables import table

_program = table("program")


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version of a program; `applied_seq` is greatest for the current one."""

    version: int
    sha256: str
    source: str
    applied_us: int
    applied_seq: int


_BY_HASH = prepare(
    select(_program.c.version, _program.c.applied_seq).where(
        _program.c.name == bindparam("name"), _program.c.sha256 == bindparam("sha256")
    )
)
_NEWEST = prepare(
    select(
        func.coalesce(func.max(_program.c.version), 0),
        func.coalesce(func.max(_program.c.applied_seq), 0),
    ).where(_program.c.name == bindparam("name"))
)
_INSERT = prepare_insert(_program, list(_program.columns.keys()))
_APPLY = prepare(
    update(_program)
    .where(_program.c.name == bindparam("its_name"), _program.c.version == bindparam("its_version"))
    .values(applied_us=bindparam("applied_us"), applied_seq=bindparam("applied_seq"))
)
_text = select(_program.c.version, _program.c.text, _program.c.source).where(
    _program.c.name == bindparam("name")
)
_CURRENT = prepare(_text.order_by(_program.c.applied_seq.desc()).limit(1))
_VERSION = prepare(_text.where(_program.c.version == bindparam("version")))
_SHA256 = prepare(
    select(_program.c.sha256).where(
        _program.c.name == bindparam("name"), _program.c.version == bindparam("version")
    )
)
_NAMES = prepare(select(_program.c.name).distinct().order_by(_program.c.name))


def put_program(c: Connection, name: str, text: str, sha256: str, source: str, at_us: int) -> int:
    """Apply a program file and make it current.

    Returns:
        Its version: the one it has if these bytes were applied before (a rollback), else the next.
    """
    newest, applied = run(c, _NEWEST, name=name)[0]
    known = run(c, _BY_HASH, name=name, sha256=sha256)
    if not known:
        values = {"name": name, "version": newest + 1, "sha256": sha256, "text": text, "source": source}
        execute(c, _INSERT, **values, applied_us=at_us, applied_seq=applied + 1)
        return int(newest + 1)
    version, seq = known[0]
    if seq != applied:
        execute(c, _APPLY, its_name=name, its_version=version, applied_us=at_us, applied_seq=applied + 1)
    return int(version)


def program_text(c: Connection, name: str, version: int | None = None) -> tuple[int, str, str]:
    """(version, text, source) of a program: of the current version unless another is named.

    Raises:
        NotFoundError: there is no such program or version.
    """
    statement = _CURRENT if version is None else _VERSION
    found = run(c, statement, name=name, version=version)
    if not found:
        names = program_names(c)
        if name in names:
            last = current_version(c, name)
            raise NotFoundError(
                f"Program '{name}' has no version {version}, its current one is {last}; "
                f"`nextbest audit {name}` lists them."
            )
        raise NotFoundError(f"The store has no program '{name}'.{nearest(name, names)}")
    return found[0][0], found[0][1], found[0][2]


def program_sha256(c: Connection, name: str, version: int) -> str | None:
    """SHA-256 of the program file as it was when applied; None if there is no such version."""
    found = run(c, _SHA256, name=name, version=version)
    return str(found[0][0]) if found else None


def program_names(c: Connection) -> list[str]:
    """Names of all programs, in order."""
    return [name for (name,) in run(c, _NAMES)]


_CURRENT_VERSION = prepare(
    select(_program.c.version)
    .where(_program.c.name == bindparam("name"))
    .order_by(_program.c.applied_seq.desc())
    .limit(1)
)


def current_version(c: Connection, name: str) -> int:
    """The current version of a program, 0 if the store has none of that name."""
    found = run(c, _CURRENT_VERSION, name=name)
    return int(found[0][0]) if found else 0


_VERSIONS = prepare(
    select(
        _program.c.version,
        _program.c.sha256,
        _program.c.source,
        _program.c.applied_us,
        _program.c.applied_seq,
    )
    .where(_program.c.name == bindparam("name"))
    .order_by(_program.c.applied_seq.desc())
)


def versions(c: Connection, name: str) -> list[VersionRow]:
    """Every version of a program, the one applied last (the current one) first; empty if there is none."""
    return [VersionRow(*values) for values in run(c, _VERSIONS, name=name)]
