"""One decision in plain words, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET

from engine.commands.funnel import stages
from engine.explain import Explanation, Rival
from engine.reply import Decision

MOST_NAMED = 3  # actions dropped for one reason that are named


def story(decision: Decision, told: Explanation | None) -> str:
    """The decision in a few lines; with an explanation, why this one and why no other."""
    lines = [_headline(decision), *_texts(decision)]
    if told is not None:
        lines += [told.sentence, *[f"  · {reason}" for reason in told.reasons]]
        lines += [f"  {line}" for line in _rivals(told.rivals)]
        lines += [f"  {one.sentence}" for one in told.counterfactuals]
        lines += stages(told.funnel) if told.funnel else []
    if decision.replayed:
        lines.append("This key was decided before; nothing new was logged.")
    lines.append(f"Logged as {decision.id}; `nextbest replay {decision.id}` makes it again.")
    return "\n".join(lines)


def _headline(decision: Decision) -> str:
    action, what = decision.action, "no action"
    if action is not None:
        what = f"{action.offer} by {action.channel}, {action.slot}, sent {action.send_at:%Y-%m-%d %H:%M %Z}"
    how = f"arm {decision.arm}, propensity {decision.propensity:.4g}, {decision.policy}"
    return f"{decision.customer} -> {what} ({how}{', a fallback' if decision.fallback else ''})"


def _texts(decision: Decision) -> list[str]:
    """What is sent, a line a field."""
    creative = decision.action.creative if decision.action else UNSET
    return [] if creative is UNSET else [f"  {field}: {value}" for field, value in creative.items()]


def _rivals(rivals: Sequence[Rival]) -> list[str]:
    """Why not the others: the feasible ones by their value, then what dropped the rest, one line a reason."""
    free = sorted((one for one in rivals if one.feasible), key=lambda one: -(one.value or 0.0))
    lines = [
        f"not {one.action}: expected {one.value:.4g}{_behind(one)}, probability {one.probability:.3g}"
        for one in free
    ]
    dropped: dict[tuple[str, str], list[str]] = {}
    for one in rivals:
        if not one.feasible:
            dropped.setdefault((one.stage, one.rule), []).append(one.action)
    return lines + [f"not {_listed(names)}: {stage}, {rule}" for (stage, rule), names in dropped.items()]


def _behind(rival: Rival) -> str:
    return f", {rival.behind:.3g} less" if rival.behind and rival.behind > 0.0 else ""


def _listed(names: Sequence[str]) -> str:
    few = ", ".join(names[:MOST_NAMED])
    return few if len(names) <= MOST_NAMED else f"{few} and {len(names) - MOST_NAMED} more"
