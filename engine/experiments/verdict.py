"""The verdict in plain words: what to do, and how sure we are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.experiments.trust import Check
from engine.experiments.welch import Interval

Status = Literal["green", "yellow", "red", "gray"]


@dataclass(frozen=True, slots=True)
class Claim:
    """One comparison as the verdict reads it.

    Attributes:
        arm, metric: what was compared.
        absolute: difference to the control.
        relative: lift, if there is one.
        p: p-value adjusted for the number of questions asked.
        better: 1 if a higher value is better, -1 if a lower one is.
        primary: the decision rests on it.
        per: what the difference counts for, empty for a ratio.
    """

    arm: str
    metric: str
    absolute: Interval
    relative: Interval | None
    p: float
    better: int
    primary: bool
    per: str = " per customer"

    def direction(self, alpha: float) -> int:
        """1 better, -1 worse, 0 not proven."""
        return self.better * int(math.copysign(1, self.absolute.value)) if self.p < alpha else 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """A sentence, a heading, what to do, and a colour."""

    sentence: str
    heading: str
    guidance: str
    status: Status


def withheld(failed: Sequence[Check]) -> Verdict:
    """No verdict, because of the named checks."""
    names = ", ".join(f"'{check.name}'" for check in failed)
    reasons = " ".join(check.sentence for check in failed)
    plural = "checks" if len(failed) > 1 else "check"
    sentence = f"The result is withheld: the trust {plural} {names} failed."
    guidance = f"{reasons} Mend this first; the figures below must not be acted on."
    return Verdict(sentence, "Do not decide on this", guidance, "gray")


def decide(claims: Sequence[Claim], control: str, level: float) -> Verdict:
    """Read the primary comparisons; harm proven in any other metric turns green to yellow."""
    alpha = 1 - level
    primary = [claim for claim in claims if claim.primary]
    won = [claim for claim in primary if claim.direction(alpha) > 0]
    lost = [claim for claim in primary if claim.direction(alpha) < 0]
    harmed = [claim for claim in claims if not claim.primary and claim.direction(alpha) < 0]
    best = max(won or primary, key=lambda claim: claim.better * claim.absolute.value)
    if won:
        also = [claim for claim in claims if not claim.primary and claim.direction(alpha) > 0]
        return _won(best, won, [*lost, *harmed], also, control, level)
    if lost:
        worst = min(lost, key=lambda claim: claim.better * claim.absolute.value)
        names = _join([claim.arm for claim in lost])
        guidance = f"Stop {names}: {_effects(lost, control)}. No arm is proven better than {control}."
        return Verdict(_sentence(worst, control, level), f"Stop {names}", guidance, "red")
    low, high = (number(limit, best.absolute) for limit in (best.absolute.low, best.absolute.high))
    guidance = (
        f"The data are compatible with anything from {low} to {high} {best.metric}{best.per}. "
        f"Go on if the better end is worth having, otherwise keep {control}."
    )
    return Verdict(_sentence(best, control, level), "Not decided yet", guidance, "yellow")


def _won(
    best: Claim, won: list[Claim], bad: list[Claim], also: list[Claim], control: str, level: float
) -> Verdict:
    """Keep the best arm; say what else it did, and what harm was done."""
    guidance = f"{_effects(won, control)}."
    heading = f"Keep {best.arm}"
    if len({claim.arm for claim in won}) > 1:
        guidance += f" {best.arm} has the largest effect on {best.metric}."
    further = [f"{claim.metric} {_signed(claim)}" for claim in also if claim.arm == best.arm]
    if further:
        guidance += f" Also proven for {best.arm}: {_join(further)}."
    if not bad:
        return Verdict(_sentence(best, control, level), heading, guidance[0].upper() + guidance[1:], "green")
    guidance += f" But {_effects(bad, control)}: weigh one against the other."
    return Verdict(_sentence(best, control, level), f"{heading}, with a warning", guidance, "yellow")


def _sentence(claim: Claim, control: str, level: float) -> str:
    """The page in one sentence."""
    effect, percent = claim.absolute, f"{100 * level:g} %"
    verb = "raised" if effect.value > 0 else "lowered"
    lift = f", {100 * claim.relative.value:+.1f} %" if claim.relative else ""
    call = {1: "keep it", 0: "this is not proven", -1: "stop it"}[claim.direction(1 - level)]
    span = f"{number(effect.low, effect)} to {number(effect.high, effect)}"
    size = number(abs(effect.value), effect)
    return (
        f"{claim.arm} {verb} {claim.metric} by {size}{claim.per} against {control} "
        f"({percent} interval {span}{lift}): {call}."
    )


def _effects(claims: Sequence[Claim], control: str) -> str:
    parts = [
        f"{claim.arm} {'raised' if claim.absolute.value > 0 else 'lowered'} {claim.metric} by "
        f"{number(abs(claim.absolute.value), claim.absolute)}"
        for claim in claims
    ]
    return f"{_join(parts)} against {control}"


def number(value: float, scale: Interval) -> str:
    """A value to the digits its interval deserves: two of the half-width; cents where it is known exactly."""
    width = (scale.high - scale.low) / 2
    exact = 2 if abs(value) >= 1 or value == 0 else 4
    digits = max(0, 1 - math.floor(math.log10(width))) if width > 0 and math.isfinite(width) else exact
    return f"{value:,.{digits}f}"


def p_words(p: float) -> str:
    """A p-value as people read it."""
    return "< 0.0001" if p < 1e-4 else f"{p:.4f}"


def _signed(claim: Claim) -> str:
    return f"{'+' if claim.absolute.value > 0 else ''}{number(claim.absolute.value, claim.absolute)}"


def _join(parts: Sequence[str]) -> str:
    names = list(dict.fromkeys(parts))
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
