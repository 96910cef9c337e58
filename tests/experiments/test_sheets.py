"""However much was measured, a page prints on four sheets, weighs half a megabyte and names what is cut."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.calendar import microseconds
from engine.experiments import page, program_page, together_page
from engine.experiments.program import Also, ProgramReport, report_program
from engine.experiments.report import Report, analyse
from engine.experiments.sheets import brief, clip, fitted, tables
from engine.experiments.together import report_together
from engine.experiments.trust import Check
from engine.store.predictions import put_predictions
from engine.store.rows import PredictionRow
from tests.experiments.programs import DAY, START, shop
from tests.experiments.test_page import Tags
from tests.experiments.test_program_page import busy
from tests.experiments.test_together import END, town
from tests.experiments.worlds import experiment

LONG = "a name as long as somebody who has no end of patience may type into the field of it"
WORDS = "And on it goes, because there is always one more thing to say of so many arms. " * 60


@given(st.lists(st.integers(), max_size=40), st.integers(0, 20), st.integers(0, 30))
def test_every_row_is_printed_or_on_the_page_or_counted(values: list[int], printed: int, shown: int) -> None:
    rows = [{"at": i, "value": one} for i, one in enumerate(values)]
    fit = fitted(rows, printed, shown, first=lambda i: -values[i])
    at, ranked = [one["at"] for one in fit.rows], sorted(values, reverse=True)
    on_paper = [one["value"] for one in fit.rows if not one["screen"]]
    assert at == sorted(at) and [one["value"] for one in fit.rows] == [values[i] for i in at]
    assert sorted((values[i] for i in at), reverse=True) == ranked[:shown]
    assert sorted(on_paper, reverse=True) == ranked[: min(printed, shown)]
    assert len(on_paper) + fit.paper == len(values) == len(fit.rows) + fit.page


@given(st.lists(st.integers(0, 5), max_size=12), st.integers(0, 20), st.integers(0, 30))
def test_tables_keep_their_rows_and_no_table_is_empty_that_was_not(
    sizes: list[int], printed: int, shown: int
) -> None:
    found = [{"name": i, "rows": [{"arm": "", "row": (i, j)} for j in range(n)]} for i, n in enumerate(sizes)]
    kept, fit = tables(found, printed, shown)
    rows = [row["row"] for table in kept for row in table["rows"]]
    assert rows == [(i, j) for i, n in enumerate(sizes) for j in range(n)][: len(rows)]
    assert sum(max(n, 1) for n in sizes) == fit.page + sum(max(len(one["rows"]), 1) for one in kept)
    assert all(one["rows"] or not sizes[one["name"]] for one in kept)


@given(st.text(alphabet="ab ", max_size=200), st.integers(5, 60))
def test_what_is_cut_short_says_so(text: str, length: int) -> None:
    assert len(clip(text, length)) <= length and (clip(text, length) == text) == (len(text) <= length)
    assert brief(text, length) == text or brief(text, length).endswith("… (whole in the JSON)")


def checks(found: tuple[Check, ...]) -> tuple[Check, ...]:
    """Every check, and as many failed ones with much to say."""
    return (*found, *(replace(one, name=f"{one.name} too", passed=False, sentence=WORDS) for one in found))


def figures(found: Report, metrics: int, arms: int) -> Report:
    """As many metrics and arms, each with a name of its own."""
    base = [one for one in found.metrics if one.comparisons]
    grown = tuple(
        replace(
            base[i % len(base)],
            metric=f"{LONG} {i}",
            primary=i == 0,
            comparisons=tuple(
                replace(base[i % len(base)].comparisons[0], arm=f"{LONG} {j}") for j in range(arms)
            ),
        )
        for i in range(metrics)
    )
    return replace(found, metrics=grown)


@pytest.fixture(scope="module")
def large_program(tmp_path_factory: pytest.TempPathFactory) -> ProgramReport:
    store = shop(tmp_path_factory.mktemp("large") / "shop.db", busy(1100))
    day = microseconds(START - DAY)
    with store.write() as connection:
        rows = [PredictionRow(f"c{i}", "lift", "1", float(i * 7 % 1100), day, day) for i in range(1100)]
        put_predictions(connection, rows)
    with store.read() as connection:
        also = Also(score="lift", upkeep_before=4000.0, upkeep_now=500.0)
        found = report_program(connection, "spring", START + 100 * DAY, also=also)
    store.close()
    segment = program_page.Segment(LONG, LONG, 10, found.looks[-1].effect, found.looks[-1].effect, 0.5)
    watch = found.guardrails[0]
    return replace(
        found,
        title=WORDS,
        verdict=replace(found.verdict, sentence=WORDS, guidance=WORDS),
        trust=checks(found.trust),
        ladder=(*found.ladder, *found.ladder[-1:] * 6),
        figures=figures(found.figures, 200, 7),
        guardrails=tuple(replace(watch, kind=f"{LONG} {i}", sentence=WORDS[:160]) for i in range(300)),
        segments=tuple(replace(segment, level=f"{LONG} {i}", customers=i) for i in range(3000)),
        looks=tuple(replace(found.looks[-1], day=20000 + i) for i in range(3000)),
        marks=tuple((20000 + 7 * i, f"version {i}") for i in range(400)),
        weeks=tuple(replace(found.weeks[0], week=i + 1) for i in range(430)),
        notes=(WORDS,) * 3,
    )


@pytest.fixture(scope="module")
def pages(
    large_program: ProgramReport, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[str, Path]]:
    """The three pages, each of more than anybody has."""
    file = analyse(
        experiment(200, effect=3.0),
        arm="arm",
        control="a",
        metrics=["spend"],
        clamp=0.99,
        covariates=["before"],
        score="before",
        cost_column="orders",
        allow_negative=["spend"],
    )
    file = replace(
        figures(file, 300, 60),
        source=WORDS,
        trust=checks(file.trust),
        verdict=replace(file.verdict, sentence=WORDS, guidance=WORDS),
        targeting=tuple(replace(file.targeting[0], arm=f"{LONG} {i}") for i in range(40)),
    )
    with town(tmp_path_factory.mktemp("town") / "shop.db", 120, gain=4.0).read() as connection:
        every = report_together(connection, END)
    line = every.lines[0]
    every = replace(
        every,
        trust=checks(every.trust),
        verdict=replace(every.verdict, sentence=WORDS, guidance=WORDS),
        lines=tuple(replace(line, program=f"{LONG} {i}", sentence=WORDS) for i in range(900)),
        guardrails=tuple(
            replace(large_program.guardrails[0], kind=f"{LONG} {i}", sentence=WORDS[:160]) for i in range(300)
        ),
        notes=(WORDS,) * 3,
    )
    folder = tmp_path_factory.mktemp("pages")
    made = {
        "program": program_page.render(large_program),
        "file": page.render(file),
        "all": together_page.render(every),
    }
    for name, text in made.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: (text, folder / f"{name}.html") for name, text in made.items()}


@pytest.mark.parametrize("name", ["program", "file", "all"])
def test_a_page_of_more_than_anybody_has_is_half_a_megabyte(
    pages: dict[str, tuple[str, Path]], name: str
) -> None:
    text, _ = pages[name]
    tags = Tags()
    tags.feed(text)
    assert tags.open == [] and len(text.encode()) <= 500_000
    assert "Not printed: " in text and "Not on this page: " in text and "(whole in the JSON)" in text


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs the Chromium browser")
@pytest.mark.parametrize("name", ["program", "file", "all"])
def test_a_page_of_more_than_anybody_has_prints_on_four_sheets(
    pages: dict[str, tuple[str, Path]], name: str, tmp_path: Path
) -> None:
    assert 1 <= sheets(pages[name][1], tmp_path) <= 4


def sheets(source: Path, folder: Path) -> int:
    """Sheets of A4 that Chromium prints."""
    printed = folder / "page.pdf"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    options += ["--disable-background-networking", "--disable-component-update", "--no-pdf-header-footer"]
    places = [f"--user-data-dir={folder / 'profile'}", f"--print-to-pdf={printed}", source.as_uri()]
    subprocess.run(["chromium", *options, *places], check=True, capture_output=True, timeout=60)
    return len(re.findall(rb"/Type\s*/Page[^s]", printed.read_bytes()))


def test_what_is_left_out_of_the_page_is_counted(pages: dict[str, tuple[str, Path]]) -> None:
    text = pages["program"][0]
    assert "Not on this page: 2,880 segments." in text and "Not printed: 2,991 more segments." in text
    assert "Not on this page: 240 guardrails." in text and "Not printed: 291 more guardrails." in text
    assert f'title="{LONG} {LONG} 2999"' in text and f'title="{LONG} {LONG} 2879"' not in text


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs the Chromium browser")
def test_large_pictures_are_printed_where_there_is_room_and_still_on_four_sheets(
    large_program: ProgramReport, tmp_path: Path
) -> None:
    """As many figures as leave room for large pictures, and no more."""
    plain = replace(
        large_program,
        title="",
        verdict=replace(large_program.verdict, sentence=WORDS[:90], guidance=WORDS[:120]),
        trust=large_program.trust[: len(large_program.trust) // 2],
        ladder=large_program.ladder[:4],
        guardrails=(),
        segments=(),
        notes=(),
    )
    short = replace(large_program.figures.metrics[0].comparisons[0], arm="policy")
    grown = [
        replace(plain, figures=replace(plain.figures, metrics=(metric,) * n))
        for metric in [replace(plain.figures.metrics[0], metric="spend", comparisons=(short,) * 3)]
        for n in range(1, 20)
    ]
    roomy = [one for one in grown if program_page.roomy(one)]
    assert 0 < len(roomy) < len(grown) and roomy == grown[: len(roomy)]
    (tmp_path / "roomy.html").write_text(program_page.render(roomy[-1]), encoding="utf-8")
    assert sheets(tmp_path / "roomy.html", tmp_path) <= 4
