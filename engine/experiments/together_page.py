"""What all programs earned together, as one offline HTML page."""

from __future__ import annotations

from engine.calendar import instant
from engine.experiments import page
from engine.experiments.portfolio import Line
from engine.experiments.program_page import amounts, ratio, watches
from engine.experiments.sheets import fitted
from engine.experiments.together import Together

_FIGURES, _PROGRAMS = (30, 60), (20, 200)  # printed, and on the page


def render(report: Together) -> str:
    """The page of a report on all programs."""
    figures = report.figures
    return (
        page.environment()
        .get_template("together.html.j2")
        .render(
            found=report,
            **page.shared(figures, report.verdict, report.trust, report.trusted, _FIGURES),
            since=f"{instant(report.since_us):%d %B %Y}",
            until=f"{report.at:%d %B %Y}",
            amounts=amounts(report.money),
            ratios=[ratio(one) for one in report.money.ratios],
            watches=watches(report.guardrails),
            lines=fitted([_line(one) for one in report.lines], *_PROGRAMS),
            count=len(report.lines),
            costs=False,
        )
    )


def _line(one: Line) -> dict[str, str]:
    shown = {"program": one.program, "sentence": one.sentence, "per": one.per}
    if one.effect is None or one.corrected is None:
        return {**shown, "effect": "–", "span": "", "corrected": "–", "word": "no figure"}
    return {
        **shown,
        "effect": page.signed(one.effect.value, one.effect),
        "span": page.span(one.effect),
        "corrected": page.span(one.corrected),
        "word": "proven" if one.proven else "open",
    }
