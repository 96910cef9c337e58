"""The difference of two programs in a marketer's words. Empty where and only where they mean the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.domain import Program
from engine.plan import notes
from engine.plan.change import Change
from engine.plan.facts import ORDER, Fact, Path, Present, facts
from engine.plan.place import Place, place
from engine.plan.words import listed, percent, words

_ORDERS = (("actions",), ("arms", ORDER))
_LISTS = ("rules", "caps")  # of which one gone and one come is one that was changed
_ALL = {("offer", "channels"), ("offer", "slots"), ("budget", "offers"), ("budget", "channels")}
_SECTIONS = (
    *("program", "attribute", "prediction", "group", "offer", "channel", "slot", "budget"),
    *("goal", "arm", "policy", "bau", "shadow"),
)
Table = Mapping[Path, Fact]


@dataclass(frozen=True, slots=True)
class Pair:
    """What two programs say differently at a path; None where one says nothing."""

    path: Path
    before: Fact | None
    after: Fact | None


def diff(old: Program, new: Program) -> tuple[Change, ...]:
    """Every change from one program to the other, by sections of the file.

    Version, source and places in the file are no part of it; nor is order, where order means nothing.
    """
    before, after = facts(old), facts(new)
    pairs = [Pair(path, before.get(path), after.get(path)) for path in {**before, **after}]
    found = [one for one in pairs if one.before != one.after and not _is_said_above(one.path, before, after)]
    orders = [change for path in _ORDERS for change in _reordered(path, before, after)]
    found = [one for one in _paired(found) if one.path not in _ORDERS]
    renamed = dict(_renamed(found, before, after))
    changes = [_renaming(one, other) for one, other in renamed.items()]
    gone = {*renamed, *renamed.values()}
    changes += [_change(one, before, after) for one in found if one.path not in gone]
    changes += orders
    order = {where: i for i, where in enumerate(dict.fromkeys(one.where for one in changes))}
    return tuple(sorted(changes, key=lambda one: (_section(one), order[one.where])))


def _is_said_above(path: Path, before: Table, after: Table) -> bool:
    """Whether the thing that holds the fact is there in one program only."""
    above = (path[:end] for end in range(1, len(path)))
    return any((one in before) != (one in after) for one in above)


def _paired(found: Sequence[Pair]) -> Iterator[Pair]:
    """The pairs, one gone and one come of the same list made one."""
    lists: dict[Path, list[Pair]] = {}
    for one in found:
        if set(_LISTS) & set(one.path):
            lists.setdefault(one.path[:-1], []).append(one)
        else:
            yield one
    for members in lists.values():
        gone, come = ([one for one in members if getattr(one, side) is None] for side in ("after", "before"))
        if len(members) == 2 and len(gone) == len(come) == 1:
            yield Pair(come[0].path, gone[0].before, come[0].after)
        else:
            yield from members


def _renamed(found: Sequence[Pair], before: Table, after: Table) -> Iterator[tuple[Path, Path]]:
    """A thing gone and one come that differ in name alone."""
    come = [one.path for one in found if one.before is None and _is_thing(one.after)]
    for gone in (one.path for one in found if one.after is None and _is_thing(one.before)):
        own = _below(gone, before)
        match = next((new for new in come if new[0] == gone[0] and _below(new, after) == own), None)
        if match is not None:
            come.remove(match)
            yield gone, match


def _is_thing(fact: Fact | None) -> bool:
    return fact is not None and fact.value is Present.PRESENT


def _below(path: Path, known: Table) -> dict[Path, Fact]:
    return {one[len(path) :]: fact for one, fact in known.items() if one[: len(path)] == path}


def _renaming(old: Path, new: Path) -> Change:
    was = place(old)
    weight, note = notes.PLAIN if was.field else notes.note(was.thing, notes.RENAMED)
    what = was.what or "name"
    return Change(where=was.where, what=what, before=old[-1], after=new[-1], weight=weight, note=note)


def _reordered(path: Path, before: Table, after: Table) -> Iterator[Change]:
    """A change of the order of what both programs have."""
    old, new = ([*one[path].value] if path in one else [] for one in (before, after))
    kept, now = [name for name in old if name in new], [name for name in new if name in old]
    if kept != now:
        thing = "arm" if path[0] == "arms" else "program"
        weight, note = notes.note(thing, path[-1])
        what = "order of arms" if thing == "arm" else "order of actions"
        first = next(i for i, (one, other) in enumerate(zip(kept, now, strict=True)) if one != other)
        was, is_ = listed(kept[first:]), listed(now[first:])
        yield Change(where="program", what=what, before=was, after=is_, weight=weight, note=note)


def _change(one: Pair, before: Table, after: Table) -> Change:
    at = place(one.path)
    weight, note = notes.note(at.thing, _about(at, one))
    return Change(
        where=at.where,
        what=at.what,
        before=_said(at, one.before, _below(one.path, before)),
        after=_said(at, one.after, _below(one.path, after)),
        weight=weight,
        note=note,
    )


def _about(at: Place, one: Pair) -> str:
    """What the note on a change hangs on: the field, or what became of the thing."""
    if at.thing == "arm":
        was, is_ = (float(fact.value) if fact else 0.0 for fact in (one.before, one.after))
        return notes.MORE if is_ > was else notes.LESS
    if not at.field:
        return notes.ADDED if one.before is None else notes.REMOVED if one.after is None else "offer"
    if at.field == ("consent",) and one.after and one.after.value is None:
        return "consent removed"
    return at.field[0]


def _said(at: Place, fact: Fact | None, below: Mapping[Path, Fact]) -> str | None:
    if fact is None:
        return "all" if (at.thing, *at.field) in _ALL else None
    if fact.value is Present.PRESENT:
        return ", ".join(_briefly(below))
    if at.thing == "prediction" and not at.field:
        return f"of {fact.value}" if fact.value else "of the customer"
    return percent(fact.value) if at.thing == "arm" else words(fact.value)


def _briefly(below: Mapping[Path, Fact]) -> Iterator[str]:
    """What a thing says of itself that is not usual."""
    for path, fact in below.items():
        if not fact.usual and path:
            yield f"{Place('', '', path).what} {words(fact.value)}"


def _section(change: Change) -> int:
    return _SECTIONS.index(change.where.partition(" ")[0])
