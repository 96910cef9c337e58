"""An evaluation in words and rounded numbers, the same on the terminal and on a page."""

from __future__ import annotations

from math import floor, log10
from typing import Literal

from simulator.evaluation import Evaluation, PolicyValue

FEW = 10.0  # rewards, below which a reader is told how few bear a value


def number(value: float | None, digits: int = 4, sign: str = "") -> str:
    """To so many decimals, `-` for none; what rounds to 0 has no minus."""
    return "-" if value is None else f"{round(value, digits) + 0.0:{sign}.{digits}f}"


def span(low: float | None, high: float | None, digits: int = 4, sign: str = "") -> str:
    """The limits of an interval."""
    return "-" if low is None else f"{number(low, digits, sign)}, {number(high, digits, sign)}"


def decimals(found: Evaluation) -> int:
    """Decimals that show four digits of what a logged decision earned, between 0 and 8."""
    size = abs(found.logged.value) or 1.0
    return min(max(3 - floor(log10(size)), 0), 8)


def counted(bearing: float) -> str:
    """So many rewards."""
    return f"{bearing:.0f} reward{'' if round(bearing) == 1 else 's'}"


def earned(found: Evaluation) -> str:
    """What was logged, in a sentence."""
    logged, digits = found.logged, decimals(found)
    limits = f" ({100 * found.level:g} % interval {span(logged.low, logged.high, digits)})"
    return (
        f"{found.n:,} logged decisions earned {number(logged.value, digits)} each"
        f"{'' if logged.low is None else limits}."
    )


def covers_zero(one: PolicyValue) -> bool:
    """Whether the lift may be none."""
    low, high = one.lift.low, one.lift.high
    return low is not None and high is not None and low <= 0.0 <= high


def lifts_in_words(found: Evaluation) -> str:
    """What each lift is against; one that covers 0 is no claim, and how many rows would make it one."""
    against: dict[str, list[str]] = {}
    for one in found.policies:
        against.setdefault(one.lift.against, []).append(one.name)
    most = max(against, key=lambda name: len(against[name]))
    rest = [f"that of {', '.join(names)} against {name}" for name, names in against.items() if name != most]
    lines = [f"Lifts are against {most}{'; ' if rest else ''}{'; '.join(rest)}."]
    even = [one.name for one in found.policies if covers_zero(one)]
    if even:
        lines.append(f"Not shown to differ (the interval covers 0): {', '.join(even)}.")
    return "\n".join(lines)


def status(found: Evaluation) -> Literal["green", "yellow", "red", "gray"]:
    """The colour of the whole: of the best policy that may be told of."""
    told = [one for one in found.policies if one.value is not None]
    if not told:
        return "gray"
    better = [one for one in told if one.lift.low is not None and one.lift.low > 0.0]
    if any(one.verdict == "supported" for one in better):
        return "green"
    worse = all(one.lift.high is not None and one.lift.high < 0.0 for one in told)
    return "red" if worse else "yellow"


def headline(found: Evaluation) -> str:
    """What the evaluation says, in one sentence."""
    told = [one for one in found.policies if one.value is not None and one.lift.value is not None]
    if not told:
        return "The log cannot say what any of these policies would have earned."
    best = max(told, key=lambda one: one.value or 0.0)
    digits = decimals(found)
    value = f"{best.name} would have earned {number(best.value, digits)} per decision"
    lift = best.lift
    limits = f"{number(lift.low, digits, '+')} to {number(lift.high, digits, '+')}"
    if covers_zero(best):
        return f"{value}; that it differs from {lift.against} is not shown ({limits})."
    return f"{value}, {number(lift.value, digits, '+')} against {lift.against} ({limits})."


def verdict_words(found: Evaluation) -> str:
    """What may be done with it."""
    return {
        "green": "At least one policy is better, and the log supports saying so.",
        "yellow": "No policy is both better for certain and firmly supported by this log.",
        "red": "Every policy that the log can judge is worse.",
        "gray": "Every policy was refused; the reasons say what data would cure it.",
    }[status(found)]
