"""Effects in segments that were named before the figures were seen, drawn towards what they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np
import polars as pl
from scipy.stats import norm
from sqlalchemy import Connection

from engine.calendar import microseconds
from engine.domain import Program
from engine.errors import InputError, RefusedError, nearest
from engine.experiments import multiplicity, srm, welch
from engine.experiments.members import WHAT, by_unit
from engine.experiments.metric import Term, moments
from engine.experiments.stored import Panel
from engine.experiments.trust import LIMIT, Check
from engine.experiments.units import aggregates
from engine.experiments.welch import Effect, Interval
from engine.store import flows

_STEPS = 400  # of the spread between levels, from none to four times what could be seen


@dataclass(frozen=True, slots=True)
class Segment:
    """One level of an attribute.

    Attributes:
        customers: of the two arms.
        effect: as measured, read once.
        shrunk: drawn towards the mean of the attribute's levels: what to expect of it.
        p: p-value of no effect, adjusted over all segments by Benjamini and Hochberg.
    """

    attribute: str
    level: str
    customers: int
    effect: Interval
    shrunk: Interval
    p: float


@dataclass(frozen=True, slots=True)
class Labels:
    """Attribute -> (customer, segment), of the customers of whom it is known; and what to say about that."""

    of: Mapping[str, pl.DataFrame]
    notes: tuple[str, ...] = ()


def labelled(connection: Connection, panel: Panel, attributes: Sequence[str]) -> Labels:
    """The segment of every customer, or of every household or account that has one arm.

    Raises:
        InputError: the program has no such attribute, or one that is neither text nor boolean.
        RefusedError: it is known of nobody, or members of too many households differ in it.
    """
    for name in attributes:
        _check(panel.program, name)
    if not attributes:
        return Labels({})
    decode = msgspec.json.Decoder(dict[str, object]).decode
    found = flows.profiles(connection, panel.program.name, microseconds(panel.at))
    known = [(customer, decode(body)) for customer, body in found]
    labels = {name: _words(name, known) for name in dict.fromkeys(attributes)}
    if not panel.program.unit:
        return Labels(_known(labels, panel))
    of_units = {name: by_unit(label, panel, name) for name, label in labels.items()}
    notes = tuple(note for _, told in of_units.values() for note in told)
    return Labels(_known({name: label for name, (label, _) in of_units.items()}, panel), notes)


def _known(labels: Mapping[str, pl.DataFrame], panel: Panel) -> Mapping[str, pl.DataFrame]:
    for name, label in labels.items():
        if label.join(panel.units, on="customer", how="semi").is_empty():
            raise RefusedError(
                f"--segment is '{name}': no profile of a customer of program '{panel.program.name}' says it. "
                "Import profiles with it, or leave the option out."
            )
    return labels


def segments(
    units: pl.DataFrame, metric: str, arms: tuple[str, str], labels: Mapping[str, pl.DataFrame], level: float
) -> tuple[Segment, ...]:
    """The effect of the arm over the control in each segment with two customers or more in both arms.

    Source: Gelman et al. (2013), "Bayesian data analysis", section 5.4, with a half-Cauchy prior of the
    spread between levels (Gelman 2006, "Prior distributions for variance parameters in hierarchical models").
    """
    found = [
        one for name, label in labels.items() for one in _levels(units, metric, arms, name, label, level)
    ]
    adjusted = multiplicity.benjamini_hochberg([one.p for one in found])
    return tuple(replace(one, p=p) for one, p in zip(found, adjusted, strict=True))


def split(units: pl.DataFrame, labels: Mapping[str, pl.DataFrame], share: Mapping[str, float]) -> Check:
    """Does every segment hold the promised split? Bonferroni over the segments."""
    title, names = "Split as promised in every segment?", list(share)
    counted = [
        (
            srm.chi_square([part.filter(arm=arm).height for arm in names], list(share.values())),
            f"{name} {key}",
        )
        for name, label in labels.items()
        for key, part in _parts(units, label)
    ]
    p, worst = min(counted, default=(1.0, ""))
    p = min(1.0, p * len(counted))
    if p >= LIMIT:
        return Check("srm_segments", title, True, f"{len(counted)} segments, none astray (p = {p:.2g}).", p=p)
    sentence = f"{worst} does not hold the split (p = {p:.2g}). Find out which of its customers are missing."
    return Check("srm_segments", title, False, sentence, p=p)


def _levels(
    units: pl.DataFrame, metric: str, arms: tuple[str, str], name: str, label: pl.DataFrame, level: float
) -> list[Segment]:
    term, read = Term(metric), list[tuple[str, int, Effect]]()
    for key, part in _parts(units.filter(pl.col("arm").is_in(arms)), label):
        samples = aggregates(part, "arm", [term])
        if any(arm not in samples or samples[arm].n < 2 for arm in arms):
            continue
        effect = welch.difference(*(moments(samples[arm], term) for arm in arms))
        if effect.se > 0:
            read.append((key, part.height, effect))
    drawn = drawn_together([effect for _, _, effect in read], level)
    return [
        Segment(name, key, n, welch.interval(effect, level), shrunk, welch.p_value(effect))
        for (key, n, effect), shrunk in zip(read, drawn, strict=True)
    ]


def drawn_together(effects: Sequence[Effect], level: float) -> list[Interval]:
    """Posterior of each effect where all come from one normal distribution around their common mean.

    How far the levels differ is not taken as known: the posterior is averaged over it, which an estimate in
    its place would leave out, and with it a part of the doubt.
    """
    if len(effects) < 2:
        return [welch.interval(one, level) for one in effects]
    value, error = (np.array([getattr(one, name) for one in effects]) for name in ("value", "se"))
    scale = float(error.max())
    between = np.linspace(0.0, 4 * (scale + float(np.ptp(value))), _STEPS)[:, None]  # (t, 1)
    around = 1 / (error**2 + between**2)  # (t, k)
    centre = (around @ value / around.sum(axis=1))[:, None]
    unsure = 1 / around.sum(axis=1)[:, None]
    fit = np.log(around).sum(axis=1) - (around * (value - centre) ** 2).sum(axis=1) + np.log(unsure[:, 0])
    weight = np.exp((fit - fit.max()) / 2) / (1 + (between[:, 0] / scale) ** 2)
    weight /= weight.sum()
    kept = between**2 * around
    middle = centre + kept * (value - centre)
    mean = weight @ middle
    variance = weight @ (kept * error**2 + (1 - kept) ** 2 * unsure + (middle - mean) ** 2)
    reach = float(norm.ppf((1 + level) / 2)) * np.sqrt(variance)
    return [Interval(float(m), float(m - r), float(m + r)) for m, r in zip(mean, reach, strict=True)]


def _parts(units: pl.DataFrame, label: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """(segment, its customers), in the order of their names."""
    joined = units.join(label, on="customer", maintain_order="left")
    return [(str(key[0]), part) for key, part in sorted(joined.group_by(WHAT), key=lambda one: str(one[0]))]


def _check(program: Program, name: str) -> None:
    known = {one.name: one.type for one in program.attributes}
    if name not in known:
        raise InputError(
            f"--segment is '{name}', program '{program.name}' has no such attribute.{nearest(name, known)}"
        )
    if known[name] not in ("text", "boolean"):
        raise InputError(
            f"--segment is '{name}', a {known[name]}; name an attribute that is text or boolean."
        )


def _words(name: str, known: Sequence[tuple[str, Mapping[str, object]]]) -> pl.DataFrame:
    rows = [(customer, _word(values[name])) for customer, values in known if values.get(name) is not None]
    return pl.DataFrame(rows, schema={"customer": pl.String, WHAT: pl.String}, orient="row")


def _word(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
