"""The page is one calm offline file; the command writes it whole or not at all."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from engine.experiments.command import report as verb
from engine.experiments.page import render
from engine.experiments.report import Report, analyse
from tests.experiments.worlds import experiment

HILLSTROM = Path(__file__).parents[2] / "examples" / "hillstrom" / "hillstrom.csv.gz"
ASKED = ["--arm", "segment", "--control", "No E-Mail", "--metric", "visit"]


class Tags(HTMLParser):
    """Collects tags and text, and refuses tags that do not close."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "br", "col"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page(report: Report) -> tuple[str, Tags]:
    text, tags = render(report), Tags()
    tags.feed(text)
    assert tags.open == []
    return text, tags


@pytest.fixture(scope="module")
def good() -> Report:
    frame = experiment(effect=3.0).with_columns(cost=pl.when(pl.col("arm") == "b").then(0.1).otherwise(0.0))
    return analyse(
        frame,
        arm="arm",
        control="a",
        metrics=["spend"],
        ratios=[("spend", "orders")],
        covariates=["before"],
        clamp=0.99,
        cost_column="cost",
    )


def test_the_page_loads_nothing_runs_nothing_and_is_small(good: Report) -> None:
    text, tags = page(good)
    assert len(text.encode()) < 500_000
    assert not {"script", "link", "img", "iframe", "object", "form"} & {tag for tag, _ in tags.tags}
    links = [
        value
        for _, attributes in tags.tags
        for name, value in attributes.items()
        if name in {"src", "href", "xlink:href"}
    ]
    assert all(str(link).startswith("#") for link in links)
    assert "@import" not in text and not re.search(r"url\((?!#)", text)


def test_the_page_can_be_read_aloud(good: Report) -> None:
    text, tags = page(good)
    names = [tag for tag, _ in tags.tags]
    assert ("html", {"lang": "en"}) in tags.tags
    assert names.count("h1") == 1 and names.count("main") == 1
    assert all("scope" in attributes for tag, attributes in tags.tags if tag == "th")
    plot = next(attributes for tag, attributes in tags.tags if tag == "svg")
    assert plot["role"] == "img"
    for name in str(plot["aria-labelledby"]).split():
        assert f'id="{name}"' in text
    ids = [attributes["id"] for _, attributes in tags.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_sentence_status_and_trust_come_before_the_figures(good: Report) -> None:
    text, _ = page(good)
    order = [
        good.verdict.sentence[:20],
        good.verdict.heading,
        'id="trust"',
        'id="effects"',
        'id="figures"',
        'id="method"',
    ]
    places = [text.index(part, text.index("<main>")) for part in order]
    assert places == sorted(places)
    assert "prefers-color-scheme: dark" in text and "@media print" in text


def test_every_figure_of_the_page_is_the_reports(good: Report) -> None:
    text, _ = page(good)
    reading = good.metrics[0].comparisons[0].reading
    assert (
        f"+{reading.absolute.value:.2f}" in text
        and f"{100 * (reading.relative.value if reading.relative else 0):+.1f}" in text
    )
    assert "unclamped" in text and "Fieller" in text and "CUPED" in text


def test_the_same_report_gives_the_same_page(good: Report) -> None:
    assert render(good) == render(good)


def test_names_from_the_file_cannot_write_the_page() -> None:
    evil = '<script>alert("$x_1$")</script>'
    frame = experiment().with_columns(arm=pl.col("arm").replace("b", evil)).rename({"spend": evil})
    text, tags = page(analyse(frame, arm="arm", control="a", metrics=[evil]))
    assert "script" not in {tag for tag, _ in tags.tags} and "&lt;script&gt;" in text


def test_a_withheld_result_says_so_on_the_page() -> None:
    text, _ = page(analyse(experiment().with_columns(spend=1.0), arm="arm", control="a", metrics=["spend"]))
    assert "The result is withheld" in text and "variation" in text and 'class="failed"' in text


def run(*words: str) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(verb)
    found = CliRunner().invoke(app, list(words))
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found.exit_code, found.stdout


def test_the_command_prints_json_and_writes_the_page(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "out.html"
    code, out = run(str(HILLSTROM), *ASKED, "--ratio", "spend/visit", "--html", str(target), "--json")
    found = json.loads(out)
    assert code == 0 and found["verdict"]["status"] == "green"
    assert [metric["metric"] for metric in found["metrics"]] == ["visit", "spend/visit"]
    assert target.read_text().startswith("<!doctype html>")
    assert list(target.parent.iterdir()) == [target]


def test_the_table_holds_the_figures_of_the_json(tmp_path: Path) -> None:
    target = tmp_path / "figures.csv"
    asked = ["--metric", "spend", "--clamp", "0.999", "--score", "history", "--csv", str(target), "--json"]
    code, out = run(str(HILLSTROM), *ASKED, *asked)
    found, rows = json.loads(out), pl.read_csv(target)
    assert code == 0
    for metric in found["metrics"]:
        for one in metric["comparisons"]:
            own = rows.filter(name=metric["metric"], arm=one["arm"])
            told = {
                section: limits
                for section, *limits in own.select("section", "value", "low", "high").iter_rows()
            }
            assert told["effect"] == [one["absolute"][name] for name in ("value", "low", "high")]
            assert told["expected loss"][0] == one["expected_loss"]["switch"]
            assert told["chance of more"][0] == one["chance_to_win"]
            if one["unclamped"]:
                assert told["effect, unclamped"][0] == one["unclamped"]["absolute"]["value"]
    assert rows.filter(section="qini").height == 2 == len(found["targeting"])


def test_the_command_prints_a_table() -> None:
    code, out = run(str(HILLSTROM), *ASKED)
    assert code == 0
    for part in ("keep it", "passed  Split as promised?", "0.0766", "0.0700 to 0.0832"):
        assert part in out


def test_a_failed_check_exits_with_one_and_still_shows_what_was_found() -> None:
    split = "No E-Mail=0.5,Mens E-Mail=0.3,Womens E-Mail=0.2"
    code, out = run(str(HILLSTROM), *ASKED, "--expected-split", split, "--json")
    assert code == 1 and json.loads(out)["trust"]["srm"]["passed"] is False


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--expected-split", "half"], "must be ARM=SHARE"),
        (["--expected-split", "a=1e"], "'1e' is not a number"),
        (["--ratio", "spend"], "must be two columns"),
        (["--html", "/proc/none/page.html"], "cannot be written"),
    ],
)
def test_bad_options_are_one_sentence(words: list[str], message: str) -> None:
    from engine.errors import InputError

    with pytest.raises(InputError, match=message):
        run(str(HILLSTROM), *ASKED, *words)
