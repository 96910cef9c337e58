"""The pictures of an evaluation: what each policy is worth, and whether the estimators agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from engine.experiments.plots import EFFECT, INK, MUTED, SOFT, WIDTH, in_rows, inline, short
from simulator.evaluation import Evaluation, PolicyValue

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW, _HEAD = 0.34, 0.7  # inches


def values(found: Evaluation) -> str:
    """Each value as a dot with its interval, and what was logged as a band; "" if all are refused."""
    shown = [one for one in found.policies if one.value is not None]
    if not shown:
        return ""
    with _drawing([one.name for one in shown]) as (figure, axes):
        if found.logged.low is not None and found.logged.high is not None:
            axes.axvspan(found.logged.low, found.logged.high, color=SOFT, linewidth=0, zorder=1)
        axes.axvline(found.logged.value, color=MUTED, linewidth=1, zorder=2)
        for y, one in enumerate(shown):
            _dot(axes, y, one.value, one.low, one.high, one.verdict == "supported")
        text = "; ".join(f"{one.name} {_span(one.value, one.low, one.high)}" for one in shown)
        return inline(figure, "values", "Reward per decision of each policy", f"{text}.")


def estimators(one: PolicyValue, number: int) -> str:
    """The estimates of one policy beside each other; "" where there is one alone."""
    shown = [each for each in one.estimates if each.value is not None]
    if len(shown) < 2:
        return ""
    with _drawing([each.estimator for each in shown]) as (figure, axes):
        if one.low is not None and one.high is not None:
            axes.axvspan(one.low, one.high, color=SOFT, linewidth=0, zorder=1)
        for y, each in enumerate(shown):
            _dot(axes, y, each.value, each.low, each.high, each.estimator == one.chosen)
        text = "; ".join(f"{each.estimator} {_span(each.value, each.low, each.high)}" for each in shown)
        return inline(figure, f"estimators-{number}", f"Estimates of {one.name}", f"{text}.")


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


def _dot(axes: Axes, y: int, value: float | None, low: float | None, high: float | None, full: bool) -> None:
    assert value is not None and low is not None and high is not None
    axes.plot([low, high], [y, y], color=EFFECT, linewidth=2.2, solid_capstyle="butt", zorder=3)
    face = EFFECT if full else SOFT
    axes.plot([value], [y], "o", color=EFFECT, markerfacecolor=face, markersize=6.5, zorder=4)
    label = _span(value, low, high).replace("-", "−")
    axes.annotate(label, (1.03, y), xycoords=("axes fraction", "data"), va="center", color=INK)


def _span(value: float | None, low: float | None, high: float | None) -> str:
    return f"{value:.4g}   ({low:.4g} to {high:.4g})"
