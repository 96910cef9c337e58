"""Where in a program a fact stands, as people say it."""

from __future__ import annotations

from dataclasses import dataclass

from engine.plan.facts import Path

_ONE = {
    "offers": "offer",
    "channels": "channel",
    "slots": "slot",
    "groups": "group",
    "budgets": "budget",
    "attributes": "attribute",
    "predictions": "prediction",
    "staleness": "prediction",
    "arms": "arm",
    "shadows": "shadow",
}
_PARTS = ("goal", "policy", "bau")
_SPOKEN = {"outcomes": "outcome", "caps": "cap", "cooldowns": "cool-down", "starts": "start", "ends": "end"}
_UNSPOKEN = {"settings", "rules"}
_BY_THEMSELVES = {"caps", "rules"}  # the last step of their path is said by the value


@dataclass(frozen=True, slots=True)
class Place:
    """A thing of the program ("offer", "goal", "program"), its name if it has one, and the field of it."""

    thing: str
    name: str
    field: Path

    @property
    def where(self) -> str:
        """`"offer sale"`, `"goal"`."""
        return f"{self.thing} {self.name}".strip()

    @property
    def what(self) -> str:
        """`"lever"`, `"outcome purchase"`, `"creative email subject"`; "" for the thing itself."""
        shown = self.field[:-1] if _BY_THEMSELVES & set(self.field) else self.field
        return " ".join(_SPOKEN.get(step, step.replace("_", " ")) for step in shown if step not in _UNSPOKEN)


def place(path: Path) -> Place:
    """The place of a fact."""
    head, *rest = path
    if head in _ONE and rest:
        return Place(_ONE[head], rest[0], ("staleness",) if head == "staleness" else tuple(rest[1:]))
    if head in _PARTS:
        return Place(head, "", tuple(rest))
    return Place("program", "", path)
