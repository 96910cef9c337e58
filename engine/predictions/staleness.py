"""What a score is worth as it ages, by the contract of the program (`engine.domain.Staleness`).

Fresh, it is used as it is. Stale, it is used, or ignored, or widened: drawn towards the mean of all scores of
its model version, with weight

    fresh / age

1 when it turns stale, a half when it is twice as old, and so on. That is the weight of a Bayes (or
James-Stein) estimate when what the score does not know yet grows like a random walk: a variance that is
proportional to the time since it turned stale, and equals the spread among customers once as much time again
has passed (Efron & Morris 1973, "Stein's estimation rule and its competitors", JASA 68). Expired, it is not
known any more.

It is decided when a situation is gathered: the log holds the value that was used and the date of the score,
so a replay needs neither a clock nor the mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from sqlalchemy import Connection

from engine.calendar import MICROSECOND
from engine.domain import Program, Staleness
from engine.store import models
from engine.store.rows import PredictionRow

State = Literal["fresh", "stale", "expired"]
Means = Callable[[str, str], float | None]  # mean score of a model's version, None where nobody knows it
_DAY_US = 86_400_000_000


def state(contract: Staleness, age_us: int) -> State:
    """What a score of that age is."""
    if contract.expires is not None and age_us > contract.expires // MICROSECOND:
        return "expired"
    return "stale" if age_us > contract.fresh // MICROSECOND else "fresh"


def weight(contract: Staleness, age_us: int) -> float | None:
    """The share of a score that is used, the rest being the mean of its model; None if it is not used."""
    aged = state(contract, age_us)
    if aged == "expired" or (aged == "stale" and contract.stale == "ignore"):
        return None
    if aged == "stale" and contract.stale == "widen":
        return (contract.fresh // MICROSECOND) / age_us
    return 1.0


def means_of(connection: Connection, program: Program) -> Means:
    """The mean scores that a program's decisions may be widened towards, read when first asked for."""
    known: dict[tuple[str, str], float] = {}

    def mean(model: str, version: str) -> float | None:
        if not known:
            known.update(models.means(connection, list(program.staleness)))
        return known.get((model, version))

    return mean


def effective(contract: Staleness, row: PredictionRow, at_us: int, means: Means) -> float | None:
    """The value that a decision at `at_us` uses; None if the score counts as unknown.

    Args:
        means: asked only if the score is to be widened; where it knows no mean, the score is not used.
    """
    share = weight(contract, at_us - row.as_of_us)
    if share is None or share == 1.0:
        return None if share is None else row.score
    mean = means(row.model, row.version)
    return None if mean is None else mean + share * (row.score - mean)


def used(program: Program, scores: Mapping[str, PredictionRow], at_us: int, means: Means) -> dict[str, float]:
    """The value of each score that a decision of the program uses, by model.

    Scores that count as unknown are left out.
    """
    if not program.staleness:
        return {model: row.score for model, row in scores.items()}
    found: dict[str, float] = {}
    for model, row in scores.items():
        contract = program.staleness.get(model)
        value = row.score if contract is None else effective(contract, row, at_us, means)
        if value is not None:
            found[model] = value
    return found


def dates(
    program: Program, scores: Mapping[str, PredictionRow], request: Mapping[str, Any], at_us: int
) -> dict[str, int]:
    """When each score of the program's models was true, by model; one that the request gives is of now."""
    stored = {model: row.as_of_us for model, row in scores.items() if model in program.predictions}
    if not request:
        return stored
    sent = {model: at_us for model in program.predictions if request.get(model) is not None}
    return {model: at for model, at in {**stored, **sent}.items() if model in sent or model not in request}


def aged(program: Program, as_of: Mapping[str, int], at_us: int) -> list[str]:
    """The scores that were not fresh at a decision, in words; `as_of` as in `engine.situation.Situation`."""
    said = []
    for model, contract in program.staleness.items():
        if model in as_of and state(contract, at_us - as_of[model]) != "fresh":
            said.append(_words(model, contract, at_us - as_of[model]))
    return said


def _words(model: str, contract: Staleness, age_us: int) -> str:
    """`"churn is 12 days old (stale): used at 58 %"`."""
    share = weight(contract, age_us)
    done = "not used" if share is None else "used in full" if share == 1.0 else f"used at {share:.0%}"
    return f"{model} is {_length(age_us)} old ({state(contract, age_us)}): {done.replace('%', ' %')}"


def _length(age_us: int) -> str:
    days = age_us // _DAY_US
    if days >= 2:
        return f"{days} days"
    hours = age_us // (_DAY_US // 24)
    return f"{hours} hours" if hours >= 2 else f"{age_us // 60_000_000} minutes"
