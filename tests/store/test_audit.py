"""The audit: a line for every change of what is current, and no way to change a line."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.applied import Signature, apply_text, version_text
from engine.domain import Program
from engine.errors import NotFoundError, StoreError
from engine.program import loads
from engine.store import Store, programs
from engine.store.audit import audit
from tests.engine.programs import AT, TEXT

CHANGED = TEXT.replace("2 per 7 days", "3 per 7 days")
ANNE = Signature("anne", "apply", "more mail before Christmas")


def apply(store: Store, text: str, by: Signature = ANNE) -> Program:
    with store.write() as c:
        return apply_text(c, loads(text.encode(), "spring.yaml"), text.encode(), AT, by)


def roll_back(store: Store, name: str, version: int | None, by: Signature = ANNE) -> int:
    with store.write() as c:
        return apply_text(c, *version_text(c, name, version), AT, by).version


def lines(store: Store, program: str | None = None) -> list[tuple[object, ...]]:
    with store.read() as c:
        found = audit(c, program, 100)
    return [(one.who, one.how, one.version_before, one.version_after, one.changes) for one in found]


def test_every_change_of_what_is_current_leaves_one_line(store: Store) -> None:
    for text in (TEXT, TEXT, CHANGED, CHANGED):
        apply(store, text)
    assert roll_back(store, "spring", None, Signature("ben", "rollback")) == 1
    assert lines(store, "spring") == [
        ("ben", "rollback", 2, 1, "channel email: cap 3 per 7 days -> 2 per 7 days"),
        ("anne", "apply", 1, 2, "channel email: cap 2 per 7 days -> 3 per 7 days"),
        ("anne", "apply", None, 1, "new program"),
    ]
    assert lines(store, "autumn") == []


def test_a_line_says_when_why_and_which_bytes(store: Store) -> None:
    first = apply(store, TEXT)
    second = apply(store, CHANGED, Signature("anne", note="why", at=AT + timedelta(hours=1)))
    with store.read() as c:
        newest, oldest = audit(c, None, 100)
        assert [newest] == audit(c, None, 1)
    assert (oldest.sha256_before, oldest.sha256_after) == (None, first.sha256)
    assert (newest.sha256_before, newest.sha256_after) == (first.sha256, second.sha256)
    assert (newest.note, newest.at_us - oldest.at_us) == ("why", 3_600_000_000)


def test_going_back_twice_is_going_there_and_back(store: Store) -> None:
    apply(store, TEXT)
    apply(store, CHANGED)
    apply(store, CHANGED.replace("value: 40", "value: 41"))
    assert [roll_back(store, "spring", None) for _ in range(3)] == [2, 3, 2]
    assert roll_back(store, "spring", 1) == 1
    with store.read() as c:
        assert [one.version for one in programs.versions(c, "spring")] == [1, 2, 3]


def test_there_is_no_going_back_to_what_never_was(store: Store) -> None:
    apply(store, TEXT)
    for name, version, words in (
        ("spring", None, "nothing to go back to"),
        ("spring", 7, "'spring' has no version 7"),
        ("sprong", None, "Did you mean 'spring'"),
    ):
        with pytest.raises(NotFoundError, match=words):
            roll_back(store, name, version)
    assert len(lines(store)) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET who = 'nobody'",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE seq = 1",
        "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE seq = 1",
        "UPDATE OR REPLACE audit SET seq = 2 WHERE seq = 1",
    ],
)
def test_a_line_cannot_be_changed_taken_away_or_replaced(store: Store, statement: str) -> None:
    apply(store, TEXT)
    with pytest.raises(StoreError, match="only added to"), store.write() as c:
        c.exec_driver_sql(statement)
    assert len(lines(store)) == 1
