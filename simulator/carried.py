"""Programs taken forward over each customer's decisions: what one choice changes for the next is in it.

Whoever was contacted less may be contacted again, and the other way round. A program that counts contacts
otherwise would have met other histories than those in the log. But along the choices that were made, the
history it would have met is the one that was logged: so its decisions are made anew there, and each row
counts by how much likelier the customer's path up to it is under the program than it was in the log.

A row's propensity becomes the chance that the log's arms, of which each customer has one for ever, together
gave its action after that path, and so does the probability of what was not chosen; a program's probabilities
in a row are those after the path times the path's ratio. They sum to 1 on average, not in each row, and serve
every estimator as the usual ones do.

Source: Precup, Sutton and Singh (2000), "Eligibility Traces for Off-Policy Policy Evaluation" (per-decision
importance sampling); Jiang and Li (2016), "Doubly Robust Off-policy Value Evaluation for Reinforcement
Learning"; Veach and Guibas (1995), "Optimally Combining Sampling Techniques for Monte Carlo Rendering" (the
balance heuristic, for arms that all can draw a path).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from policies.base import Floats, Ints
from simulator.logs import Log


@dataclass(frozen=True, slots=True)
class Arms:
    """A program's arms on n rows of a log.

    Attributes:
        name: of the arms.
        share: (a,) of the customers.
        pmf: (a, n, k) what each would do.
    """

    name: tuple[str, ...]
    share: Floats
    pmf: Floats

    @property
    def mixed(self) -> Floats:
        """(n, k) what the program does with customers whose arm is not known."""
        made: Floats = np.tensordot(self.share, self.pmf, 1)
        return made


def carried(log: Log, drawn: Arms, programs: Sequence[Arms]) -> tuple[Log, list[Floats]]:
    """The log and the programs' probabilities (n, k), taken forward over the rows of each customer.

    Args:
        log: n rows.
        drawn: the arms that made the log, each with its share of the log's customers.
        programs: to be judged.

    Returns:
        The log with its probabilities along paths, and for each program probabilities whose rows sum to the
        ratio of the customer's path up to that row: 1 on average.
    """
    n = len(log)
    unit = units_of(log)
    units = int(unit.max()) + 1
    behind = np.repeat(drawn.share[:, None], units, axis=1)  # (a, units) arms given the path, as logged
    weight = [np.repeat(one.share[:, None], units, axis=1) for one in programs]  # ... over the log's chance
    propensity, logging = np.empty(n), np.empty(log.mask.shape)
    pmf = [np.empty(log.mask.shape) for _ in programs]
    for rows in _in_turn(log, unit):
        who, own = unit[rows], log.action[rows]
        logging[rows] = np.einsum("ar,ark->rk", behind[:, who], drawn.pmf[:, rows])
        chance = behind[:, who] * drawn.pmf[:, rows, own]
        propensity[rows] = chance.sum(axis=0)
        behind[:, who] = chance / propensity[rows]
        for one, ratio, made in zip(programs, weight, pmf, strict=True):
            made[rows] = np.einsum("ar,ark->rk", ratio[:, who], one.pmf[:, rows])
            ratio[:, who] *= one.pmf[:, rows, own] / propensity[rows]
    return replace(log, propensity=propensity, logging=logging), pmf


def units_of(log: Log) -> Ints:
    """(n,) the customer of each row; where the log has no clusters, each row is another."""
    return np.arange(len(log)) if log.cluster is None else log.cluster


def customer_by_customer(log: Log, unit: Ints) -> Ints:
    """(n,) the rows, those of a customer together and by time."""
    at = np.arange(len(log)) if log.at is None else log.at
    order: Ints = np.lexsort((np.arange(len(log)), at, unit))
    return order


def rows_left(log: Log) -> Ints:
    """(n,) how many rows the customer of each row has from it on."""
    unit = units_of(log)
    order = customer_by_customer(log, unit)
    left = np.empty(len(log), dtype=np.int64)
    left[order] = np.searchsorted(unit[order], unit[order], side="right") - np.arange(len(log))
    return left


def _in_turn(log: Log, unit: Ints) -> Iterator[Ints]:
    """The rows that are the first of their customers, then the second ones, and so on."""
    order = customer_by_customer(log, unit)
    sorted_unit = unit[order]
    first = np.searchsorted(sorted_unit, sorted_unit, side="left")
    turn = np.arange(len(log)) - first
    by_turn = order[np.argsort(turn, kind="stable")]
    yield from np.split(by_turn, np.cumsum(np.bincount(turn))[:-1])
