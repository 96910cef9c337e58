"""A plan as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest

from msgspec.structs import replace

from engine.plan.change import Change
from engine.plan.plan import Effect, Numbers, Plan

MOST_HURDLES = 5
MOST_ROWS = 24
_SIGNS = {"plain": " ", "note": " ", "warning": "!"}


def plan_lines(plan: Plan) -> Iterator[str]:
    """What a file changes, and what is found in it."""
    if plan.live is None:
        yield f"{plan.program}: a new program."
    elif not plan.changes:
        yield f"{plan.program}: nothing changes against version {plan.live}."
    else:
        yield f"{plan.program}: {_count(len(plan.changes), 'change')} against version {plan.live}."
    for change, following in zip_longest(plan.changes, plan.changes[1:]):
        once = following is not None and following.note == change.note  # several in a row share a note
        yield from change_lines(replace(change, note="") if once else change)
    if plan.findings:
        yield "Findings:"
        yield from (f"    {one}" for one in plan.findings)


def change_lines(change: Change) -> Iterator[str]:
    """The change, and what follows from it; what cannot be undone or breaks an experiment is marked."""
    yield f"  {_SIGNS[change.weight]} {change}"
    if change.note:
        yield f"        {change.note}"


def effect_lines(effect: Effect) -> Iterator[str]:
    """Customers let through before and after, and what keeps the others from anything."""
    if effect.error:
        yield (
            f"Reach, on {effect.customers:,} of {effect.population:,} customers drawn by lot "
            f"(shares within {100 * effect.error:.2g} points, 19 times in 20):"
        )
    else:
        yield f"Reach, on all {effect.customers:,} customers:"
    with_before = effect.nothing.before is not None
    yield f"  {'before':>9} {'after':>9}" if with_before else f"  {'customers':>9}"
    for title, numbers in (
        ("have something left after the stage", effect.stages),
        ("pass the rule", effect.rules),
        ("may get the offer", effect.offers),
    ):
        yield from _table(title, numbers, with_before)
    yield _row("left with nothing", effect.nothing, with_before)
    yield from _finder(effect)


def _finder(effect: Effect) -> Iterator[str]:
    nothing = effect.nothing.after or 0
    if not nothing:
        return
    share, alone = f"{nothing / effect.customers:.1%}", f"{effect.freed:,} of them for one hurdle alone"
    yield f"{nothing:,} customers ({share}) are left with nothing, {alone}:"
    for one in effect.hurdles[:MOST_HURDLES]:
        worth = f", predicted to earn {one.value:,.2f}" if one.value else ""
        yield f"    without `{one.hurdle}` ({one.stage}): {one.customers:,} more{worth}"
    if len(effect.hurdles) > MOST_HURDLES:
        yield f"    and {len(effect.hurdles) - MOST_HURDLES} more; --json lists all"


def _table(title: str, numbers: Mapping[str, Numbers], with_before: bool) -> Iterator[str]:
    """What changes and what reaches fewest first, where there are many."""
    shown = list(numbers.items())
    if len(shown) > MOST_ROWS:
        shown.sort(key=lambda one: (one[1].before == one[1].after, one[1].after or 0))
    if shown:
        yield f"  {title}"
    yield from (_row(name, one, with_before) for name, one in shown[:MOST_ROWS])
    if len(shown) > MOST_ROWS:
        yield f"    and {len(shown) - MOST_ROWS} more that reach no fewer; --json lists all"


def _row(name: str, one: Numbers, with_before: bool) -> str:
    before = f"{_number(one.before):>9} " if with_before else ""
    changed = "*" if with_before and one.before != one.after else " "
    return f"  {before}{_number(one.after):>9} {changed} {' '.join(name.split())}"


def _number(n: int | None) -> str:
    return "-" if n is None else f"{n:,}"


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
