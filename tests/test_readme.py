"""The README and the pages of docs/ are run as a reader would run them; what they show must be printed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.documents import ROOT, Reader, blocks, commands, difference, mismatch, near, nextbest, run

README = ROOT / "README.md"
RUN_ELSEWHERE = {"program.md"}  # tests/engine/test_program.py
PAGES = [
    README,
    *(page for page in sorted((ROOT / "docs").glob("*.md")) if page.name not in RUN_ELSEWHERE),
    *sorted((ROOT / "docs" / "worlds").glob("*.md")),
    *sorted((ROOT / "examples").glob("*/README.md")),
]
HILLSTROM = str(ROOT / "examples" / "hillstrom" / "hillstrom.csv.gz")
PICTURE_BYTES = 150_000


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_what_a_page_says_is_what_happens(page: Path, tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    try:
        reader.follow(page)
    finally:
        reader.close()


def test_what_the_readme_shows_of_the_demo_is_what_the_demo_prints(tmp_path: Path) -> None:
    code, printed = run([*nextbest(), "demo"], tmp_path)
    assert code == 0, printed
    shown = next(block.text for block in blocks(README) if "output of the demo" in block.notes)
    differs = mismatch(shown, printed, loose_after="SIMULATED")
    assert not differs, differs
    report = json.loads((tmp_path / "nextbest-demo" / "report.json").read_text(encoding="utf-8"))
    assert effect(report, "visit", "Mens E-Mail") == pytest.approx((0.0766, 0.0066), abs=5e-5)
    assert effect(report, "visit", "Womens E-Mail") == pytest.approx((0.0452, 0.0063), abs=5e-5)
    assert effect(report, "spend", "Mens E-Mail") == pytest.approx((0.770, 0.285), abs=5e-3)
    assert effect(report, "spend", "Womens E-Mail") == pytest.approx((0.424, 0.255), abs=5e-3)
    assert "http" not in re.sub(
        r"http://www.w3.org\S*", "", (tmp_path / "nextbest-demo/report.html").read_text()
    )


def effect(report: dict[str, Any], metric: str, arm: str) -> tuple[float, float]:
    """Difference to the control, and half its interval."""
    comparisons = next(one["comparisons"] for one in report["metrics"] if one["metric"] == metric)
    found = next(one["absolute"] for one in comparisons if one["arm"] == arm)
    return found["value"], (found["high"] - found["low"]) / 2


def test_the_value_of_always_mens_is_the_mean_of_its_arm_and_learning_is_not_claimed_to_beat_it(
    tmp_path: Path,
) -> None:
    always = "constant:Mens E-Mail"
    code, printed = run(
        [*nextbest(), "evaluate", HILLSTROM, "--action", "segment", "--propensity", str(1 / 3),
         "--reward", "visit", "--context", "recency,history,mens,womens,zip_code,newbie,channel",
         "--policy", always, "--policy", "learnt", "--against", always,
         "--estimator", "snips,ips,dr", "--json"],
        tmp_path,
    )  # fmt: skip
    assert code == 0, printed
    mens, learnt = json.loads(printed)["policies"]
    value = {one["estimator"]: one["value"] for one in mens["estimates"]}
    assert value["snips"] == pytest.approx(3894 / 21307, rel=1e-12)  # visits of the arm's customers
    assert value["ips"] == pytest.approx(3894 * 3 / 64000, rel=1e-9)
    assert (mens["verdict"], learnt["verdict"]) == ("supported", "supported")
    assert learnt["lift"]["against"] == always
    assert learnt["lift"]["low"] < 0 < learnt["lift"]["high"]


def test_the_two_commands_of_the_first_screen_are_targets_of_the_makefile() -> None:
    first = next(block for block in blocks(README) if block.kind == "sh")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for words in commands(first.text):
        assert words[0] == "make" and re.search(rf"^{words[1]}:", makefile, re.MULTILINE)


@pytest.mark.parametrize("page", [*PAGES, *(ROOT / "docs").glob("decisions/*.md")], ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert "://" not in target, f"{target} needs a network"
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_picture_is_small_enough_to_load_at_once() -> None:
    assert 0 < (ROOT / "docs" / "report.png").stat().st_size <= PICTURE_BYTES


def test_a_page_that_shows_something_else_is_found_out() -> None:
    printed = "3 of 12 offers\n\n  value  0.1823   ok\nend\n"
    assert not mismatch("3 of 12 offers\n…\nend\n", printed)
    assert not mismatch("3 of 12 offers\n\n  value 0.1824 …\nend\n", printed)
    assert mismatch("3 of 12 offers\n\n  value 0.1843 ok\nend\n", printed)
    assert mismatch("3 of 11 offers\n…\n", printed)
    assert mismatch("3 of 12 offers\n", printed)
    assert not mismatch("3 of 11 offers\n…\n", printed, loose_after="3 of")
    assert not difference({"a": [1, "…", 4], "b": "…"}, {"a": [1, 2, 3, 4], "b": 0})
    assert difference({"a": [1, "…", 4]}, {"a": [1, 2, 3]})
    assert difference({"a": 0.25}, {"a": 0.26}, "x")
    assert near("1,000", "1,004") and not near("12", "13")
