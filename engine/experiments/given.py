"""What `nextbest report` was asked for, and which kind of report answers it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from engine.commands.shared import moment
from engine.errors import InputError
from engine.experiments import options
from engine.experiments.design_command import Compared, Design, report_design
from engine.experiments.program_command import Asked, is_file, report_stored, write

if TYPE_CHECKING:
    from engine.experiments.program import Also
    from engine.experiments.report import Report

_QUANTILE = re.compile(r"(?P<column>.+):(?P<q>[0-9]*\.?[0-9]+)")
_SHARE = re.compile(r"\s*(?P<arm>[^=]+?)\s*=\s*(?P<share>[0-9.eE+-]+)\s*(?:,|$)")


@dataclass(frozen=True, slots=True)
class Given:
    """The options of `nextbest report`, by their names there."""

    what: str | None
    every: bool
    arm: str | None
    control: str | None
    metric: list[str] | None
    ratio: list[str] | None
    covariate: list[str] | None
    unit: str | None
    cluster: str | None
    expected_split: str | None
    clamp: float | None
    cost_column: str | None
    level: float
    primary: list[str] | None
    lower_is_better: list[str] | None
    horizon: float | None
    html: Path | None
    csv: Path | None
    days: float
    margin: float
    segment: list[str] | None
    plan: bool
    effect: float | None
    propensity: str | None
    quantile: list[str] | None
    assigned_at: str | None
    covariate_at: str | None
    factors: str | None
    period: str | None
    wash_out: int
    delivered: str | None
    per_day: float | None
    score: str | None
    half_life: float
    upkeep_before: float | None
    upkeep_now: float
    active_at: list[int] | None
    allow_negative: list[str] | None
    at: str | None
    store: Path | None
    as_json: bool

    @property
    def design(self) -> bool:
        """Whether a design other than arms side by side was asked for."""
        return bool(self.factors or self.period or self.delivered)


def answer(given: Given, named: Sequence[str]) -> None:
    """Report what was asked for; exit with 1 if a trust check failed.

    Args:
        named: the options that the user gave, of which none is passed over.

    Raises:
        InputError: nothing, or two things, were asked for; or an option that says nothing to it.
    """
    if given.every:
        if given.what is not None:
            raise InputError(f"--all is every program of the store; leave out '{given.what}', or --all.")
        options.fitting(options.ALL, named)
        _all(given)
    elif given.what is None:
        raise InputError("Name a program or a file, or give --all for all programs together.")
    elif is_file(given.what):
        options.fitting(options.FILE, named)
        _of_file(given, Path(given.what))
    else:
        options.fitting(options.PROGRAM, named)
        _of_program(given, given.what)


def _all(given: Given) -> None:
    from engine.experiments.together_command import report_all

    allowed = tuple(given.allow_negative or ())
    report_all(
        given.level,
        given.days,
        given.html,
        given.csv,
        given.as_json,
        given.at,
        given.store,
        given.margin,
        allowed,
    )


def _of_program(given: Given, name: str) -> None:
    if given.design:
        from engine.experiments.design_stored import report_stored_design

        report_stored_design(name, _design(given), _compared(given), given.at, given.store, given.as_json)
        return
    asked = Asked(
        level=given.level,
        days=given.days,
        effect=given.effect,
        plan=given.plan,
        margin=given.margin,
        segments=tuple(given.segment or ()),
        also=_also(given),
        html=given.html,
        csv=given.csv,
        as_json=given.as_json,
    )
    report_stored(name, asked, given.at, given.store)


def _of_file(given: Given, path: Path) -> None:
    if given.design or given.plan:
        report_design(path, _design(given), _compared(given), given.as_json)
        return
    found = _analysed(given, path)
    if given.html is not None:
        from engine.experiments.page import render

        write(given.html, render(found))
    if given.csv is not None:
        from engine.experiments.rows import of_report, table

        write(given.csv, table(of_report(found)).write_csv())
    _show(found, given.as_json, [one for one in (given.html, given.csv) if one is not None])
    if not found.trusted:
        raise typer.Exit(1)


def _analysed(given: Given, path: Path) -> Report:
    from engine.experiments.report import analyse

    return analyse(
        path,
        arm=_needed(given.arm, "--arm", "the column that names the arm"),
        control=_needed(given.control, "--control", "the arm to compare with"),
        metrics=given.metric or (),
        ratios=[_ratio(one) for one in given.ratio or ()],
        covariates=given.covariate or (),
        unit=given.unit,
        cluster=given.cluster,
        expected_split=_shares(given),
        clamp=given.clamp,
        cost_column=given.cost_column,
        level=given.level,
        primary=given.primary or (),
        lower_is_better=given.lower_is_better or (),
        horizon=given.horizon,
        propensity=given.propensity,
        quantile=[_quantile(one) for one in given.quantile or ()],
        score=given.score,
        assigned_at=given.assigned_at,
        covariate_at=given.covariate_at,
        at=moment(given.at),
        allow_negative=given.allow_negative or (),
    )


def _design(given: Given) -> Design:
    factors = None if given.factors is None else _names(given.factors)
    return Design(
        factors, given.period, given.wash_out, given.delivered, given.plan, given.effect, given.per_day
    )


def _compared(given: Given) -> Compared:
    return Compared(
        given.arm,
        given.control,
        tuple(given.metric or ()),
        given.cluster,
        tuple(given.lower_is_better or ()),
        given.level,
        tuple(given.allow_negative or ()),
        _shares(given),
    )


def _also(given: Given) -> Also:
    from engine.experiments.program import Also
    from engine.experiments.program_metrics import ACTIVE_AT

    return Also(
        score=given.score,
        half_life=given.half_life,
        upkeep_before=given.upkeep_before,
        upkeep_now=given.upkeep_now,
        active_at=tuple(given.active_at or ACTIVE_AT),
        allow_negative=tuple(given.allow_negative or ()),
    )


def _shares(given: Given) -> dict[str, float] | None:
    return None if given.expected_split is None else _split(given.expected_split)


def _needed(value: str | None, option: str, what: str) -> str:
    if value is None:
        raise InputError(
            f"{option} is missing: a file needs {what}. Give it, or name a program in the store."
        )
    return value


def _names(text: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in text.split(",") if one.strip())


def _ratio(text: str) -> tuple[str, str]:
    """`revenue/orders` -> its two columns."""
    above, slash, below = text.partition("/")
    if not (above and slash and below):
        raise InputError(f"--ratio is '{text}', must be two columns as ABOVE/BELOW, such as revenue/orders.")
    return above, below


def _quantile(text: str) -> tuple[str, float]:
    """`spend:0.9` -> its column and share."""
    found = _QUANTILE.fullmatch(text)
    if found is None:
        raise InputError(
            f"--quantile is '{text}', must be COLUMN:Q with Q between 0 and 1, such as spend:0.9."
        )
    return found["column"], float(found["q"])


def _split(text: str) -> dict[str, float]:
    """`a=0.5,b=0.5` -> shares; arm names may hold anything but `=`."""
    shares: dict[str, float] = {}
    at = 0
    while at < len(text):
        found = _SHARE.match(text, at)
        if found is None:
            raise InputError(
                f"--expected-split is '{text}', must be ARM=SHARE,ARM=SHARE such as a=0.5,b=0.5."
            )
        shares[found["arm"]] = _number(found["share"], text)
        at = found.end()
    return shares


def _number(share: str, text: str) -> float:
    try:
        return float(share)
    except ValueError as error:
        raise InputError(f"--expected-split is '{text}': '{share}' is not a number.") from error


def _show(report: Report, as_json: bool, written: Sequence[Path]) -> None:
    if as_json:
        import json

        typer.echo(json.dumps(report.as_dict(), indent=2, allow_nan=False))
        return
    from engine.experiments.terminal import show

    show(report, written)
