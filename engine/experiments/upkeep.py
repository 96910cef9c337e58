"""What is saved in the upkeep of rules: the user's own figures, not a measurement."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import InputError
from engine.experiments.money import MONTH


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Money a month that hand-made rules took before, and that the program takes now, as the user entered it.

    Attributes:
        saved: a month.
        total: since the first assignment.
        sentence: both in words, with where they come from.
    """

    before: float
    now: float
    saved: float
    total: float
    sentence: str


def upkeep(before: float | None, now: float, days: float) -> Upkeep | None:
    """What was saved in so many days; None where no baseline was entered.

    Raises:
        InputError: an amount is below 0, or `now` was entered without `before`.
    """
    if before is None:
        if now:
            raise InputError("--upkeep-now needs --upkeep-before: what the rules took a month until then.")
        return None
    for option, amount in (("--upkeep-before", before), ("--upkeep-now", now)):
        if not 0 <= amount < float("inf"):
            raise InputError(f"{option} == {amount:g}, must be money a month, 0 or more; correct it.")
    saved = before - now
    total = saved * days / MONTH
    sentence = (
        f"{total:,.0f} saved in the upkeep of rules in {days:.0f} days ({before:,.0f} a month before, "
        f"{now:,.0f} now). Entered by you, not measured, and not part of any figure above."
    )
    return Upkeep(before, now, saved, total, sentence)
