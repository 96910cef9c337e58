"""Rows to store, with only what a test is about spelt out."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from engine.store import entries, learning
from engine.store.rows import AssignmentRow, CustomerRow, DecisionRow, DueRow, OutcomeRow, PredictionRow


def due(c: Connection, program: str, before_us: int, limit: int) -> list[DueRow]:
    """The rows that are due."""
    return learning.rows(c, entries.due(c, program, before_us, limit).seq.tolist())


def decision(number: int = 1, **given: Any) -> DecisionRow:
    """Decision `number`: a contact of customer c1 in program spring, unless told otherwise."""
    values: dict[str, Any] = {
        "id": f"{number:032x}",
        "program": "spring",
        "key": f"key-{number}",
        "program_version": 1,
        "snapshot_version": None,
        "customer": "c1",
        "at_us": 1_000_000 * number,
        "arm": "policy",
        "action": 1,
        "action_name": "sale/email/now",
        "offer": "sale",
        "channel": "email",
        "slot": "now",
        "send_at_us": 1_000_000 * number,
        "contact": True,
        "propensity": 0.5,
        "explored": False,
        "fallback": None,
        "withheld": None,
        "value": 1.25,
        "request_sha": b"\x00\xff",
        "situation": b'{"recency":3}',
        "feasible": b"\x03",
        "created_us": 1_000_000 * number,
    }
    return DecisionRow(**{**values, **given})


def outcome(event: str = "e1", **given: Any) -> OutcomeRow:
    """A purchase of customer c1 that names no decision."""
    values: dict[str, Any] = {
        "event": event,
        "decision": None,
        "customer": "c1",
        "kind": "purchase",
        "value": 10.0,
        "at_us": 1_000_000,
        "received_us": 2_000_000,
    }
    return OutcomeRow(**{**values, **given})


def customer(id: str = "c1", **given: Any) -> CustomerRow:
    """A customer of whom nothing is known."""
    values: dict[str, Any] = {"id": id, "attributes": {}, "consent": {}, "zone": None, "updated_us": 1}
    return CustomerRow(**{**values, **given})


def prediction(customer: str = "c1", **given: Any) -> PredictionRow:
    """A churn score."""
    values: dict[str, Any] = {
        "customer": customer,
        "model": "churn",
        "version": "v1",
        "score": 0.5,
        "as_of_us": 1,
        "received_us": 2,
    }
    return PredictionRow(**{**values, **given})


def assignment(customer: str = "c1", **given: Any) -> AssignmentRow:
    """The policy arm of spring."""
    values: dict[str, Any] = {
        "program": "spring",
        "customer": customer,
        "arm": "policy",
        "salt": "s",
        "hash": -5,
        "assigned_us": 3,
    }
    return AssignmentRow(**{**values, **given})
