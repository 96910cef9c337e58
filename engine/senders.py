"""Who may send outcomes over HTTP: names with the hashes of their keys, in a file of one sender a line.

A key is long and random, so its plain SHA-256 gives nothing away, and looking one up by its hash tells nobody
how much of it was right.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from engine.errors import InputError
from engine.values import check_id

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
