"""Errors as RFC 9457 problem details: what, where, which value, what to do."""

from __future__ import annotations

import msgspec

from engine.decide import ConflictError
from engine.errors import (
    ContradictionError,
    InputError,
    NextbestError,
    NotFoundError,
    RefusedError,
    StoreError,
)

MEDIA_TYPE = "application/problem+json"


class Problem(msgspec.Struct, frozen=True):
    """A problem detail (RFC 9457). `type` points into the documentation this server carries itself."""

    type: str
    title: str
    status: int
    detail: str


class MalformedError(InputError):
    """The body is no JSON text."""


class TooLargeError(InputError):
    """The body is longer than is read."""


class MediaTypeError(InputError):
    """The body is declared to be something other than JSON."""


class UnknownSenderError(NextbestError):
    """Outcomes with a key that is nobody's."""


KINDS: dict[str, tuple[int, str]] = {
    "malformed": (400, "The body is not JSON"),
    "unknown-sender": (401, "Who sends this is not known"),
    "not-found": (404, "There is no such thing"),
    "method-not-allowed": (405, "This address does not take this method"),
    "too-large": (413, "The body is too large"),
    "media-type": (415, "The body must be JSON"),
    "contradiction": (409, "Two things that were given contradict each other"),
    "refused": (409, "There is too little to answer with"),
    "conflict": (422, "The key was used before for another request"),
    "invalid": (422, "The request cannot be taken as it is"),
    "unexpected": (500, "Something went wrong here, not with the request"),
    "unavailable": (503, "The store cannot be reached; ask again"),
}
_KIND_OF: dict[type[Exception], str] = {
    MalformedError: "malformed",
    TooLargeError: "too-large",
    MediaTypeError: "media-type",
    UnknownSenderError: "unknown-sender",
    ConflictError: "conflict",
    ContradictionError: "contradiction",
    NotFoundError: "not-found",
    RefusedError: "refused",
    InputError: "invalid",
    StoreError: "unavailable",
}


def problem(kind: str, detail: str) -> Problem:
    """The problem detail of one of `KINDS`."""
    status, title = KINDS[kind]
    return Problem(f"/docs#{kind}", title, status, _printable(detail))


def problem_of(error: NextbestError) -> Problem:
    """The problem detail of an error of ours."""
    kinds = (_KIND_OF[one] for one in type(error).__mro__ if one in _KIND_OF)
    return problem(next(kinds, "unexpected"), str(error))


def _printable(text: str) -> str:
    """Text that can be sent as UTF-8, whatever the request held."""
    return text.encode("utf-8", "backslashreplace").decode()
