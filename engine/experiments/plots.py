"""The pictures of a report: inline SVG whose colours follow the page and whose text can be read aloud."""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any

from engine.experiments.results import Comparison, MetricResult
from engine.experiments.verdict import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# matplotlib draws with these, the page's style sheet repaints them
_COLOURS = {"#010203": "ink", "#040506": "muted", "#070809": "line", "#0a0b0c": "effect", "#0d0e0f": "soft"}
INK, MUTED, LINE, EFFECT, SOFT = _COLOURS
WIDTH, _ROW, _HEAD = 9.2, 0.34, 0.62  # inches


def forest(metrics: Sequence[MetricResult], level: float) -> str:
    """Every effect as a dot with its interval, one panel per metric with a scale of its own."""
    drawn = [metric for metric in metrics if metric.comparisons]
    heights = [_HEAD + _ROW * len(metric.comparisons) for metric in drawn]
    if not drawn:
        return ""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "nextbest", "font.size": 9.5}):
        figure = Figure(figsize=(WIDTH, sum(heights)))
        figure.patch.set_alpha(0)
        panels = figure.subplots(len(drawn), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
        for axes, metric in zip(panels, drawn, strict=True):
            _panel(axes, metric)
        figure.subplots_adjust(0.2, 0.3 / sum(heights), 0.72, 1 - 0.3 / sum(heights), hspace=0.55)
        return inline(figure, "forest", "Effects against the control", _describe(drawn, level))


def _panel(axes: Axes, metric: MetricResult) -> None:
    rows = metric.comparisons
    axes.axvline(0, color=MUTED, linewidth=1, zorder=1)
    for y, one in enumerate(rows):
        _draw(axes, y, one)
    axes.set_title(_title(metric), loc="left", x=-0.38, fontsize=10.5, fontweight="bold", color=INK)
    in_rows(axes, [short(one.arm) for one in rows])


def in_rows(axes: Axes, names: Sequence[str]) -> None:
    """The house's axes for one value a row: the rows' names, a grid, and no frame."""
    axes.patch.set_alpha(0)
    axes.set_ylim(len(names) - 0.45, -0.6)
    axes.set_yticks(range(len(names)), names, color=INK)
    axes.tick_params(axis="both", length=0, labelcolor=INK, pad=6)
    axes.tick_params(axis="x", labelcolor=MUTED, labelsize=8.5, pad=4)
    axes.grid(axis="x", color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.margins(x=0.06)


def _draw(axes: Axes, y: int, one: Comparison) -> None:
    reading = one.reading
    effect, always = reading.absolute, reading.sequential
    axes.plot([always.low, always.high], [y, y], color=SOFT, linewidth=7, solid_capstyle="butt", zorder=2)
    axes.plot([effect.low, effect.high], [y, y], color=EFFECT, linewidth=2.2, solid_capstyle="butt", zorder=3)
    axes.plot([effect.value], [y], "o", color=EFFECT, markersize=6.5, zorder=4)
    if one.unclamped is not None:
        whole = one.unclamped.absolute
        axes.plot([whole.low, whole.high], [y + 0.27] * 2, color=MUTED, linewidth=1, zorder=3)
        axes.plot([whole.value], [y + 0.27], "o", markersize=3.5, color=MUTED, zorder=4)
    limits = (effect.value, effect.low, effect.high)
    value, low, high = (number(limit, effect).replace("-", "−") for limit in limits)
    label = f"{'+' if effect.value > 0 else ''}{value}   ({low} to {high})"
    axes.annotate(label, (1.03, y), xycoords=("axes fraction", "data"), va="center", color=INK)


def _title(metric: MetricResult) -> str:
    return short(metric.metric, 40) + (
        "" if metric.clamped_at is None else f", counted up to {metric.clamped_at:,.6g}"
    )


def short(name: str, length: int = 24) -> str:
    """A name that fits beside the picture, safe from matplotlib's mathematics."""
    cut = name if len(name) <= length else f"{name[: length - 1]}…"
    return cut.replace("$", r"\$")


def _describe(metrics: Sequence[MetricResult], level: float) -> str:
    parts = [
        f"{metric.metric}, {one.arm}: {number(one.reading.absolute.value, one.reading.absolute)}, interval "
        f"{number(one.reading.absolute.low, one.reading.absolute)} to "
        f"{number(one.reading.absolute.high, one.reading.absolute)}"
        for metric in metrics
        for one in metric.comparisons
    ]
    return f"Difference to the control with {level:.0%} intervals. {'; '.join(parts)}."


def inline(figure: Any, name: str, title: str, description: str) -> str:
    """The figure as an `svg` element: repainted by the page's variables, described for screen readers.

    `name` stands before every name in the figure, so that several on one page are told apart.
    """
    from html import escape

    buffer = StringIO()
    metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
    figure.savefig(buffer, format="svg", transparent=True, metadata=metadata)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r'font-family: [^;"]*|font: (?P<rest>[^;"]*?)\'[^;"]*', _font, svg)
    for colour, paint in _COLOURS.items():
        svg = svg.replace(colour, f"var(--{paint})")
    head = f'<svg role="img" aria-labelledby="{name}-title {name}-text" class="plot"'
    told = f'<title id="{name}-title">{escape(title)}</title>'
    told += f'<desc id="{name}-text">{escape(description)}</desc>'
    svg = re.sub(r'<svg ([^>]*?)width="[^"]*"', rf"{head} \1", svg, count=1)
    svg = re.sub(r'height="[^"]*pt" ', "", svg, count=1)
    return re.sub(r"(<svg [^>]*>)", lambda found: found[1] + told, svg, count=1)


def _font(found: re.Match[str]) -> str:
    return f"font: {found['rest']}var(--sans)" if found["rest"] is not None else "font-family: var(--sans)"
