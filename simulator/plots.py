"""The pictures of an evaluation: what each policy is worth, and whether the estimators agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from engine.experiments.plots import EFFECT, INK, MUTED, SOFT, WIDTH, in_rows, inline, short
from simulator.evaluation import Estimate, Evaluation, PolicyValue
from simulator.wording import decimals, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW, _HEAD = 0.34, 0.7  # inches


def values(found: Evaluation) -> str:
    """Each value as a dot with its interval, and what was logged as a band; "" if all are refused."""
    shown = [one for one in found.policies if one.value is not None]
    if not shown:
        return ""
    digits = decimals(found)
    with _drawing([one.name for one in shown]) as (figure, axes):
        if found.logged.low is not None and found.logged.high is not None:
            axes.axvspan(found.logged.low, found.logged.high, color=SOFT, linewidth=0, zorder=1)
        axes.axvline(found.logged.value, color=MUTED, linewidth=1, zorder=2)
        for y, one in enumerate(shown):
            _dot(axes, y, one, one.verdict == "supported", digits)
        text = "; ".join(f"{one.name} {_span(one, digits)}" for one in shown)
        return inline(figure, "values", "Reward per decision of each policy", f"{text}.")


def estimators(one: PolicyValue, place: int, digits: int) -> str:
    """The estimates of one policy beside each other, to so many decimals; "" where there is one alone."""
    shown = [each for each in one.estimates if each.value is not None]
    if len(shown) < 2:
        return ""
    with _drawing([each.estimator for each in shown]) as (figure, axes):
        if one.low is not None and one.high is not None:
            axes.axvspan(one.low, one.high, color=SOFT, linewidth=0, zorder=1)
        for y, each in enumerate(shown):
            _dot(axes, y, each, each.estimator == one.chosen, digits)
        text = "; ".join(f"{each.estimator} {_span(each, digits)}" for each in shown)
        return inline(figure, f"estimators-{place}", f"Estimates of {one.name}", f"{text}.")


@contextmanager
def _drawing(names: Sequence[str]) -> Iterator[tuple[Figure, Axes]]:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    height = _HEAD + _ROW * len(names)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "nextbest", "font.size": 9.5}):
        figure = Figure(figsize=(WIDTH, height))
        figure.patch.set_alpha(0)
        axes = figure.subplots()
        in_rows(axes, [short(one, 26) for one in names])
        figure.subplots_adjust(0.22, 0.36 / height, 0.74, 1 - 0.14 / height)
        yield figure, axes


def _dot(axes: Axes, y: int, one: PolicyValue | Estimate, full: bool, digits: int) -> None:
    value, low, high = one.value, one.low, one.high
    assert value is not None and low is not None and high is not None
    axes.plot([low, high], [y, y], color=EFFECT, linewidth=2.2, solid_capstyle="butt", zorder=3)
    face = EFFECT if full else SOFT
    axes.plot([value], [y], "o", color=EFFECT, markerfacecolor=face, markersize=6.5, zorder=4)
    label = _span(one, digits).replace("-", "−")
    axes.annotate(label, (1.03, y), xycoords=("axes fraction", "data"), va="center", color=INK)


def _span(one: PolicyValue | Estimate, digits: int) -> str:
    limits = (number(each, digits) for each in (one.value, one.low, one.high))
    return "{}   ({} to {})".format(*limits)
