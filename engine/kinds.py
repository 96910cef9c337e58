"""Kinds of outcome that the engine itself gives a meaning."""

from __future__ import annotations

from engine.domain import Cooldown, Program

IGNORED = "ignored"  # a contact that nothing followed; see engine.happened
SENT = "sent"  # a contact, at the moment it is sent
OF_CONTACTS = frozenset({IGNORED, SENT})  # facts of a contact: each contact has its own
DELIVERY = frozenset({SENT, "delivered", "bounced", "seen"})  # say how a contact went, not what it led to


def kinds_of(program: Program) -> tuple[str, ...]:
    """The kinds a rule may ask for: those of the goal and the cool-downs, of delivery, and `sent`."""
    paused = (one.kind for one in cooldowns_of(program))
    return tuple(dict.fromkeys([*program.goal.outcomes, *paused, *sorted(DELIVERY), IGNORED]))


def cooldowns_of(program: Program) -> list[Cooldown]:
    """Every cool-down of a program, whoever has it."""
    owned = (
        program.cooldowns,
        *(one.cooldowns for one in program.groups),
        *(one.cooldowns for one in program.offers),
        *(one.cooldowns for one in program.channels),
    )
    return [one for cooldowns in owned for one in cooldowns]
