"""What an evaluation says, and the forms it is told in."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.comparison import Support
from simulator.diagnose import Verdict

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Estimate:
    """One estimator's answer; its numbers are None where the log supports none."""

    estimator: str
    value: float | None
    low: float | None
    high: float | None
    se: float | None


@dataclass(frozen=True, slots=True)
class Lift:
    """A paired difference on the same rows: this policy less `against`."""

    value: float | None
    low: float | None
    high: float | None
    against: str


@dataclass(frozen=True, slots=True)
class Logged:
    """What the logging policy earned per decision; no limits where every reward is the same."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class PolicyValue:
    """One policy: verdict, estimates, the chosen one and why, its lift and what that rests on.

    Attributes:
        bearing: effective number of rewarded units that the value rests on.
    """

    name: str
    verdict: Verdict
    reason: str
    ess: float
    max_weight: float
    coverage: float
    estimates: tuple[Estimate, ...]
    chosen: str
    value: float | None
    low: float | None
    high: float | None
    lift: Lift
    why: str
    support: Support | None
    bearing: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The table: n logged decisions, what they earned, and what each policy would have.

    Attributes:
        level: of the intervals.
        interval: their kind.
        model: of the reward.
        source: where the log came from.
        notes: what was left out of the log, and why.
        detect: the difference that was asked about, if any.
    """

    n: int
    logged: Logged
    policies: tuple[PolicyValue, ...]
    level: float = 0.95
    interval: str = "gamma"
    model: str = "linear"
    source: str = "log"
    notes: tuple[str, ...] = ()
    detect: float | None = None

    def __str__(self) -> str:
        """The tables that the command prints."""
        from simulator.evaluate_terminal import text

        return text(self)

    def as_dict(self) -> dict[str, Any]:
        """Plain lists, dicts, strings and numbers; None where there is no answer, never NaN."""
        return {
            "n": self.n,
            "logged": asdict(self.logged),
            "policies": [_plain(asdict(one)) for one in self.policies],
        }

    def to_polars(self) -> pl.DataFrame:
        """One row a policy and estimator; null where there is no answer."""
        import polars as pl

        rows = [_flat(one, each) for one in self.policies for each in one.estimates]
        return pl.DataFrame(rows, infer_schema_length=None)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The same table for whatever reads Arrow: pyarrow, pandas, duckdb."""
        return self.to_polars().__arrow_c_stream__(requested_schema)

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        from simulator.page import fragment

        return fragment(self)

    def save(self, path: str | Path) -> None:
        """Write it as one HTML file that loads nothing."""
        from simulator.page import render

        Path(path).write_text(render(self), encoding="utf-8")

    @property
    def refused(self) -> bool:
        """True if any policy was refused."""
        return any(one.verdict == "refused" for one in self.policies)


def _plain(tree: Any) -> Any:
    """Tuples as lists, all the way down."""
    if isinstance(tree, dict):
        return {name: _plain(branch) for name, branch in tree.items()}
    return [_plain(branch) for branch in tree] if isinstance(tree, (list, tuple)) else tree


def _flat(one: PolicyValue, each: Estimate) -> dict[str, Any]:
    """A row of the table of estimates."""
    return {
        "policy": one.name,
        "verdict": one.verdict,
        "reason": one.reason,
        "estimator": each.estimator,
        "chosen": each.estimator == one.chosen,
        "value": each.value,
        "low": each.low,
        "high": each.high,
        "se": each.se,
        "lift": one.lift.value,
        "lift_low": one.lift.low,
        "lift_high": one.lift.high,
        "against": one.lift.against,
        "ess": one.ess,
        "max_weight": one.max_weight,
        "coverage": one.coverage,
        "bearing": one.bearing,
    }
