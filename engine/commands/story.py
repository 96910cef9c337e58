"""One decision in plain words, for a terminal."""

from __future__ import annotations

from engine.explain import Explanation, Rival
from engine.reply import Decision


def story(decision: Decision, told: Explanation | None) -> str:
    """The decision in a few lines; with an explanation, why this one and why no other."""
    lines = [_headline(decision)]
    if told is not None:
        lines += [told.sentence, *[f"  · {reason}" for reason in told.reasons]]
        lines += [f"  not {line}" for line in map(_rival_line, told.rivals)]
    if decision.replayed:
        lines.append("This key was decided before; nothing new was logged.")
    lines.append(f"Logged as {decision.id}; `nextbest replay {decision.id}` makes it again.")
    return "\n".join(lines)


def _headline(decision: Decision) -> str:
    action, what = decision.action, "no action"
    if action is not None:
        what = f"{action.offer} by {action.channel}, {action.slot}, sent {action.send_at:%Y-%m-%d %H:%M %Z}"
    how = f"arm {decision.arm}, propensity {decision.propensity:.4g}, {decision.policy}"
    return f"{decision.customer} -> {what} ({how})"


def _rival_line(rival: Rival) -> str:
    if rival.feasible:
        return f"{rival.action}: expected {rival.value:.4g}, probability {rival.probability:.3g}"
    return f"{rival.action}: {rival.stage}, {rival.rule}"
