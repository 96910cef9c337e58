"""How values are estimated: the settings of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.errors import InputError, nearest
from simulator.choice import AUTO, CANDIDATES, DEFAULT
from simulator.estimators import EMBEDDED, NAMES
from simulator.interval import kinds
from simulator.interval.kinds import MADE_FOR
from simulator.logs import Log


@dataclass(frozen=True, slots=True)
class Method:
    """How values are estimated.

    Attributes:
        estimators: names from `estimators.NAMES`, ``("all",)`` or ``("auto",)``; none given is
            ``calibrated``, or the first that the interval is made for. The value shown is the one of
            ``calibrated`` or ``dr`` where they are among them, else of the first; see `choice`.
        level: of the two-sided intervals.
        interval: a name from `interval.kinds.KINDS`.
        model: of the reward, a name from `models.MODELS`.
        ordered: whether reward models and learners see earlier decisions only.
        limits: that every reward is known to keep, for intervals that must know them.
        count: folds of the cross-fitting.
        segments: columns by whose levels lifts are shown.
        detect: a difference of which is told how many rows would show it.
    """

    estimators: tuple[str, ...] = ()
    level: float = 0.95
    interval: str = kinds.DEFAULT
    model: str = "linear"
    ordered: bool = False
    limits: tuple[float, float] | None = None
    count: int = 5
    segments: tuple[str, ...] = ()
    detect: float | None = None


def checked_names(estimators: Sequence[str], log: Log) -> tuple[str, ...]:
    """Each once; those by embedding are among all of them only where the log knows embeddings."""
    embedded = log.logging is not None and log.embedding is not None
    known = [name for name in NAMES if name not in EMBEDDED or embedded]
    wanted = known if list(estimators) == ["all"] else list(dict.fromkeys(estimators))
    for name in wanted:
        if name in EMBEDDED and not embedded:
            raise InputError(
                f"estimator {name} needs a log with the logging pmf and embeddings of the actions."
            )
        if name not in known and name != AUTO:
            raise InputError(f"There is no estimator '{name}'.{nearest(name, [*known, AUTO, 'all'])}")
    if not wanted:
        raise InputError(f"No estimator was given; {DEFAULT} is the usual one.")
    return tuple(wanted)


def names_of(how: Method, log: Log) -> tuple[str, ...]:
    """The estimators to compute."""
    usual = MADE_FOR.get(how.interval, (DEFAULT,))[:1]
    wanted = checked_names(how.estimators, log) if how.estimators else usual
    if AUTO not in wanted:
        return wanted
    return tuple(dict.fromkeys([*CANDIDATES, *(name for name in wanted if name != AUTO)]))
