"""What the store has of many customers is told alike, however few or many there are to look at."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.store import open_store
from engine.store.customers import put_customers
from engine.store.predictions import put_predictions
from engine.store.rows import CustomerRow, PredictionRow
from engine.store.standing import standing
from engine.store.store import Store

NAMES = [f"c{i:02}" for i in range(60)] + ["æ", "\U0001f600", "\uffff", " ", "Z"]
PROFILES, SCORES = set(NAMES[::3]) | {"æ", "\U0001f600"}, set(NAMES[50:])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    made = open_store(Path(tmp_path_factory.mktemp("store")) / "store.db")
    with made.write() as c:
        put_customers(c, [CustomerRow(one, {}, {}, None, 1) for one in sorted(PROFILES)])
        put_predictions(c, [PredictionRow(one, "churn", "1", 0.5, 1, 1) for one in sorted(SCORES)])
    return made


@given(
    asked=st.lists(st.sampled_from(NAMES), unique=True, max_size=12),
    strangers=st.lists(st.text("abcxyz", min_size=1), unique=True, max_size=200),
)
def test_a_customer_stands_in_the_tables_that_hold_a_row_of_it(
    store: Store, asked: list[str], strangers: list[str]
) -> None:
    ids = [*asked, *(f"x{one}" for one in strangers)]
    with store.read() as c:
        found = standing(c, ids)
    assert found.profile.tolist() == [one in PROFILES for one in ids]
    assert found.scores.tolist() == [one in SCORES for one in ids]
    assert not (found.decisions.any() or found.outcomes.any() or found.merged.any())
