"""Which options go with which kind of report. One that would be passed over is refused, not dropped."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import typer

from engine.errors import InputError

_ALWAYS = frozenset({"what", "every", "as_json", "level"})
_STORE = frozenset({"at", "store"})
_PAGES = frozenset({"html", "csv"})
_ARMS = frozenset({"arm", "control", "metric"})
_DRAWN = frozenset({"cluster", "lower_is_better", "allow_negative", "expected_split"})
_PROGRAM = frozenset(
    {
        "days",
        "effect",
        "plan",
        "margin",
        "segment",
        "score",
        "half_life",
        "upkeep_before",
        "upkeep_now",
        "active_at",
        "allow_negative",
    }
)
_FILE = frozenset(
    {
        "ratio",
        "covariate",
        "unit",
        "clamp",
        "cost_column",
        "primary",
        "horizon",
        "propensity",
        "quantile",
        "score",
        "assigned_at",
        "covariate_at",
        "at",
    }
)
ALL, PROGRAM, FILE = "all programs together", "a program", "a file"
USED: Mapping[tuple[str, str], frozenset[str]] = {
    (ALL, ""): _STORE | _PAGES | {"days", "margin", "allow_negative"},
    (PROGRAM, ""): _PROGRAM | _STORE | _PAGES,
    (PROGRAM, "plan"): _PROGRAM | _STORE,
    (PROGRAM, "factors"): _STORE | {"factors", "control"},
    (PROGRAM, "period"): _STORE | {"period", "control", "wash_out", "expected_split"},
    (FILE, ""): _FILE | _ARMS | _DRAWN | _PAGES,
    (FILE, "plan"): _ARMS | {"plan", "cluster", "effect", "per_day"},
    (FILE, "factors"): _DRAWN - {"lower_is_better"} | {"factors", "metric", "control"},
    (FILE, "period"): _ARMS | _DRAWN - {"cluster"} | {"period", "wash_out"},
    (FILE, "delivered"): _ARMS | _DRAWN | {"delivered"},
}
DESIGNS = ("factors", "period", "delivered", "plan")


def given(context: typer.Context) -> list[str]:
    """The names of the parameters that stand on the command line."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]


def fitting(kind: str, given: Collection[str]) -> None:
    """Raise `InputError` at the first option that says nothing to this kind of report.

    Two designs at once are left to the one who reads them.

    Args:
        kind: `ALL`, `PROGRAM` or `FILE`.
        given: names of the parameters of `nextbest report` that the caller gave.
    """
    designs = [one for one in DESIGNS if one in given and kind != ALL]
    used = USED.get((kind, designs[0] if designs else ""))
    if len(designs) > 1 or used is None:
        return
    for name in given:
        if name not in used | _ALWAYS:
            design = f" with {_option(designs[0])}" if designs else ""
            raise InputError(f"{_option(name)} says nothing to the report of {kind}{design}; leave it out.")


def _option(name: str) -> str:
    """As it is written on the command line."""
    return f"--{name.replace('_', '-')}"
