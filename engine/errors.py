"""Errors a person can act on: one clear sentence with what, where, value and remedy."""

from __future__ import annotations


class NextbestError(Exception):
    """Base of every error raised for a person to read. `str(error)` is the whole sentence."""


class InputError(NextbestError):
    """Bad input: a file, a column, a value, a request. The command line exits 2, HTTP answers 4xx."""


class ProgramError(InputError):
    """A program file that cannot be loaded; names file, line, field, value and remedy."""


class NotFoundError(InputError):
    """Something named that does not exist; names the nearest thing that does."""


class ContradictionError(InputError):
    """Two things, each sound by itself, that cannot both hold. HTTP answers 409."""


class RefusedError(NextbestError):
    """A question that has no honest answer; says which evidence is missing. The command line exits 1."""


class StoreError(NextbestError):
    """The store cannot do what was asked; nothing was half written."""


class BusyError(StoreError):
    """Another process is writing to the store; the same may be asked again later."""


def nearest(name: str, known: object) -> str:
    """`" Did you mean 'x'?"` for the closest known name, else a list of what there is."""
    import difflib

    names = sorted(str(one) for one in known)  # type: ignore[attr-defined]
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f" Did you mean '{close[0]}'?"
    return f" Known: {', '.join(names[:12])}{' …' if len(names) > 12 else ''}." if names else ""
