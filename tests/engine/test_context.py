from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine import context
from engine.situation import Contact, Situation, Situations, columns
from policies.grid import BOUND, snap
from tests.engine.programs import spring

PROGRAM = spring()
DAY = 86_400_000_000
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "age": st.integers(-(10**6), 10**6),
        "spend": st.floats(-1e12, 1e12),
        "country": st.sampled_from(["NO", "SE", "DK", "elsewhere"]),
        "p_buy.sale": st.floats(0, 1),
    },
)


def situations(*values: dict[str, object], contacts: list[Contact] | None = None) -> Situations:
    rows = [
        Situation(f"c{i}", f"k{i}", 10 * DAY, "policy", value, {}, contacts or [])
        for i, value in enumerate(values)
    ]
    return columns(PROGRAM, rows)


@given(st.lists(VALUES, min_size=1, max_size=8), st.lists(VALUES, min_size=1, max_size=8))
def test_contexts_are_finite_and_on_the_grid(
    known: list[dict[str, object]], now: list[dict[str, object]]
) -> None:
    encoding = context.fit(PROGRAM, situations(*known).values)
    X = context.encode(encoding, situations(*now))
    assert X.shape == (len(now), len(encoding.columns))
    assert np.isfinite(X).all()
    assert (np.abs(X) <= BOUND).all()
    assert (snap(X) == X).all()


@given(st.lists(VALUES, min_size=2, max_size=8))
def test_a_row_is_encoded_the_same_alone(values: list[dict[str, object]]) -> None:
    encoding = context.fit(PROGRAM, situations(*values).values)
    together = context.encode(encoding, situations(*values))
    alone = np.vstack([context.encode(encoding, situations(value)) for value in values])
    assert (together == alone).all()


def test_missing_numbers_are_typical_and_flagged() -> None:
    encoding = context.fit(PROGRAM, situations({"age": 20}, {"age": 40}, {"age": 60}).values)
    X = context.encode(encoding, situations({}))
    column = encoding.columns.index
    assert X[0, column("age")] == 0.0
    assert X[0, column("age is unknown")] == 1.0


def test_a_level_never_declared_has_no_column() -> None:
    encoding = context.fit(PROGRAM, {})
    X = context.encode(encoding, situations({"country": "elsewhere"}))
    where = [i for i, name in enumerate(encoding.columns) if name.startswith("country=")]
    assert (X[0, where] == 0.0).all()


def test_recent_contacts_are_part_of_the_context_by_offer_too() -> None:
    encoding = context.fit(PROGRAM, {})
    past = [
        Contact(9 * DAY, "sale", "email"),
        Contact(1 * DAY, "news", "email"),
        Contact(7 * DAY, "else", "sms"),
    ]
    X = context.encode(encoding, situations({}, contacts=[*past, Contact(11 * DAY, "loyalty", "email")]))
    known = dict(zip(encoding.columns, X[0], strict=True))
    assert known["contacts in 7 days"] == 1.0
    assert known["last contact"] == known["last contact with sale"] == 0.5
    assert known["last contact with news"] == snap(np.array([0.1]))[0]
    assert known["last contact with loyalty"] == 0.0
