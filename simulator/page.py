"""An evaluation as one offline HTML page, and as a piece of a notebook."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from engine.experiments import page as house
from simulator import plots
from simulator.comparison import Heavy, Segment
from simulator.evaluation import Evaluation, PolicyValue
from simulator.interval.base import Interval
from simulator.wording import decimals, earned, headline, number, span, status, verdict_words


def render(found: Evaluation) -> str:
    """The page of an evaluation."""
    colour = status(found)
    return _filled(
        "evaluation.html.j2",
        **_shared(found),
        status=colour,
        mark=house.MARKS[colour],
        headline=headline(found),
        verdict=verdict_words(found),
        plot=Markup(plots.values(found)),
        estimators=[
            (one.name, Markup(plots.estimators(one, i, decimals(found))))
            for i, one in enumerate(found.policies)
        ],
        heavy=[(one.name, [_heavy(row, found) for row in _heaviest(one)]) for one in found.policies],
        segments=[(one.name, [_segment(row, found) for row in _segments(one)]) for one in found.policies],
        level=f"{100 * found.level:g} %",
    )


def fragment(found: Evaluation) -> str:
    """The table alone, as a notebook shows it."""
    return _filled("evaluation_table.html.j2", **_shared(found))


@cache
def _environment() -> Environment:
    """The templates of this folder and, for the style of the house, those of the reports."""
    folders = [Path(__file__).parent, Path(house.__file__).parent]
    return Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _filled(name: str, **given: Any) -> str:
    return _environment().get_template(name).render(**given)


def _shared(found: Evaluation) -> dict[str, Any]:
    return {"found": found, "earned": earned(found), "rows": [_row(one, found) for one in found.policies]}


def _row(one: PolicyValue, found: Evaluation) -> dict[str, str]:
    digits = decimals(found)
    return {
        "name": one.name,
        "value": number(one.value, digits),
        "span": span(one.low, one.high, digits),
        "lift": number(one.lift.value, digits, "+"),
        "lift_span": span(one.lift.low, one.lift.high, digits, "+"),
        "against": one.lift.against,
        "ess": f"{one.ess:,.0f}",
        "coverage": f"{one.coverage:.0%}",
        "weight": f"{one.max_weight:,.3g}",
        "bearing": f"{one.bearing:,.0f}",
        "verdict": one.verdict,
        "reason": one.reason,
        "chosen": one.chosen,
        "why": one.why,
        "needed": _needed(one),
    }


def _needed(one: PolicyValue) -> str:
    if one.support is None or one.support.rows_needed is None:
        return "–"
    return f"{one.support.rows_needed:,}"


def _heaviest(one: PolicyValue) -> tuple[Heavy, ...]:
    return () if one.support is None else one.support.heaviest


def _segments(one: PolicyValue) -> tuple[Segment, ...]:
    return () if one.support is None else one.support.segments


def _heavy(row: Heavy, found: Evaluation) -> dict[str, str]:
    return {
        "row": f"{row.row:,}",
        "action": row.action,
        "weight": f"{row.weight:,.3g}",
        "reward": f"{row.reward:,.4g}",
        "without": number(row.without, decimals(found) + 1),
    }


def _segment(row: Segment, found: Evaluation) -> dict[str, str]:
    digits = decimals(found)

    def told(one: Interval | None) -> tuple[str, str]:
        if one is None:
            return "too few", ""
        return number(one.value, digits, "+"), span(one.low, one.high, digits, "+")

    (measured, measured_span), (shrunk, shrunk_span) = told(row.measured), told(row.shrunk)
    return {
        "name": f"{row.column} = {row.level}",
        "rows": f"{row.rows:,}",
        "measured": measured,
        "measured_span": measured_span,
        "shrunk": shrunk,
        "shrunk_span": shrunk_span,
    }
