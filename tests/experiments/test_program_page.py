"""The page of a program: complete in one file, in the order it is read, and four sheets of paper at most."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from engine.calendar import microseconds
from engine.experiments import page
from engine.experiments.curves import climb
from engine.experiments.ladder import Step
from engine.experiments.page import prose
from engine.experiments.program import Also, ProgramReport, report_program
from engine.experiments.program_page import render
from engine.store.predictions import put_predictions
from engine.store.rows import PredictionRow
from tests.experiments.programs import DAY, START, Person, shop
from tests.experiments.test_page import Tags

KINDS = {"visit": 0.9, "click": 0.5, "unsubscribe": 0.02, "complaint": 0.01, "song": 0.2, "cart": 0.4}


def busy(n: int) -> list[Person]:
    """People in four arms with every kind of outcome, before and after, over 100 days."""
    chance, people = np.random.default_rng(3), []
    for arm in chance.choice(["policy", "random", "bau", "holdout"], n, p=[0.5, 0.1, 0.2, 0.2]):
        bought = [
            (float(chance.uniform(-20, 100)), "purchase", float(chance.lognormal(3, 0.8)))
            for _ in range(chance.poisson(1.9))
        ]
        other = [
            (float(chance.uniform(0, 100)), kind, 0.0)
            for kind, rate in KINDS.items()
            for _ in range(chance.poisson(rate))
        ]
        contacts = () if arm == "holdout" else (0, 30, 60)
        people.append(Person(str(arm), 0, contacts, (*bought, *other)))
    return people


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> ProgramReport:
    store = shop(tmp_path_factory.mktemp("busy") / "shop.db", busy(3000))
    day = microseconds(START - DAY)
    chance = np.random.default_rng(4)
    with store.write() as connection:
        scores = [PredictionRow(f"c{i}", "lift", "1", float(chance.random()), day, day) for i in range(3000)]
        put_predictions(connection, scores)
    with store.read() as connection:
        also = Also(score="lift", upkeep_before=4000.0, upkeep_now=500.0)
        found = report_program(connection, "spring", START + 100 * DAY, also=also)
    store.close()
    return found


def test_the_page_is_read_from_the_sentence_to_the_method(report: ProgramReport) -> None:
    text, tags = render(report), Tags()
    tags.feed(text)
    assert tags.open == [] and len(text.encode()) < 500_000
    heads = [
        "trust", "ladder", "effects", "growth", "wear", "money", "guardrails", "uplift", "lifetime", "plan",
        "figures", "method",
    ]  # fmt: skip
    places = [text.index(f'<h2 id="{one}"') for one in heads]
    assert places == sorted(places)
    assert text.index(prose(report.verdict.sentence)) < places[0]
    levels = [int(tag[1]) for tag, _ in tags.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and set(levels[1:]) == {2}
    assert all("scope" in attributes for tag, attributes in tags.tags if tag == "th")
    ids = [attributes["id"] for _, attributes in tags.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all(
        f'id="{name}"' in text for _, one in tags.tags for name in (one.get("aria-labelledby") or "").split()
    )


def test_every_picture_is_told_in_words(report: ProgramReport) -> None:
    told = re.findall(r"<svg [^>]*role=\"img\".*?<desc[^>]*>(.*?)</desc>", render(report), re.S)
    assert len(told) == 6 and all(len(one) > 40 for one in told)


def test_what_a_director_meets_is_said_in_words(report: ProgramReport) -> None:
    text = render(report)
    drawn = text[text.index('class="plot"') :]
    assert all(word in drawn for word in ("no contact", "today's rules", "contacts by lot"))
    assert "known exactly" in text and "counted up to" in drawn
    assert all(f'<li class="{one.status}' in text for one in report.guardrails)


def test_every_picture_that_scrolls_is_reached_by_key(report: ProgramReport) -> None:
    tags = Tags()
    tags.feed(render(report))
    scrolled = [one for tag, one in tags.tags if tag == "figure" or one.get("class") == "scroll"]
    assert scrolled and all(one.get("tabindex") == "0" for one in scrolled)


def test_words_in_colour_can_be_read() -> None:
    """4.5 to 1 at least (WCAG 2.2, 1.4.3), light and dark: of a verdict on its tint, and on the paper."""
    style = (Path(page.__file__).parent / "style.css").read_text()
    light, dark = style[: style.index("@media (prefers")], style[style.index("@media (prefers") :]
    for part in (light, dark.split("* { box-sizing")[0]):
        pairs = re.findall(r"--status: (#\w{6}); --tint: (#\w{6})", part)
        colour = dict(re.findall(r"--(\w+): (#\w{6})", part.split("\n.", 1)[0]))
        pairs += [
            (colour[one], colour[on]) for one in ("ink", "muted", "good", "bad") for on in ("paper", "card")
        ]
        assert len(pairs) >= 12 and all(contrast(*pair) >= 4.5 for pair in pairs)


def contrast(one: str, two: str) -> float:
    high, low = sorted((_light(one), _light(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _light(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_page_tells_the_bayesian_reading_and_what_was_entered(report: ProgramReport) -> None:
    text = render(report)
    assert "expected loss" in text and "at risk</span>" in text
    assert report.upkeep is not None and report.upkeep.sentence in text


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs the Chromium browser")
def test_the_page_prints_on_four_sheets(report: ProgramReport, tmp_path: Path) -> None:
    page, printed = tmp_path / "page.html", tmp_path / "page.pdf"
    page.write_text(render(report), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    options += ["--disable-background-networking", "--disable-component-update", "--no-pdf-header-footer"]
    places = [f"--user-data-dir={tmp_path / 'profile'}", f"--print-to-pdf={printed}", page.as_uri()]
    subprocess.run(["chromium", *options, *places], check=True, capture_output=True, timeout=60)
    assert 1 <= len(re.findall(rb"/Type\s*/Page[^s]", printed.read_bytes())) <= 4


def test_prose_has_true_minus_signs_and_leaves_options_alone() -> None:
    assert prose("-1 to (-2), e-mail, --plan, 5 %") == "−1 to (−2), e-mail, --plan, 5\N{NO-BREAK SPACE}%"


def test_the_waterfall_climbs_every_rung_once() -> None:
    pairs = (("holdout", "bau"), ("bau", "evaluation"), ("policy", "evaluation"), ("no_levers", "evaluation"))
    steps = [Step(below, arm, "worth", None) for below, arm in pairs]
    assert [(one.below, one.arm) for one in climb(steps, "holdout")] == list(pairs[:2])
