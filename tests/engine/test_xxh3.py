"""Many texts are hashed as the library hashes each."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xxhash import xxh3_64_intdigest, xxh3_128_intdigest

from engine import xxh3
from engine.request import decision_id, decision_ids
from engine.xxh3 import Texts


@pytest.mark.parametrize("size", range(150))
def test_a_text_of_any_length_has_the_hash_that_the_library_gives(size: int) -> None:
    text = "".join(chr(33 + (7 * i + size) % 90) for i in range(size))
    _check("", [text])


@settings(max_examples=100, deadline=None)
@given(
    salt=st.text(max_size=20), texts=st.lists(st.text(max_size=140), min_size=1), before=st.text(max_size=9)
)
def test_texts_with_a_salt_and_a_beginning_have_the_hashes_that_the_library_gives(
    salt: str, texts: list[str], before: str
) -> None:
    _check(salt, texts, before)


def _check(salt: str, texts: list[str], before: str = "") -> None:
    made = Texts.of(pl.Series(texts, dtype=pl.String)).after(before)
    whole = [(salt + before + one).encode() for one in texts]
    assert xxh3.hashes(salt, made).tolist() == [xxh3_64_intdigest(one) for one in whole]
    high, low = (one.tolist() for one in xxh3.double_hashes(salt, made))
    assert [a << 64 | b for a, b in zip(high, low, strict=True)] == [xxh3_128_intdigest(one) for one in whole]


def test_texts_are_a_sequence_of_what_they_say() -> None:
    texts = Texts.of(pl.Series(["a", "", "sør"])).after("x:")
    assert (list(texts), len(texts), texts[-1]) == (["x:a", "x:", "x:sør"], 3, "x:sør")
    assert list(texts[1:]) == ["x:", "x:sør"]
    assert xxh3.hashes("", texts[1:]).tolist() == xxh3.hashes("", texts).tolist()[1:]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=30), min_size=1))
def test_ids_of_many_decisions_are_those_of_each(keys: list[str]) -> None:
    at = datetime(2026, 11, 24, 9, tzinfo=UTC)
    ids, first = decision_ids("spring", Texts.of(pl.Series(keys)), at)
    assert ids.to_list() == [decision_id("spring", key, at) for key in keys]
    assert [f"{one:016x}" for one in first.tolist()] == [one[12:28] for one in ids]
