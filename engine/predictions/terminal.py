"""Models on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engine.predictions.calibration import Calibration, Estimate
from engine.predictions.intake import Arrival
from engine.predictions.report import Ages, Contract, ModelReport, Reliability

_STALE = {"use": "used in full", "widen": "drawn towards the mean", "ignore": "not used"}


def show_arrival(arrival: Arrival) -> None:
    """Print what came in: one line, and what to look at."""
    known = "" if arrival.new == arrival.customers else f" ({arrival.new:,} new)"
    mean = "" if arrival.mean is None else f": mean {arrival.mean:.4g}"
    drift = "" if arrival.drift is None else f"; {arrival.drift.sentence}"
    model = f"{arrival.model} (version {arrival.version})"
    print(f"{arrival.customers:,} scores of {model} imported{known}{mean}{drift}.")
    for warning in arrival.warnings:
        if not warning.startswith(f"{arrival.model} has changed"):
            print(warning)


def show(models: Sequence[ModelReport], at: datetime, console: Console | None = None) -> None:
    """Print what is known of models at a moment."""
    out = console or Console(highlight=False)
    if not models:
        out.print("No model has scored anyone yet; nextbest predict import takes scores in.")
    for model in models:
        used = f"used by {', '.join(model.used_by)}" if model.used_by else "used by no program"
        out.print(f"[bold]{escape(model.model)}[/], {escape(used)}")
        out.print(_versions(model))
        for version in model.versions:
            if version.drift_in_words:
                out.print(f"  {escape(version.version)}: {escape(version.drift_in_words)}.", soft_wrap=True)
        for contract in model.contracts:
            for line in _contract(contract, at):
                out.print(f"  {escape(line)}", soft_wrap=True)
        for one in model.reliability:
            _reliability(out, one)
        out.print()


def _table(*names: str) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim")
    table.add_column("  " + names[0])
    for name in names[1:]:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _versions(model: ModelReport) -> Table:
    table = _table("version", "as of", "scores", "mean", "sd", "5 %", "50 %", "95 %")
    for one in model.versions:
        quantiles = [_number(one.quantiles.get(share)) for share in ("0.05", "0.5", "0.95")]
        dated = f"{one.last_as_of:%Y-%m-%d}"
        table.add_row(
            f"  {escape(one.version)}", dated, f"{one.n:,}", _number(one.mean), _number(one.sd), *quantiles
        )
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _contract(contract: Contract, at: datetime) -> Iterator[str]:
    if contract.fresh_days is None:
        yield f"{contract.program}: used whatever its age"
    else:
        then = "" if contract.expires_days is None else f", unknown after {contract.expires_days:g} days"
        stale = f"fresh for {contract.fresh_days:g} days, then {_STALE[contract.stale]}{then}"
        yield f"{contract.program}: {stale}; on {at:%Y-%m-%d}:"
        yield from (f"  {_ages(one)}" for one in contract.ages)


def _ages(one: Ages) -> str:
    shares = ((one.fresh, "fresh"), (one.stale, "stale"), (one.expired, "expired"))
    said = ", ".join(f"{100 * count / one.customers:.0f} % {word}" for count, word in shares)
    return f"{one.version}: {one.customers:,} customers, {said}"


def _reliability(out: Console, one: Reliability) -> None:
    about = f"{one.program}: '{one.outcome}' within {one.window_days:g} days of sending {one.offer}"
    out.print(f"  {escape(about)}", soft_wrap=True)
    if one.sent is not None:
        out.print(_figures(one.sent, one.everyone))
        out.print(_bins(one.sent))
    for said in (*one.reading, *(f"Refused: {why}" for why in one.refused), *one.notes):
        out.print(f"  {escape(said)}", soft_wrap=True)


def _figures(sent: Calibration, everyone: Calibration | None) -> Table:
    both = [sent] if everyone is None else [sent, everyone]
    table = _table("", "those sent to", "everyone")
    rows: tuple[tuple[str, Callable[[Calibration], str]], ...] = (
        ("decisions, with it", lambda found: f"{found.n:,}, {found.positives:,}"),
        ("worth as many", lambda found: f"{found.effective:,.0f}"),
        ("observed less predicted", lambda found: _interval(found.gap)),
        ("calibration error", lambda found: f"{found.ece:.3f} ({found.ece_by_chance:.3f} by chance)"),
        ("Brier score", lambda found: _interval(found.brier)),
        ("slope", lambda found: _interval(found.slope)),
        ("intercept", lambda found: _interval(found.intercept)),
    )
    for name, said in rows:
        table.add_row(f"  {name}", *(said(found) for found in both))
    return table


def _interval(one: Estimate | None) -> str:
    return "not determined" if one is None else f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})"


def _bins(found: Calibration) -> Table:
    table = _table("score", "decisions", "predicted", "observed", "95 % interval")
    for one in found.bins:
        span = f"{one.rate.low:.3f} to {one.rate.high:.3f}"
        row = (f"{one.n:,}", f"{one.score:.3f}", f"{one.rate.value:.3f}", span)
        table.add_row(f"  {one.above:.3f} to {one.upto:.3f}", *row)
    return table
