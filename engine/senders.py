"""Who may send outcomes over HTTP: names with the hashes of their keys, in a file of one sender a line.

A key is long and random, so its plain SHA-256 gives nothing away, and looking one up by its hash tells nobody
how much of it was right.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from secrets import token_hex

import structlog

from engine.errors import InputError, NotFoundError, nearest
from engine.values import check_id

log = structlog.get_logger()

HTTP = "http"  # the source of what comes over HTTP where nobody has a key
_LINE = re.compile(r"(\S+)\s+([0-9a-f]{64})")


def read_senders(path: Path) -> Mapping[str, str]:
    """Names by the SHA-256 of their keys, in hexadecimal digits.

    A name may stand twice, for a key that takes the place of another. Empty lines, and those that begin with
    #, are passed over.

    Raises:
        InputError: names the file, the line and the rule.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: senders cannot be read: {error}; check NEXTBEST_SENDERS.") from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        read = _LINE.fullmatch(line.strip())
        if not read:
            raise InputError(
                f"{path}, line {number}: must be a name, a blank and the SHA-256 of its key in 64 small "
                "hexadecimal digits; correct it."
            )
        if found.setdefault(read[2], check_id(read[1], "name", f"{path}, line {number}")) != read[1]:
            raise InputError(
                f"{path}, line {number}: {read[1]} has the key of {found[read[2]]}; make one of its own."
            )
    return found


def add(path: Path, name: str) -> str:
    """A new key for a name; its hash is in the file, which is made if it is not there.

    Raises:
        InputError: the name is none, or the file is not as it must be.
    """
    check_id(name, "name", "add")
    if not name.isprintable() or " " in name or name.startswith("#"):
        raise InputError(f"name == {name!r}, must have no blank and not begin with #; choose another.")
    lines, key = _lines(path) if path.exists() else [], token_hex(32)
    _write(path, [*lines, f"{name} {hashlib.sha256(key.encode()).hexdigest()}"])
    return key


def drop(path: Path, name: str, begins: str = "") -> tuple[int, int]:
    """Take away the keys of a name, or those whose hash begins so; how many, and how many of it are left.

    Raises:
        NotFoundError: there is none.
    """
    lines = _lines(path)
    own = [line for line in lines if (read := _LINE.fullmatch(line.strip())) and read[1] == name]
    gone = [line for line in own if line.split()[1].startswith(begins)]
    if not gone:
        names = {line.split()[0] for line in lines if _LINE.fullmatch(line.strip())}
        which = f" whose hash begins with {begins}" if own else ""
        raise NotFoundError(f"{path}: no key of '{name}'{which}.{'' if own else nearest(name, names)}")
    _write(path, [line for line in lines if line not in gone])
    return len(gone), len(own) - len(gone)


def _lines(path: Path) -> Sequence[str]:
    """Of a file that is as it must be."""
    read_senders(path)
    return path.read_text("utf-8").splitlines()


def _write(path: Path, lines: Sequence[str]) -> None:
    """At once: a server never reads half of it."""
    made = path.with_name(f"{path.name}.new")
    made.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    made.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o600)
    made.replace(path)


class Senders:
    """The senders of a file, read again when it has changed."""

    def __init__(self, path: Path) -> None:
        self._path, self._known = path, read_senders(path)
        self._stands = self._stamp()

    def known(self) -> Mapping[str, str]:
        """Names by the hashes of their keys; as they were, if the file cannot be read any more."""
        if (stands := self._stamp()) != self._stands:
            self._stands = stands
            try:
                self._known = read_senders(self._path)
            except InputError as error:
                log.error("senders not read, those known before stay", why=str(error))
        return self._known

    def _stamp(self) -> tuple[int, int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return 0, 0, 0
        return found.st_mtime_ns, found.st_size, found.st_ino


def sender(senders: Mapping[str, str], authorization: bytes | None) -> str | None:
    """Who sends, by the header `Authorization`; None if its key is nobody's.

    A key comes as `Bearer KEY`, or as the user of `Basic`, as Segment's libraries send their write key.
    """
    scheme, _, given = (authorization or b"").strip().partition(b" ")
    key = given.strip()
    if scheme.lower() == b"basic":
        try:
            key = base64.b64decode(key, validate=True).partition(b":")[0]
        except binascii.Error:
            return None
    elif scheme.lower() != b"bearer":
        return None
    return senders.get(hashlib.sha256(key).hexdigest())
