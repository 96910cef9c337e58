"""The pictures of a program: the ladder as a waterfall, the effect as it grew, the effect week by week."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from engine.calendar import instant
from engine.experiments.daily import Look, Week
from engine.experiments.headline import AGAINST
from engine.experiments.ladder import Step
from engine.experiments.lifetime import Lifetime
from engine.experiments.plots import EFFECT, INK, LINE, MUTED, SOFT, WIDTH, inline
from engine.experiments.targeting import Targeting
from engine.experiments.verdict import number
from engine.experiments.welch import Interval
from engine.store.flows import DAY_US

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HEIGHT = 2.5  # inches
_CALLED = ("holdout", "bau", "random")  # arms whose names say little
_PLACES, _LABELS, _WEEKS = 400, 12, 60  # of a curve; words along an axis; weeks that are drawn


def waterfall(steps: Sequence[Step], ground: float, lowest: str) -> str:
    """Every arm of the ladder standing on the one below: what is added, with its interval for any day.

    Args:
        steps: of the ladder; those that stand on no arm reached so far are left to the table.
        ground: level of the lowest arm.
        lowest: that arm.
    """
    climbed = [one for one in climb(steps, lowest) if one.reading is not None]
    with _drawing() as (figure, axes):
        axes.bar([0], [ground], width=0.55, color=MUTED, zorder=2)
        top = ground
        for x, step in enumerate(climbed, 1):
            assert step.reading is not None
            gain = step.reading.absolute.value
            axes.plot([x - 1 + 0.275, x + 0.275], [top, top], color=MUTED, linewidth=0.8, zorder=1)
            axes.bar([x], [gain], bottom=top, width=0.55, color=EFFECT if gain >= 0 else MUTED, zorder=2)
            limits = step.reading.sequential
            axes.plot([x, x], [top + limits.low, top + limits.high], color=INK, linewidth=1.2, zorder=3)
            told = f"{'+' if gain > 0 else ''}{number(gain, limits)}".replace("-", "−")
            at = max(top, top + gain, top + limits.high)
            axes.annotate(told, (x, at), (0, 3), textcoords="offset points", ha="center", color=INK)
            top += gain
        names = [_arm(one) for one in (lowest, *(one.arm for one in climbed))]
        axes.set_xticks(range(len(names)), names, color=INK)
        axes.axhline(0, color=MUTED, linewidth=1, zorder=1)
        axes.margins(y=0.12)
        figure.subplots_adjust(bottom=0.2)
        told = "; ".join(f"{one.worth}, {one.arm} over {one.below}: {_said(one)}" for one in climbed)
        return inline(figure, "waterfall", "Net reward from arm to arm", f"{lowest}: {ground:.2f}. {told}.")


def _arm(name: str) -> str:
    """An arm in words, and under them the name it has in the program file."""
    return f"{AGAINST[name]}\n{name}" if name in _CALLED else name


def climb(steps: Sequence[Step], lowest: str) -> list[Step]:
    """The steps that stand on one another, from the lowest arm up."""
    found: list[Step] = []
    for one in steps:
        if one.below == (found[-1].arm if found else lowest):
            found.append(one)
    return found


def growth(looks: Sequence[Look], marks: Sequence[tuple[int, str]] = ()) -> str:
    """The effect per customer so far, with the band that holds on all days at once; "" for one day.

    Args:
        marks: (day, what happened then) to be written above the curve.
    """
    if len(looks) < 2:
        return ""
    looks = [*looks[: -1 : -(-len(looks) // _PLACES)], looks[-1]]
    days = [one.day for one in looks]
    with _drawing() as (figure, axes):
        widest = 3 * max(abs(looks[-1].effect.low), abs(looks[-1].effect.high), abs(looks[-1].effect.value))
        low, high = ([getattr(one.effect, name) for one in looks] for name in ("low", "high"))
        axes.fill_between(days, low, high, color=SOFT, linewidth=0, zorder=1)
        axes.axhline(0, color=MUTED, linewidth=1, zorder=2)
        axes.plot(days, [one.effect.value for one in looks], color=EFFECT, linewidth=2, zorder=3)
        axes.set_ylim(max(min(low), -widest), min(max(high), widest))
        kept = _spread(marks, (days[-1] - days[0]) / _LABELS)
        for day, what in kept:
            axes.axvline(day, color=MUTED, linewidth=0.8, linestyle=":", zorder=2)
            axes.annotate(what, (day, 1), (3, -2), xycoords=("data", "axes fraction"), va="top", color=MUTED,
                          textcoords="offset points", fontsize=8)  # fmt: skip
        shown = days[:: max(1, len(days) // 6)]
        axes.set_xticks(shown, [f"{instant(day * DAY_US):%d %b}" for day in shown])
        last = looks[-1]
        told = "".join(f" {what} on {instant(day * DAY_US):%Y-%m-%d}." for day, what in kept)
        text = f"From {_date(looks[0])} to {_date(last)}; at the end {_span(last.effect)}.{told}"
        return inline(figure, "growth", "Extra net reward per customer so far", text)


def _spread(marks: Sequence[tuple[int, str]], apart: float) -> list[tuple[int, str]]:
    """The marks that can be read beside one another, from the last back."""
    kept: list[tuple[int, str]] = []
    for mark in reversed(marks):
        if not kept or kept[-1][0] - mark[0] >= apart:
            kept.append(mark)
    return kept


def wear(weeks: Sequence[Week]) -> str:
    """The effect of each week since the assignment, with intervals; "" for one week."""
    if len(weeks) < 2:
        return ""
    with _drawing() as (figure, axes):
        axes.axhline(0, color=MUTED, linewidth=1, zorder=1)
        weeks = weeks[:_WEEKS]
        for one in weeks:
            effect = one.effect
            axes.plot([one.week] * 2, [effect.low, effect.high], color=EFFECT, linewidth=2.2, zorder=2)
            axes.plot([one.week], [effect.value], "o", color=EFFECT, markersize=6.5, zorder=3)
        shown = weeks[:: -(-len(weeks) // _LABELS)]
        axes.set_xticks([one.week for one in shown], [f"week {one.week}" for one in shown])
        axes.margins(x=0.08)
        text = "; ".join(f"week {one.week}: {_span(one.effect)}" for one in weeks)
        return inline(figure, "wear", "Extra net reward by week since the assignment", f"{text}.")


def uplift(found: Targeting, name: str = "uplift") -> str:
    """What treating the best share by a score adds, against drawing as many by lot; `name` of the figure."""
    with _drawing() as (figure, axes):
        x = [0.0, *(100 * one.share for one in found.gains)]
        low, value, high = (
            [0.0, *(getattr(one.effect, name) for one in found.gains)] for name in ("low", "value", "high")
        )
        axes.fill_between(x, low, high, color=SOFT, linewidth=0, zorder=1)
        axes.axhline(0, color=MUTED, linewidth=1, zorder=2)
        axes.plot([0, 100], [0, value[-1]], color=MUTED, linewidth=1, linestyle="--", zorder=3)
        axes.plot(x, value, "o-", color=EFFECT, linewidth=2, markersize=4, zorder=4)
        axes.set_xticks(range(0, 101, 10), [f"{one} %" for one in range(0, 101, 10)])
        axes.margins(x=0.02)
        text = "; ".join(f"best {one.share:.0%}: {_span(one.effect)}" for one in found.gains)
        return inline(figure, name, f"Extra {found.metric} by share of customers treated", f"{text}.")


def year(found: Lifetime) -> str:
    """Twelve months under each scenario: seen in full colour, projected pale, the interval of the sum."""
    with _drawing() as (figure, axes):
        seen = found.observed.value
        for y, one in enumerate(found.scenarios):
            axes.barh([y], [seen], height=0.5, color=EFFECT, zorder=2)
            axes.barh([y], [one.projected.value], left=seen, height=0.5, color=SOFT, zorder=2)
            axes.plot([one.total.low, one.total.high], [y, y], color=INK, linewidth=1.2, zorder=3)
            told = number(one.total.value, one.total).replace("-", "−")
            at = max(one.total.high, one.total.value, seen, 0.0)
            axes.annotate(told, (at, y), (5, 0), textcoords="offset points", va="center", color=INK)
        axes.axvline(0, color=MUTED, linewidth=1, zorder=1)
        axes.set_yticks(range(len(found.scenarios)), [one.name for one in found.scenarios], color=INK)
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.grid(axis="x", color=LINE, linewidth=0.7)
        axes.margins(x=0.1)
        figure.subplots_adjust(left=0.13)
        text = "; ".join(f"{one.name}: {_span(one.total)}" for one in found.scenarios)
        title = "Extra net reward per customer in twelve months"
        return inline(figure, "year", title, f"Seen {_span(found.observed)}. In all, if {text}.")


@contextmanager
def _drawing() -> Iterator[tuple[Figure, Axes]]:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "nextbest", "font.size": 9.5}):
        figure = Figure(figsize=(WIDTH, _HEIGHT))
        figure.patch.set_alpha(0)
        axes = figure.subplots()
        axes.patch.set_alpha(0)
        axes.tick_params(axis="both", length=0, labelcolor=MUTED, pad=6, labelsize=8.5)
        axes.grid(axis="y", color=LINE, linewidth=0.7)
        axes.set_axisbelow(True)
        for side in axes.spines.values():
            side.set_visible(False)
        figure.subplots_adjust(0.07, 0.14, 0.99, 0.95)
        yield figure, axes


def _date(look: Look) -> str:
    return f"{instant(look.day * DAY_US):%Y-%m-%d}"


def _span(one: Interval) -> str:
    return f"{number(one.value, one)}, between {number(one.low, one)} and {number(one.high, one)}"


def _said(step: Step) -> str:
    assert step.reading is not None
    return _span(step.reading.sequential)
