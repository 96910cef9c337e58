"""What fits: four sheets of paper and half a megabyte, however much was measured; the rest is named.

Rows come in the order they are read. The first are printed, more stand on the page, and all of them are in
the JSON and the CSV: a line under the table says how many are where. Long sentences are cut on paper by the
style sheet, after as many lines as stand here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SENTENCE = 900  # characters of a sentence on the page; the JSON has it whole
_CARD, _FAILED = 4, 7  # lines of print on a card, and on one of a failed check: `style.css`
NAME, _NARROW = 48, 20  # characters of a name in a table, and of one that takes one line
_LINES = 1.3  # that a row of figures takes, with its share of the metric's name above it


@dataclass(frozen=True, slots=True)
class Fitted:
    """Rows that stand on the page.

    Attributes:
        rows: each with `screen`: on the page and not on paper.
        paper: how many of all are not printed.
        page: how many of all are not on the page either.
    """

    rows: list[dict[str, Any]]
    paper: int
    page: int


def fitted(
    rows: Sequence[Mapping[str, Any]],
    printed: int,
    shown: int,
    first: Callable[[int], Any] | None = None,
) -> Fitted:
    """The rows that stand on the page, in their own order, and which of them are printed.

    Args:
        first: what is chosen by where not all fit, least first; their order if None.
    """
    order = sorted(range(len(rows)), key=first) if first else list(range(len(rows)))
    kept, chosen = sorted(order[:shown]), set(order[: min(printed, shown)])
    marked = [{**rows[i], "screen": i not in chosen} for i in kept]
    return Fitted(marked, len(rows) - len(chosen), len(rows) - len(kept))


def tables(found: Sequence[Mapping[str, Any]], lines: int, shown: int) -> tuple[list[dict[str, Any]], Fitted]:
    """Tables of rows, of which as many rows are kept in all; a table of which nothing is kept is left out.

    Args:
        lines: of print that there is room for; a row takes two where one of the names is long.
    """
    rows = [(i, row) for i, table in enumerate(found) for row in table["rows"] or [None]]
    printed = int(lines * len(rows) / needed(found)) if rows else 0
    fit = fitted([{"table": i, "row": row} for i, row in rows], printed, shown)
    kept = []
    for i, table in enumerate(found):
        own = [one for one in fit.rows if one["table"] == i]
        if own:
            told = [dict(one["row"]) | {"screen": one["screen"]} for one in own if one["row"] is not None]
            kept.append({**table, "rows": told, "screen": own[0]["screen"]})
    return kept, fit


def needed(found: Sequence[Mapping[str, Any]]) -> float:
    """Lines of print that all rows of tables take: more where one of the names is long."""
    long = any(len(clip(row["arm"])) > _NARROW for table in found for row in table["rows"])
    return (_LINES + long) * sum(max(len(table["rows"]), 1) for table in found)


def cards(titles: Sequence[str], texts: Sequence[str], failed: Sequence[bool]) -> int:
    """Lines of print that cards take, side by side in threes, the failed ones first."""
    each = [
        (not bad, 2 + len(title) // 32 + min(len(text) // 36, (_FAILED if bad else _CARD) - 1))
        for title, text, bad in zip(titles, texts, failed, strict=True)
    ]
    lines = [n for _, n in sorted(each, key=lambda one: one[0])]
    return sum(max(lines[i : i + 3]) for i in range(0, len(lines), 3))


def brief(text: str, length: int = SENTENCE) -> str:
    """A sentence no longer than this, and a word on where the rest is."""
    if len(text) <= length:
        return text
    return f"{text[:length].rsplit(' ', 1)[0]} … (whole in the JSON)"


def clip(name: str, length: int = NAME) -> str:
    """A name that fits a table."""
    return name if len(name) <= length else f"{name[: length - 1]}…"
