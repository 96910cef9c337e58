"""`nextbest report FILE` for designs other than arms side by side, and `--plan` for a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from engine.commands.shared import show_json
from engine.errors import InputError

if TYPE_CHECKING:
    from engine.experiments.encouragement import Delivered
    from engine.experiments.factorial import Factorial


Told = tuple[dict[str, Any], list[str], bool]  # as JSON, as lines, and whether every trust check passed


@dataclass(frozen=True, slots=True)
class Design:
    """Which design is asked for: one of factors, period, delivered and plan."""

    factors: Sequence[str] | None
    period: str | None
    wash_out: int
    delivered: str | None
    plan: bool
    effect: float | None
    per_day: float | None


@dataclass(frozen=True, slots=True)
class Compared:
    """What is compared: as the options of `nextbest report FILE` say."""

    arm: str | None
    control: str | None
    metrics: tuple[str, ...]
    cluster: str | None
    lower_is_better: tuple[str, ...]
    level: float
    allow_negative: tuple[str, ...] = ()
    expected_split: Mapping[str, float] | None = None


def report_design(path: Path, design: Design, asked: Compared, as_json: bool) -> None:
    """Report a file by its design; exit with 1 if a trust check failed.

    Raises:
        InputError: two designs are asked for, or an option is missing.
    """
    named = {
        "--factors": design.factors is not None,
        "--period": design.period is not None,
        "--delivered": design.delivered is not None,
        "--plan": design.plan,
    }
    chosen = [option for option, given in named.items() if given]
    if len(chosen) > 1:
        raise InputError(f"{' and '.join(chosen)} ask for different designs; give one of them.")
    if not asked.metrics:
        raise InputError("No metric was named. Name one or more with --metric COLUMN.")
    by_option = {"--factors": _factors, "--period": _period, "--delivered": _delivered, "--plan": _plan}
    show_design(by_option[chosen[0]](path, design, asked), as_json)


def show_design(found: Told, as_json: bool) -> None:
    """Print a design's report; exit with 1 if a trust check failed."""
    told, lines, trusted = found
    if as_json:
        show_json(told)
    else:
        typer.echo("\n".join(lines))
    if not trusted:
        raise typer.Exit(1)


def _factors(path: Path, design: Design, asked: Compared) -> Told:
    from engine.experiments.factorial import factorial

    references = tuple(one.strip() for one in asked.control.split(",")) if asked.control else ()
    found = factorial(
        path,
        design.factors or (),
        asked.metrics,
        references,
        asked.cluster,
        asked.level,
        asked.allow_negative,
        asked.expected_split,
    )
    return told_factors(found)


def told_factors(found: Factorial) -> Told:
    """A multivariate experiment as JSON and as lines."""
    from engine.experiments.document import trust

    told = {
        "source": found.source,
        "cells": found.cells,
        "trust": trust(found.trust, found.trusted),
        "contrasts": [asdict(one) for one in found.contrasts],
    }
    return told, list(_factor_lines(found)), found.trusted


def _factor_lines(found: Factorial) -> Iterator[str]:
    yield from (f"{'passed' if one.passed else 'FAILED'}  {one.title} {one.sentence}" for one in found.trust)
    width = max(len(one.what) for one in found.contrasts) + 2
    for metric in dict.fromkeys(one.metric for one in found.contrasts):
        yield f"\n{metric:<{width}}{'effect':>9}{f'{100 * found.level:g} % interval':>22}{'p':>9}"
        for one in (each for each in found.contrasts if each.metric == metric):
            span = f"{one.effect.low:.3g} to {one.effect.high:.3g}"
            yield f"{one.what:<{width}}{one.effect.value:>9.3g}{span:>22}{one.p_adjusted:>9.2g}"


def _period(path: Path, design: Design, asked: Compared) -> Told:
    from engine.experiments.switchback import switchback

    arm, control = _arms(asked)
    found = switchback(
        path,
        arm=arm,
        control=control,
        period=design.period or "",
        metrics=asked.metrics,
        lower_is_better=asked.lower_is_better,
        allow_negative=asked.allow_negative,
        expected_split=asked.expected_split,
        wash_out=design.wash_out,
        level=asked.level,
    )
    return found.as_dict(), report_lines(found), found.trusted


def _delivered(path: Path, design: Design, asked: Compared) -> Told:
    from engine.experiments.encouragement import encouragement

    arm, control = _arms(asked)
    found = encouragement(
        path,
        arm=arm,
        control=control,
        delivered=design.delivered or "",
        metrics=asked.metrics,
        cluster=asked.cluster,
        lower_is_better=asked.lower_is_better,
        allow_negative=asked.allow_negative,
        expected_split=asked.expected_split,
        level=asked.level,
    )
    told = {**found.intended.as_dict(), "delivered": [asdict(one) for one in found.delivered]}
    lines = ["By intention to treat:", *report_lines(found.intended), "", "On those it was delivered to:"]
    return told, [*lines, *map(_delivered_line, found.delivered)], found.intended.trusted


def _delivered_line(one: Delivered) -> str:
    if one.effect is None:
        return f"{one.arm}, {one.metric}: {one.reason}"
    if one.effect.low is None or one.effect.high is None:
        return f"{one.arm}, {one.metric}: unbounded; the lot moves delivery too little."
    span = f"{one.effect.low:.3g} to {one.effect.high:.3g}"
    shares = f"delivered to {one.share[1]:.1%}, in the control to {one.share[0]:.1%}"
    return f"{one.arm}, {one.metric}: {one.effect.value:.3g} ({span}), {shares}."


def _plan(path: Path, design: Design, asked: Compared) -> Told:
    from engine.experiments.file_plan import plan_file, sentences

    arm, control = _arms(asked)
    found = plan_file(
        path,
        arm=arm,
        control=control,
        metric=asked.metrics[0],
        cluster=asked.cluster,
        effect=design.effect,
        per_day=design.per_day,
        level=asked.level,
    )
    return asdict(found), list(sentences(found)), True


def _arms(asked: Compared) -> tuple[str, str]:
    if asked.arm is None or asked.control is None:
        raise InputError(
            "--arm and --control are needed: the column that names the arm, and the arm to compare with."
        )
    return asked.arm, asked.control


def report_lines(found: Any) -> list[str]:
    """A report as the terminal shows it."""
    from io import StringIO

    from rich.console import Console

    from engine.experiments.terminal import show

    out = StringIO()
    show(found, (), Console(file=out, highlight=False, width=100))
    return out.getvalue().rstrip().splitlines()
