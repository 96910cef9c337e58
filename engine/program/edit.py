"""A program file with another policy in it: the one edit of a file that nextbest makes by itself."""

from __future__ import annotations

import json

from engine.domain import PolicySpec, Program
from engine.errors import RefusedError
from engine.program.document import read
from engine.program.load import loads

KEY = "policy"


def policy_line(policy: PolicySpec) -> str:
    """The policy as it is written in a program file, on one line."""
    return f"{KEY}: {json.dumps({'kind': policy.kind, **policy.settings})}"


def with_policy(text: bytes, policy: PolicySpec, source: str) -> tuple[Program, bytes]:
    """The program of a file with its section `policy` replaced, and the text of that; the rest is as it was.

    Raises:
        RefusedError: the file is written in a way in which the section cannot be replaced.
    """
    document, line = read(text), policy_line(policy)
    rows = text.decode("utf-8-sig").split("\n")
    tops = sorted((row, column) for path, (row, column) in document.keys.items() if len(path) == 1)
    if any(column != 1 for _, column in tops) or len({row for row, _ in tops}) < len(tops):
        raise RefusedError(
            f"{source}: its sections do not start lines of their own; write `{line}` yourself."
        )
    start, _ = document.keys.get((KEY,), (len(rows) + 1, 1))
    last = max((row for path, (row, _) in document.places.items() if path[:1] == (KEY,)), default=start)
    following = next((row for row, _ in tops if row > start), len(rows) + 1)
    end = _end(rows, last, following)
    made = "\n".join([*_whole(rows[: start - 1]), line, *rows[end:]]).encode()
    return loads(made, source), made


def _end(rows: list[str], last: int, following: int) -> int:
    """The row (1-based) on which a section ends whose last value begins on row `last`."""
    end = min(following - 1, len(rows))
    while end > last and (not rows[end - 1].strip() or rows[end - 1].startswith("#")):
        end -= 1
    return end


def _whole(rows: list[str]) -> list[str]:
    """The rows without an empty one that only ended the file."""
    return rows[:-1] if rows and not rows[-1] else rows
