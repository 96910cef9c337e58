"""A program's report as one offline HTML page: no script, no link, nothing fetched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from engine.calendar import instant
from engine.experiments import curves, page
from engine.experiments.guardrails import Watch
from engine.experiments.ladder import Step
from engine.experiments.lifetime import Lifetime
from engine.experiments.lifetime import sentences as lifetime_sentences
from engine.experiments.money import Money, Ratio
from engine.experiments.planning import Horizon, sentences
from engine.experiments.plots import forest
from engine.experiments.program import ProgramReport
from engine.experiments.received import CONTROL
from engine.experiments.segments import Segment
from engine.experiments.sheets import Fitted, cards, clip, fitted
from engine.experiments.verdict import Status, p_words
from engine.experiments.welch import Interval

_DRAWN = 4  # metrics in the forest plot; the table has all
_SEGMENTS, _HARMS = (9, 120), (9, 60)  # printed, and on the page
_LINES, _LEAST, _SHOWN = 104, 6, 160  # of the figures: lines less what the rest takes, at least; rows shown
_SPARE = 30  # lines that are left where pictures are printed large
_TAKEN = {"targeting": 30, "lifetime": 36, "plan": 16}  # lines that are free where there is none
_TOLD: dict[Status, str] = {"green": "held", "yellow": "open", "red": "broken", "gray": "not seen"}


def render(report: ProgramReport) -> str:
    """The page of a program's report."""
    figures = report.figures
    pictured, more = page.drawn(figures.metrics[:_DRAWN])
    return (
        page.environment()
        .get_template("program.html.j2")
        .render(
            program=report,
            **page.shared(figures, report.verdict, report.trust, report.trusted, (_room(report), _SHOWN)),
            roomy=roomy(report),
            since=f"{instant(report.since_us):%d %B %Y}",
            until=f"{report.at:%d %B %Y}",
            waterfall=Markup(_waterfall(report)),
            growth=Markup(curves.growth(report.looks, report.marks)),
            wear=Markup(curves.wear(report.weeks)),
            plot=Markup(forest(pictured, figures.experiment.level)),
            more=more or len(figures.metrics) > _DRAWN,
            steps=[_step(one) for one in report.ladder],
            amounts=amounts(report.money),
            ratios=[ratio(one) for one in report.money.ratios],
            reached_control=CONTROL,
            watches=watches(report.guardrails),
            lifetime=report.lifetime,
            lived=lifetime_sentences(report.lifetime) if report.lifetime else (),
            year=Markup("" if report.lifetime is None else curves.year(report.lifetime)),
            seen="" if report.lifetime is None else _seen(report.lifetime),
            scenarios=_scenarios(report.lifetime),
            levels=_levels(report.lifetime),
            months=_months(report.lifetime),
            targeting=report.targeting,
            uplift=Markup("" if report.targeting is None else curves.uplift(report.targeting)),
            ranks=[] if report.targeting is None else page.areas(report.targeting),
            costs=False,
            plan=report.plan,
            segments=_segments(report.segments),
            planned=() if report.plan is None else sentences(report.plan),
            ahead=[] if report.plan is None else [_ahead(one) for one in report.plan.ahead],
        )
    )


def _waterfall(report: ProgramReport) -> str:
    """The ladder as a picture: it needs a level to stand on."""
    first = next((one.reading for one in report.ladder if one.reading is not None), None)
    return "" if first is None else curves.waterfall(report.ladder, first.mean[0], report.arms[0])


def _step(one: Step) -> dict[str, Any]:
    shown = {"arm": one.arm, "below": one.below, "worth": one.worth}
    if one.reading is None:
        return {**shown, "levels": ["–", "–"], "effect": "–", "always": "nothing varies", "fixed": "–"}
    scale = one.reading.absolute
    return {
        **shown,
        "levels": [page.number(level, scale) for level in one.reading.mean],
        "effect": page.signed(scale.value, scale),
        "always": page.span(one.reading.always),
        "fixed": page.span(scale),
    }


def amounts(account: Money) -> list[dict[str, str]]:
    """The lines of an account in words."""
    return [
        {
            "meaning": one.meaning,
            "total": page.signed(one.total.value, one.total),
            "total_span": _span(one.total),
            "customer": page.signed(one.customer.value, one.customer),
            "customer_span": _span(one.customer),
        }
        for one in account.amounts
    ]


def _span(one: Interval) -> str:
    return "known exactly" if one.low == one.high else page.span(one)


def ratio(one: Ratio) -> dict[str, str]:
    """A ratio in words."""
    return {"name": one.name, "meaning": one.meaning, "sentence": one.sentence}


def roomy(report: ProgramReport) -> bool:
    """Whether four sheets have room for large pictures."""
    return _room(report) - page.lines(report.figures) >= _SPARE


def _room(report: ProgramReport) -> int:
    """Lines of the figures that four sheets have room for beside the rest."""
    free = sum([lines for part, lines in _TAKEN.items() if getattr(report, part) is None])
    harms = report.guardrails[: _HARMS[0]]
    titles = [f"{clip(one.kind)} {one.arm} against {one.control}: held" for one in harms]
    held = cards(titles, [one.sentence for one in harms], [False] * len(harms))
    segments = 8 + min(len(report.segments), _SEGMENTS[0]) if report.segments else 0
    verdict = 2 * min(len(report.verdict.sentence) // 75, 3) + min(len(report.verdict.guidance) // 110, 3)
    reached = 6 + 2 * len(report.received) if report.received else 0
    notes = sum(min(1 + len(one) // 120, 2) for one in report.notes)
    return max(
        _LINES + free - page.trust_lines(report.trust) - held - segments - notes - verdict - reached, _LEAST
    )


def _segments(found: Sequence[Segment]) -> Fitted:
    """The segments in words; where they do not fit on paper, those with most customers are printed."""
    return fitted([_segment(one) for one in found], *_SEGMENTS, first=lambda i: -found[i].customers)


def _segment(one: Segment) -> dict[str, str]:
    return {
        "name": f"{one.attribute} {one.level}",
        "customers": f"{one.customers:,}",
        "effect": page.signed(one.effect.value, one.effect),
        "span": page.span(one.effect),
        "shrunk": page.signed(one.shrunk.value, one.shrunk),
        "shrunk_span": page.span(one.shrunk),
        "p": p_words(one.p),
    }


def _seen(found: Lifetime) -> str:
    return page.signed(found.observed.value, found.observed)


def _scenarios(found: Lifetime | None) -> list[dict[str, str]]:
    return [
        {
            "name": one.name,
            "meaning": one.meaning,
            "projected": page.signed(one.projected.value, one.total),
            "total": page.signed(one.total.value, one.total),
            "span": page.span(one.total),
        }
        for one in (found.scenarios if found else ())
    ]


def _levels(found: Lifetime | None) -> list[dict[str, str]]:
    return [
        {
            "arm": one.arm,
            "observed": page.number(one.observed.value, one.total),
            "projected": page.number(one.projected.value, one.total),
            "total": page.number(one.total.value, one.total),
            "span": page.span(one.total),
        }
        for one in (found.levels if found else ())
    ]


def _months(found: Lifetime | None) -> str:
    """The months that were seen, in one line."""
    return "; ".join(
        f"month {one.week} {page.signed(one.effect.value, one.effect)} ({page.span(one.effect)})"
        for one in (found.months if found else ())
    )


def _ahead(one: Horizon) -> dict[str, str]:
    shown = {"days": str(one.days), "found": f"{one.detectable:,.3g}"}
    if one.share is None or one.cost is None:
        return {**shown, "share": "none finds it", "cost": "–", "cost_span": ""}
    cost = page.number(one.cost.value, one.cost)
    return {**shown, "share": f"{one.share:.1%}", "cost": cost, "cost_span": page.span(one.cost)}


def watches(watched: Sequence[Watch]) -> Fitted:
    """Guardrails in words; where they do not fit on paper, those that are broken or open are printed."""
    rows = [
        {
            "kind": one.kind,
            "arm": one.arm,
            "control": one.control,
            "status": one.status,
            "mark": page.MARKS[one.status],
            "word": _TOLD[one.status],
            "sentence": one.sentence,
        }
        for one in watched
    ]
    order = ("red", "yellow", "green", "gray")
    return fitted(rows, *_HARMS, first=lambda i: order.index(watched[i].status))
