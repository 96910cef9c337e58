"""What follows from a change that is not plain to see: for people, for learning, for experiments."""

from __future__ import annotations

from collections.abc import Mapping

from engine.plan.change import Weight

Note = tuple[Weight, str]
ADDED, REMOVED, RENAMED, LESS, MORE = "added", "removed", "renamed", "less", "more"
PLAIN: Note = ("plain", "")

_ANEW = "the learner takes it up when it learns afresh: nextbest learn --afresh"
_GOAL = (
    "decisions already made are judged by the goal they were made under: compare nothing across this change"
)
_KEEP = "customers already assigned keep their arm"
_SERVES = f"a snapshot that is published decides as it was learnt; {_ANEW}"
_ARM = f"{_KEEP}, only new ones are drawn at these shares: report the time before and after apart"

_NOTES: Mapping[tuple[str, str], Note] = {
    ("program", "salt"): (
        "warning",
        f"new customers are assigned by another lot, {_KEEP}: never change it while a program runs",
    ),
    ("program", "actions"): ("note", "ties and draws go by this order: the same chance may draw another"),
    ("program", "zone"): (
        "note",
        "budgets per day, week and month start anew by the new calendar, and offers start and end by it",
    ),
    ("program", "unit"): ("warning", f"new customers are given an arm by another unit, {_KEEP}"),
    ("program", "layer"): ("note", f"{_KEEP}; only new ones are looked for in the layer"),
    ("goal", ""): ("warning", _GOAL),
    ("arm", MORE): ("note", _ARM),
    ("arm", LESS): ("warning", _ARM),
    ("arm", "order"): ("warning", f"new customers are assigned otherwise, {_KEEP}"),
    ("policy", ""): ("note", _SERVES),
    ("attribute", ADDED): ("note", f"rules read it at once, {_ANEW}"),
    ("attribute", REMOVED): ("note", "it is unknown to the learner from now on"),
    ("attribute", RENAMED): (
        "warning",
        "what is stored under the old name is not read any more",
    ),
    ("attribute", "type"): (
        "warning",
        "stored values of the old type count as unknown, and what was learnt does not fit: "
        "take a new name instead",
    ),
    ("attribute", "levels"): ("note", f"of new levels, {_ANEW}"),
    ("prediction", ADDED): ("note", f"rules and the prior read it at once, {_ANEW}"),
    ("prediction", REMOVED): ("note", "it is unknown to the learner from now on"),
    ("offer", ADDED): ("note", "nothing is learnt of it yet: it is explored"),
    ("offer", REMOVED): ("note", "what is already planned is still sent; what was learnt of it is kept"),
    ("offer", RENAMED): (
        "warning",
        "what was learnt of the old name, its contacts and its budgets do not carry over: "
        "keep the name and change the title",
    ),
    ("channel", REMOVED): ("note", "what is already planned on it is still sent"),
    ("channel", RENAMED): (
        "warning",
        "its caps do not count what was sent under the old name, and nothing learnt of that carries over",
    ),
    ("channel", "consent"): ("note", "who agreed to the old purpose only is not contacted on it any more"),
    ("channel", "consent removed"): ("warning", "customers who never agreed can be contacted"),
    ("slot", RENAMED): ("warning", "nothing learnt of the old name carries over"),
    ("budget", RENAMED): ("warning", "what was used under the old name is forgotten: it starts full"),
    ("budget", "quota"): ("note", "a new quota counts at once; a new day, week or month starts full"),
    ("budget", REMOVED): ("warning", "nothing limits what it limited"),
}


def note(thing: str, about: str) -> Note:
    """Weight and note of a change to a thing of a program ("offer", "goal"), by field or kind of change.

    A note on "" holds for every field of the thing.
    """
    return _NOTES.get((thing, about)) or _NOTES.get((thing, "")) or PLAIN
