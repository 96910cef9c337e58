"""A report as one offline HTML page: no script, no link, nothing fetched."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from engine.experiments.curves import uplift
from engine.experiments.experiment import Experiment
from engine.experiments.plots import forest
from engine.experiments.report import Report
from engine.experiments.results import Comparison, MetricResult
from engine.experiments.sheets import brief, cards, clip, fitted, needed, tables
from engine.experiments.targeting import Targeting
from engine.experiments.trust import Check
from engine.experiments.verdict import Verdict, p_words
from engine.experiments.verdict import number as plain_number
from engine.experiments.welch import Interval

MARKS = {"green": "✓", "yellow": "!", "red": "✕", "gray": "?"}
_RANKINGS = 2, 6  # arms of a score that are printed, and on the page
_LINES, _RANKED, _SHOWN = 130, 30, 240  # of the figures of a file: printed; less for each ranking; shown
WORDS = {"green": "Proven", "yellow": "Open", "red": "Harmful", "gray": "Withheld"}


def render(report: Report) -> str:
    """The page of a report."""
    pictured, more = drawn(report.metrics)
    plot = Markup(forest(pictured, report.experiment.level))  # matplotlib escapes the names it draws
    ranked = [{"found": one, "areas": areas(one)} for one in report.targeting]
    fit = fitted(ranked, *_RANKINGS)
    return (
        environment()
        .get_template("template.html.j2")
        .render(
            **shared(report, report.verdict, report.trust, report.trusted, (_room(report), _SHOWN)),
            plot=plot,
            more=more,
            targeted=[
                {**one, "plot": Markup(uplift(one["found"], f"uplift-{i}"))} for i, one in enumerate(fit.rows)
            ],
            rankings=fit,
            costs=any(one.per_cost for metric in report.metrics for one in metric.comparisons),
        )
    )


def _room(report: Report) -> int:
    """Lines of the figures that four sheets have room for beside the rest."""
    ranked = _RANKED * min(len(report.targeting), _RANKINGS[0])
    wide = 2 if report.experiment.cost_column else 1
    return (_LINES - ranked - trust_lines(report.trust)) // wide


def lines(report: Report) -> float:
    """Lines of print that the figures take."""
    return needed([figures(metric) for metric in report.metrics])


def trust_lines(checks: Sequence[Check]) -> int:
    """Lines of print that the trust checks take."""
    told = [(one.title, one.sentence, not one.passed) for one in checks]
    return cards(*map(list, zip(*told, strict=True)))


def drawn(metrics: Sequence[MetricResult], most: int = 24) -> tuple[list[MetricResult], bool]:
    """The first metrics and arms whose effects one picture shows, and whether there are more."""
    left, kept = most, []
    for metric in metrics:
        part = metric.comparisons[:left]
        left -= len(part)
        if part:
            kept.append(replace(metric, comparisons=part))
    return kept, sum(len(one.comparisons) for one in metrics) > most


def shared(
    report: Report, verdict: Verdict, checks: Sequence[Check], trusted: bool, rows: tuple[int, int]
) -> dict[str, Any]:
    """What the templates of all pages ask for.

    Args:
        rows: of the figures: the lines of print there is room for, and the rows on the page.
    """
    kept, fit = tables([figures(metric) for metric in report.metrics], *rows)
    return {
        "report": report,
        "verdict": verdict,
        "checks": checks,
        "trusted": trusted,
        "level": f"{100 * report.experiment.level:g} %",
        "mark": MARKS[verdict.status],
        "word": WORDS[verdict.status],
        "units": sum(report.units.values()),
        "tables": kept,
        "left": fit,
        "settings": settings(report.experiment),
    }


def environment() -> Environment:
    """The templates of this folder; a name that is not given is an error."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"prose": prose, "brief": brief, "clip": clip}
    return made


def prose(text: str) -> str:
    """A sentence with true minus signs, and no line broken before a per cent sign."""
    minus = re.sub(r"(?<![\w-])-(?=\d)", "−", text)
    return re.sub(r"(?<=\d) ?%", "\N{NO-BREAK SPACE}%", minus)


def figures(metric: MetricResult) -> dict[str, Any]:
    """The table of a metric: its rows in words."""
    rows = [row for one in metric.comparisons for row in _rows(one)]
    better = "lower is better" if metric.better < 0 else ""
    role = "decides the verdict" if metric.primary else "for information"
    notes = [note for note in (role, better) if note]
    if metric.clamped_at is not None:
        notes.append(f"clamped: counted up to {metric.clamped_at:,.6g} per customer")
    return {"name": metric.metric, "note": ", ".join(notes), "rows": rows}


def _rows(one: Comparison) -> list[dict[str, Any]]:
    """The row of a comparison and, where it was clamped, the unclamped one under it."""
    reading, scale = one.reading, one.reading.absolute
    always = Interval(scale.value, reading.sequential.low, reading.sequential.high)
    shown = {
        "arm": one.arm,
        "unclamped": False,
        "units": f"{reading.n[1]:,}",
        "means": [number(mean, scale) for mean in reading.mean],
        "effect": signed(scale.value, scale),
        "span": span(scale),
        "lift": _lift(reading.relative),
        "lift_span": _lift_span(reading.relative),
        "p": p_words(one.p_adjusted),
        "always": f"{number(always.low, scale)} to {number(always.high, scale)}",
        "chance": _chance(reading.belief.chance),
        "loss": number(reading.belief.loss_switch, scale),
        "per_cost": "–" if one.per_cost is None else f"{one.per_cost.value:,.4g}",
        "per_cost_span": _cost_span(one),
    }
    if one.unclamped is None:
        return [shown]
    whole, scale = one.unclamped, one.unclamped.absolute
    beside = {
        "arm": "unclamped",
        "unclamped": True,
        "units": "",
        "means": [number(mean, scale) for mean in whole.mean],
        "effect": signed(scale.value, scale),
        "span": span(scale),
        "lift": _lift(whole.relative),
        "lift_span": _lift_span(whole.relative),
        "p": "",
        "always": f"{number(whole.sequential.low, scale)} to {number(whole.sequential.high, scale)}",
        "chance": _chance(whole.belief.chance),
        "loss": number(whole.belief.loss_switch, scale),
        "per_cost": "",
        "per_cost_span": "",
    }
    return [shown, beside]


def areas(found: Targeting) -> list[dict[str, str]]:
    """Both areas of a ranking in words."""
    told = (
        (
            "Above drawing by lot, per customer",
            "Area between the uplift curve and the diagonal",
            found.uplift,
        ),
        ("Above drawing by lot, per customer treated", "Qini: the same area of the Qini curve", found.qini),
    )
    return [
        {"name": name, "title": title, "value": signed(one.value, one), "span": span(one)}
        for name, title, one in told
    ]


def settings(experiment: Experiment) -> list[tuple[str, str]]:
    """What was asked, in words."""
    split = experiment.expected_split
    asked = {
        "Arms": f"column {experiment.arm}, compared with {experiment.control}",
        "Decides": ", ".join(experiment.leading),
        "Expected split": ", ".join(f"{arm} {share:.1%}" for arm, share in split.items())
        if split
        else ("equal" if experiment.propensity is None else ""),
        "Shares": f"as logged in {experiment.propensity}" if experiment.propensity else "",
        "Covariates": ", ".join(experiment.covariates) or "none",
        "Rows per unit": f"several, joined by {experiment.unit}" if experiment.unit else "one",
        "Randomised together": experiment.cluster or "",
        "Clamping": f"at the {experiment.clamp:.2%} quantile of all units" if experiment.clamp else "none",
        "Cost": experiment.cost_column or "",
        "Confidence": f"{100 * experiment.level:g} %, two-sided",
        "Planned to end at": f"{experiment.horizon:,.0f} units of two arms" if experiment.horizon else "",
    }
    return [(name, value) for name, value in asked.items() if value]


def number(value: float, scale: Interval) -> str:
    """A number to the digits its interval deserves, with a true minus sign."""
    return plain_number(value, scale).replace("-", "−")


def signed(value: float, scale: Interval) -> str:
    """A difference: `number` with its sign."""
    text = number(value, scale)
    return text if value < 0 else f"+{text}"


def span(interval: Interval) -> str:
    """The limits of an interval."""
    return f"{number(interval.low, interval)} to {number(interval.high, interval)}"


def _lift(interval: Interval | None) -> str:
    return "–" if interval is None else _percent(interval.value)


def _lift_span(interval: Interval | None) -> str:
    if interval is None:
        return "the control's level is too near 0"
    return f"{_percent(interval.low)[:-2]} to {_percent(interval.high)}"


def _percent(share: float) -> str:
    return f"{100 * share:+.1f}\N{NO-BREAK SPACE}%".replace("-", "−")


def _chance(chance: float) -> str:
    if chance > 0.999:
        return "> 99.9 %"
    return "< 0.1 %" if chance < 0.001 else f"{100 * chance:.1f} %"


def _cost_span(one: Comparison) -> str:
    found = one.per_cost
    if found is None:
        return ""
    if found.low is None or found.high is None:
        return "no finite interval"
    return f"{found.low:,.4g} to {found.high:,.4g}"
