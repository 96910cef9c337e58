"""`nextbest doctor`: is this machine fit to run nextbest, and if not, what to do about it."""

from __future__ import annotations

import json as encoder
import os
import platform
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from engine.commands.shared import JsonOption, StoreOption
from engine.settings import settings

PYTHON = (3, 11)
SQLITE = (3, 51, 3)  # every earlier one can lose commits in WAL mode with two connections
_RANGE = re.compile(r"(>=|<)\s*([\d.]+)")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: what was found, what it must be, and the remedy where it is not."""

    name: str
    found: str
    rule: str
    ok: bool
    remedy: str = ""


def doctor(store: StoreOption = None, json: JsonOption = False) -> int:
    """Check this machine: Python, packages, SQLite, time zones, disk, cores."""
    found = checks(store or settings().store)
    fit = all(check.ok for check in found)
    if json:
        print(encoder.dumps({"ok": fit, "checks": [asdict(check) for check in found]}))
    else:
        print("\n".join(table(found)))
    return 0 if fit else 1


def checks(store: Path) -> list[Check]:
    """Everything `doctor` looks at, in the order it is shown."""
    return [python(), sqlite(), *packages(), time_zones(), disk(store), cores()]


def python() -> Check:
    """The interpreter that runs this."""
    rule = f">={dotted(PYTHON)}"
    return Check(
        "python", platform.python_version(), rule, sys.version_info >= PYTHON, "install a newer Python"
    )


def sqlite() -> Check:
    """The SQLite that the store uses, which is pysqlite3's, not the interpreter's own."""
    rule, remedy = f">={dotted(SQLITE)}", "install pysqlite3 again"
    try:
        from pysqlite3 import dbapi2
    except ImportError as error:
        return Check("sqlite", f"none ({error})", rule, False, remedy)
    version = str(dbapi2.sqlite_version)
    return Check("sqlite", version, rule, numbers(version) >= SQLITE, remedy)


def packages() -> list[Check]:
    """Each package nextbest requires, against the range nextbest was released with."""
    try:
        required = metadata.requires("nextbest") or []
    except metadata.PackageNotFoundError:
        remedy = "install it (make demo, or pip install .): some verbs are found only then"
        return [Check("nextbest", "not installed", "installed", False, remedy)]
    own = Check("nextbest", metadata.version("nextbest"), "installed", True)
    return [own, *package_checks(required, installed())]


def package_checks(required: Iterable[str], versions: Mapping[str, str]) -> Iterator[Check]:
    """Checks of requirements as package metadata writes them, such as ``numpy<3,>=2.1``.

    Args:
        required: requirements; those of extras are left out.
        versions: normalised name -> installed version.
    """
    for requirement in required:
        text = requirement.partition(";")
        if "extra" in text[2]:
            continue
        name = re.match(r"[\w.-]+", text[0])[0]  # type: ignore[index]
        rule = ",".join(f"{sign}{bound}" for sign, bound in sorted(_RANGE.findall(text[0]), reverse=True))
        version = versions.get(normalised(name))
        ok = version is not None and within(version, rule)
        yield Check(name, version or "none", rule, ok, f'pip install "{name}{rule}"')


def installed() -> dict[str, str]:
    """Normalised name -> version of every installed package."""
    return {normalised(one.name): one.version for one in metadata.distributions()}


def within(version: str, rule: str) -> bool:
    """Whether a version lies in a range of ``>=`` and ``<`` bounds, the only ones pyproject.toml uses."""
    at = numbers(version)
    return all(
        at >= numbers(bound) if sign == ">=" else at < numbers(bound) for sign, bound in _RANGE.findall(rule)
    )


def time_zones() -> Check:
    """Quiet hours and slots need the time zone database, which slim images leave out."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return Check("time zones", ZoneInfo("Europe/Oslo").key, "Europe/Oslo is known", True)
    except ZoneInfoNotFoundError:
        return Check("time zones", "none", "Europe/Oslo is known", False, "pip install tzdata")


def disk(store: Path) -> Check:
    """Whether the folder of the store's file takes a durable write."""
    folder = store.resolve().parent
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".nextbest-doctor-") as file:
            file.write(b"nextbest")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        remedy = "name a file in a folder you may write to with --store"
        return Check("disk", f"{folder}: {error.strerror}", "writable", False, remedy)
    return Check("disk", str(folder), "writable", True)


def cores() -> Check:
    """How many cores there are, for information: one is enough."""
    return Check("cores", str(os.cpu_count() or 1), ">=1", True)


def table(found: Iterable[Check]) -> Iterator[str]:
    """One line a check, with the remedy under it where something is wrong."""
    for check in found:
        yield f"{'ok   ' if check.ok else 'WRONG'}  {check.name:<20} {check.found:<16} {check.rule}"
        if not check.ok:
            yield f"       remedy: {check.remedy}"


def dotted(version: tuple[int, ...]) -> str:
    """(3, 11) -> ``3.11``."""
    return ".".join(map(str, version))


def numbers(version: str) -> tuple[int, ...]:
    """``3.51.3`` -> (3, 51, 3), up to the first part that is no number."""
    return tuple(int(part) for part in re.match(r"[\d.]*", version)[0].split(".") if part)  # type: ignore[index]


def normalised(name: str) -> str:
    """``Prometheus_Client`` -> ``prometheus-client``, as package indexes compare names."""
    return re.sub(r"[-_.]+", "-", name).lower()
