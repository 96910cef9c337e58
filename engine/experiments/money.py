"""What a program earned in money: totals of the books, and ratios that say when they have no bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from engine.experiments.compare import Setting, compare, per_cost
from engine.experiments.fieller import RatioInterval
from engine.experiments.metric import Term
from engine.experiments.metric import level as value
from engine.experiments.sample import Sample
from engine.experiments.stored import CONTACTS, COST, MARGIN, OFFERS, REVENUE, REWARD
from engine.experiments.units import aggregates, clustered
from engine.experiments.welch import Interval

MONTH = 30.4375  # days
_BUYER = "acquired"
_MEANING = {
    REVENUE: "Extra revenue: the values of all outcomes",
    MARGIN: "Extra margin: outcomes as the goal weighs them",
    CONTACTS: "Extra cost of contacts: what the channels take",
    OFFERS: "Extra cost of discounts and gifts: what the offers take",
    REWARD: "Extra profit: margin less both costs",
}


@dataclass(frozen=True, slots=True)
class Amount:
    """An extra amount of money of one arm over the control.

    Attributes:
        name, meaning: of the amount.
        customer: per customer of the arm, with an interval that may be read every day.
        total: over all customers of the arm.
    """

    name: str
    meaning: str
    customer: Interval
    total: Interval


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of two extra amounts; None where there is nothing to divide by.

    Attributes:
        sentence: the ratio in words, and why it has no bounds where it has none.
    """

    name: str
    meaning: str
    found: RatioInterval | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Money:
    """The account of one arm against the control; what is the same for every customer is known exactly."""

    arm: str
    control: str
    customers: int
    amounts: tuple[Amount, ...]
    ratios: tuple[Ratio, ...]


def money(
    units: pl.DataFrame,
    arm: str,
    control: str,
    acquired: str | None,
    setting: Setting,
    propensity: str | None = None,
) -> Money:
    """The account of an arm: nothing is clamped and nothing adjusted, so that the lines add up.

    Args:
        units: one row a customer, as `stored.Panel` has them.
        acquired: the column that counts what makes a customer a buyer; None if nothing does.
        setting: how to read the differences.
        propensity: column with the probability of each customer's arm, where shares changed.
    """
    bought = (pl.col(acquired) > 0).cast(pl.Float64) if acquired else pl.lit(0.0)
    rows = units.filter(pl.col("arm").is_in([arm, control])).with_columns(bought.alias(_BUYER))
    terms = {name: clustered(Term(name), propensity) for name in (*_MEANING, COST, _BUYER)}
    samples = aggregates(rows, "arm", list(terms.values()), propensity=propensity)
    c, t = samples[control], samples[arm]
    amounts = tuple(_amount(name, terms[name], c, t, setting) for name in _MEANING)
    return Money(arm, control, t.n, amounts, _ratios(terms, c, t, setting.level, acquired))


def _amount(name: str, term: Term, control: Sample, arm: Sample, setting: Setting) -> Amount:
    reading, gap = compare(control, arm, term, setting=setting), value(arm, term) - value(control, term)
    one = Interval(gap, gap, gap) if reading is None else reading.always
    return Amount(name, _MEANING[name], one, scaled(one, arm.n))


def _ratios(
    terms: Mapping[str, Term], control: Sample, arm: Sample, level: float, acquired: str | None
) -> tuple[Ratio, ...]:
    """Revenue and margin per unit of cost, and cost per buyer won; left out where nothing was spent."""
    if value(arm, terms[COST]) == value(control, terms[COST]):
        return ()
    wanted = (
        ("iROAS", "Extra revenue for each 1 spent on contacts and offers", REVENUE, COST, "the extra cost"),
        (
            "margin per cost",
            "Extra margin for each 1 spent on contacts and offers",
            MARGIN,
            COST,
            "the extra cost",
        ),
        (
            "cost per acquired customer",
            "Cost of contacts and offers for each extra buyer",
            COST,
            _BUYER,
            "the extra buyers",
        ),
    )
    made = []
    for name, meaning, above, below, what in wanted if acquired else wanted[:-1]:
        found = per_cost(control, arm, terms[above], terms[below], level)
        made.append(Ratio(name, meaning, found, _told(found, what)))
    return tuple(made)


def _told(found: RatioInterval | None, what: str) -> str:
    if found is None:
        return f"No answer: {what} came to exactly 0."
    if found.low is None or found.high is None:
        return f"{found.value:,.4g}, unbounded: {what} may be nothing, so every value remains possible."
    return f"{found.value:,.4g}, between {found.low:,.4g} and {found.high:,.4g}."


def scaled(one: Interval, by: float) -> Interval:
    """The interval of a multiple."""
    return Interval(one.value * by, one.low * by, one.high * by)
