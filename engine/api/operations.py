"""Everything the server can be asked, in one table; the OpenAPI document and the /docs page show it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.api import customers, health, lookups, predictions, programs, results, segment
from engine.api.customers import Change, Customer
from engine.api.decisions import Question
from engine.api.health import Alive, Ready
from engine.api.outcomes import OutcomeRoute, Received
from engine.api.predictions import Scores
from engine.api.segment import Taken
from engine.budget.account import Account
from engine.explain import Explanation
from engine.plan.history import Entry, ProgramVersion
from engine.predictions.intake import Arrival
from engine.predictions.report import Versions
from engine.reply import Decision
from engine.segment import Message, Parcel
from engine.track import OutcomeEvent

_BODY = ("malformed", "too-large", "media-type", "invalid")
_STORE = ("unavailable",)
_SENDER = ("unknown-sender",)  # only where the server has keys


@dataclass(frozen=True, slots=True)
class Operation:
    """One address and method.

    Attributes:
        says: what it does; its first line is the summary.
        body: the type of the body, None if it takes none.
        answer: the type of the answer; None for an empty one, `str` for plain text.
        problems: kinds of problem detail it may answer with.
        example: a body that can be sent as it stands to the example program.
    """

    method: str
    path: str
    says: str
    body: Any
    answer: Any
    problems: tuple[str, ...]
    example: Any = None
    header: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


_PURCHASE = {
    "event": "order-7731",
    "customer": "c_1042",
    "kind": "visit",
    "at": "2026-11-25T10:15:00Z",
    "value": 42.5,
}
_DECISION = {
    "customer": "c_1042",
    "program": "hillstrom",
    "key": "send-88121",
    "context": {"recency": 3, "history": 329.08},
    "explain": True,
}
_PROFILE = {"attributes": {"zip_code": "Urban"}, "consent": {"marketing": True}, "zone": "Europe/Oslo"}
_SCORES = {"version": "2026-11", "as_of": "2026-06-01T00:00:00Z", "scores": {"c_1042": 0.31}}
_CARRIED = {"userId": "c_1042", "messageId": "m-1", "timestamp": "2026-06-01T10:15:00Z"}
_ORDERED = {"event": "Order Completed", "properties": {"revenue": 42.5}}
_TRAITS = {"traits": {"zip_code": "Urban", "consent": {"marketing": True}, "timezone": "Europe/Oslo"}}


def _says(endpoint: Any) -> str:
    return " ".join((endpoint.__doc__ or "").split())


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "post",
        "/v1/decisions",
        "The next best action for one customer. " + _says(Question),
        Question,
        Decision,
        (*_BODY, "not-found", "contradiction", "conflict"),
        _DECISION,
        {"Idempotency-Key": "May stand in place of `key` in the body; where both are given they are equal."},
    ),
    Operation(
        "get",
        "/v1/decisions/{id}",
        _says(lookups.look_up),
        None,
        Decision,
        ("not-found", *_STORE),
    ),
    Operation(
        "get",
        "/v1/decisions/{id}/explanation",
        _says(lookups.explanation),
        None,
        Explanation,
        ("not-found", *_STORE),
    ),
    Operation(
        "post",
        "/v1/outcomes",
        _says(OutcomeRoute.__call__) + " An event told twice counts once.",
        OutcomeEvent | list[OutcomeEvent],
        Received,
        (*_BODY, *_SENDER, *_STORE),
        [_PURCHASE],
    ),
    Operation(
        "put",
        "/v1/predictions/{model}",
        _says(predictions.put),
        Scores,
        Arrival,
        (*_BODY, "contradiction", *_STORE),
        _SCORES,
    ),
    Operation(
        "get",
        "/v1/predictions/{model}",
        _says(predictions.look_up),
        None,
        Versions,
        ("not-found", "invalid", *_STORE),
    ),
    Operation(
        "post",
        "/v1/track",
        _says(segment.on_track),
        Message,
        Taken,
        (*_BODY, "not-found", *_SENDER, *_STORE),
        {**_CARRIED, **_ORDERED},
        query={"decide": "The program that decides what to do next for this customer, now."},
    ),
    Operation(
        "post",
        "/v1/identify",
        _says(segment.on_identify),
        Message,
        Taken,
        (*_BODY, *_SENDER, *_STORE),
        {**_CARRIED, **_TRAITS},
    ),
    Operation(
        "post",
        "/v1/alias",
        _says(segment.on_alias),
        Message,
        Taken,
        (*_BODY, *_SENDER, *_STORE),
        {"previousId": "anonymous-71", "userId": "c_1042", "messageId": "m-2"},
    ),
    Operation(
        "post",
        "/v1/batch",
        _says(segment.on_batch),
        Parcel,
        Taken,
        (*_BODY, *_SENDER, *_STORE),
        {"batch": [{"type": "track", **_CARRIED, **_ORDERED}, {"type": "identify", **_CARRIED, **_TRAITS}]},
    ),
    Operation(
        "patch",
        "/v1/customers/{id}",
        _says(customers.change),
        Change,
        Customer,
        (*_BODY, *_STORE),
        _PROFILE,
    ),
    Operation(
        "post",
        "/v1/customers/{id}/merge",
        _says(customers.merge),
        customers.MergeAsked,
        customers.MergeReply,
        (*_BODY, *_STORE),
        {"customer": "anonymous-71"},
    ),
    Operation(
        "get",
        "/v1/customers/{id}",
        _says(customers.look_up),
        None,
        Customer,
        ("not-found", "invalid", *_STORE),
    ),
    Operation(
        "delete",
        "/v1/customers/{id}",
        _says(customers.erase),
        None,
        None,
        ("not-found", "invalid", *_STORE),
    ),
    Operation(
        "get",
        "/v1/programs/{name}/versions",
        _says(programs.versions),
        None,
        list[ProgramVersion],
        ("not-found", "invalid", *_STORE),
    ),
    Operation(
        "get",
        "/v1/programs/{name}/audit",
        _says(programs.audit),
        None,
        list[Entry],
        ("not-found", "invalid", *_STORE),
    ),
    Operation(
        "get",
        "/v1/programs/{name}/budgets",
        _says(programs.budgets),
        None,
        list[Account],
        ("not-found", "invalid", *_STORE),
    ),
    Operation(
        "get",
        "/v1/experiments/{id}/results",
        _says(results.results),
        None,
        dict[str, Any],
        ("not-found", "refused", "invalid", *_STORE),
    ),
    Operation("get", "/livez", _says(health.alive), None, Alive, ()),
    Operation("get", "/readyz", _says(health.ready), None, Ready, _STORE),
    Operation("get", "/metrics", _says(health.metrics), None, str, ()),
)


def methods(path: str) -> list[str]:
    """The methods that an address takes."""
    at = [one for one in OPERATIONS if re.fullmatch(re.sub(r"{\w+}", "[^/]+", one.path), path)]
    return sorted(one.method.upper() for one in at)
