"""The forms an evaluation is told in."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from simulator.evaluate import evaluate
from simulator.evaluation import Evaluation
from simulator.method import Method
from simulator.wording import headline, status
from tests.simulator.bandits import logged


def found(n: int = 3000) -> Evaluation:
    log, _ = logged(1, n=n, logging=np.array([0.7, 0.2, 0.1]))
    return evaluate(replace(log, source="a <b> & c"), ["constant:a1", "uniform"], ["all"])


class Tags(HTMLParser):
    """Counts what is opened and closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_page_is_whole_loads_nothing_and_escapes_names(tmp_path: Path) -> None:
    found().save(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert "http" not in re.sub(r"http://www.w3.org\S*", "", page) and "<script" not in page
    assert "a &lt;b&gt; &amp; c" in page and "nan" not in page.lower().replace("governance", "")
    assert page.count("<svg") == 3  # values, and the estimators of two policies


def test_a_notebook_shows_the_table() -> None:
    shown = found()._repr_html_()
    assert shown.startswith("<div") and "constant:a1" in shown and "<style" not in shown
    assert re.search(r"<strong>[\d.]+</strong><div", shown)  # a line of its own without any style
    assert not re.search(r"</strong><span", shown)


def test_a_printed_evaluation_is_the_table_of_the_command() -> None:
    told = str(found())
    assert told.startswith("3,000 logged decisions earned") and "constant:a1" in told
    assert "supported" in told and "\x1b" not in told and "Evaluation(" not in told


@pytest.mark.parametrize("n", [40, 3000])
def test_frames_have_a_row_an_estimate_and_null_where_there_is_none(n: int) -> None:
    one = found(n)
    frame = one.to_polars()
    assert frame.height == sum(len(each.estimates) for each in one.policies)
    assert frame["value"].null_count() == (frame.height if n == 40 else 0)
    assert not frame.select(np_nan=frame["ess"].is_nan().any())["np_nan"][0]


def test_arrow_readers_take_it() -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table(found())
    assert table.column_names[:4] == ["policy", "verdict", "reason", "estimator"]


def test_what_is_refused_has_a_page_without_a_number() -> None:
    one = found(40)
    assert status(one) == "gray" and headline(one).startswith("The log cannot say")
    from simulator.page import render

    page = render(one)
    assert "<svg" not in page and "refused" in page and "None" not in page


def test_the_headline_makes_no_claim_of_a_lift_that_covers_nothing() -> None:
    log, _ = logged(2, n=2000)
    even = evaluate(log, ["uniform"], method=Method())
    assert "is not shown" in headline(even) and status(even) == "yellow"
