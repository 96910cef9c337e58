"""Promotion: what a challenger has learnt serves from now on, and its policy is the program's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from engine.applied import Signature, apply_text
from engine.domain import PolicySpec
from engine.errors import RefusedError
from engine.plan.diff import diff
from engine.program import loads
from engine.program.edit import with_policy
from engine.relearn import PROMOTED, Relearnt, republish
from engine.store import programs


@dataclass(frozen=True, slots=True)
class Promotion:
    """What a promotion made current: a version of the program, and a snapshot with so many decisions."""

    version: int
    snapshot: int
    decisions: int


def promote(
    connection: Connection, done: Relearnt, policy: PolicySpec, at: datetime, by: Signature
) -> Promotion:
    """Publish what a challenger learnt afresh, and apply the program with its policy.

    Both or none, in the open write transaction. The audit gets a line with the note of `by`.

    Raises:
        RefusedError: somebody was erased meanwhile, or the program's file cannot be edited.
    """
    lesson = republish(connection, done, at, f"{PROMOTED} {policy.kind}")
    version = with_policy_applied(connection, done.program.name, policy, at, by)
    return Promotion(version, lesson.snapshot, lesson.decisions)


def with_policy_applied(
    connection: Connection, name: str, policy: PolicySpec, at: datetime, by: Signature
) -> int:
    """Apply a program with its policy replaced; the version that is current then.

    Raises:
        RefusedError: its file cannot be edited.
    """
    _, text, source = programs.program_text(connection, name)
    before = loads(text.encode(), source)
    edited, made = with_policy(text.encode(), policy, source)
    if other := [one for one in diff(before, edited) if one.where != "policy"]:
        raise RefusedError(f"{source}: with its policy replaced, {other[0]}; edit the file and apply it.")
    return apply_text(connection, edited, made, at, by).version
