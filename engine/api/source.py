"""Which source the outcomes of a request come from."""

from __future__ import annotations

from starlette.types import Scope

from engine.api.body import header
from engine.api.parts import parts
from engine.api.problem import UnknownSenderError
from engine.senders import HTTP, sender


def source(scope: Scope) -> str:
    """The name of the key that was sent; `HTTP` where the server has no keys.

    Raises:
        UnknownSenderError: the server has keys, and this request has none of them.
    """
    senders = parts(scope).senders
    if senders is None:
        return HTTP
    found = sender(senders.known(), header(scope, b"authorization"))
    if found is None:
        raise UnknownSenderError(
            "header Authorization: no known key; send 'Bearer KEY' with a key of NEXTBEST_SENDERS."
        )
    return found
