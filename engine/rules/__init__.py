"""One rule text, two executions: SQL conditions for one customer and for many, proven equal by the tests."""

from engine.rules.amount import Amount, amount
from engine.rules.findings import Finding, conflict, findings
from engine.rules.rule import Rule, parse, passes

__all__ = ["Amount", "Finding", "Rule", "amount", "conflict", "findings", "parse", "passes"]
