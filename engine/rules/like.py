"""LIKE patterns: `%` stands for any run of characters, `_` for any one."""

from __future__ import annotations

from collections.abc import Iterator

Pieces = tuple[str | None, ...]
_SPECIAL = frozenset("\\.+*?()|[]{}^$")


class PatternError(ValueError):
    """A pattern that does not say what it means; the message says why and what to write."""


def split(text: str, escape: str | None = None) -> Pieces:
    """The pattern in pieces: one character as it stands, None for `%`, "" for `_`.

    Raises:
        PatternError: the escape is not one character, or ends the pattern, or a backslash stands unnamed.
    """
    if escape is None and "\\" in text:
        raise PatternError("a backslash means nothing by itself; name the escape: LIKE '10!%%' ESCAPE '!'")
    if escape is not None and len(escape) != 1:
        raise PatternError(f"ESCAPE {escape!r} must be one character")
    return tuple(_pieces(text, escape))


def _pieces(text: str, escape: str | None) -> Iterator[str | None]:
    characters = iter(text)
    for one in characters:
        if one == escape:
            literal = next(characters, None)
            if literal is None:
                raise PatternError(f"the pattern ends with its escape {escape!r}")
            yield literal
        else:
            yield {"%": None, "_": ""}.get(one, one)


def python_pattern(pieces: Pieces) -> str:
    """For `re.fullmatch` with DOTALL. Atomic groups: the first fit of each run is as good as any other."""
    runs: list[str] = [""]
    for piece in pieces:
        if piece is None:
            runs.append("")
        else:
            runs[-1] += _quoted(piece)
    first, *rest = runs
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>.*?{run})" for run in middle if run) + ".*" + last


def _quoted(piece: str) -> str:
    return "." if piece == "" else f"\\{piece}" if piece in _SPECIAL else piece
