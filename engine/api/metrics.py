"""What the server counts, in Prometheus' words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from engine.store.rows import DecisionRow

if TYPE_CHECKING:
    from engine.guard import Guarded

disable_created_metrics()  # type: ignore[no-untyped-call]  # the moments at which counters were made: as many samples again, of no use here
CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_NAMES = ("program", "arm", "fallback", "replayed")


class Metrics:
    """Counters and histograms of one server. Labels are never a caller's own words."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._decisions = Counter(
            "nextbest_decisions", "Decisions told from the log.", _NAMES, registry=self.registry
        )
        self._unlogged = Counter(
            "nextbest_unlogged",
            "Requests answered without the log: nothing was sent.",
            ["cause"],
            registry=self.registry,
        )
        self.late = Counter(
            "nextbest_late_decisions",
            "Decisions withdrawn: logged after their caller had been answered without them.",
            registry=self.registry,
        )
        self.outcomes = Counter(
            "nextbest_outcomes", "Outcomes received, those known before included.", registry=self.registry
        )
        self._latency = Histogram(
            "nextbest_decision_seconds",
            "From the request's body to its answer.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.group = Histogram(
            "nextbest_decision_group", "Requests in one commit.", buckets=_SIZES, registry=self.registry
        )
        self.commit = Histogram(
            "nextbest_commit_seconds",
            "From asking the store for a transaction to having it on disk.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.waiting = Gauge(
            "nextbest_waiting", "Requests not taken up by a commit yet.", registry=self.registry
        )
        self._guarded = Gauge(
            "nextbest_guard_effect",
            "The arm policy less another one since the newest step, per customer, and the limits of it.",
            ("program", "metric", "control", "limit"),
            registry=self.registry,
        )
        self._harmed = Gauge(
            "nextbest_guard_harm",
            "1 where the last look at the guardrail showed harm, else 0.",
            ["program"],
            registry=self.registry,
        )
        self.went_back = Counter(
            "nextbest_guard_rollbacks",
            "Snapshots taken back because of the guardrail.",
            ["program"],
            registry=self.registry,
        )
        self.held = Counter(
            "nextbest_outcomes_held",
            "Outcomes not learnt from, as their source sent too many; counted in each lesson that met them.",
            ("program", "source"),
            registry=self.registry,
        )
        self.learning_waits = Gauge(
            "nextbest_learning_waits",
            "1 while learning waits for somebody to decide, else 0.",
            ["program"],
            registry=self.registry,
        )
        self._children: dict[tuple[str, str, str, bool], Counter] = {}

    def told(self, row: DecisionRow, replayed: bool, seconds: float) -> None:
        """Count a decision told, and how long it took."""
        key = (row.program, row.arm, row.fallback or "", replayed)
        child = self._children.get(key)
        if child is None:
            child = self._decisions.labels(key[0], key[1], key[2], str(replayed).lower())
            self._children[key] = child
        child.inc()
        self._latency.observe(seconds)

    def missed(self, cause: str, seconds: float) -> None:
        """Count a request that was answered without the log."""
        self._unlogged.labels(cause).inc()
        self._latency.observe(seconds)

    def guarded(self, program: str, found: Guarded) -> None:
        """Note a look at a program's guardrail."""
        self._harmed.labels(program).set(float(bool(found.harm)))
        self._guarded.remove_by_labels({"program": program})  # those of a step before
        for one in found.looks:
            for limit in ("value", "low", "high"):
                effect = self._guarded.labels(program, one.metric, one.control, limit)
                effect.set(getattr(one.effect, limit))

    def text(self) -> bytes:
        """All of them in Prometheus' text format."""
        return generate_latest(self.registry)
