"""One rule text: SQL conditions for one customer, by columns, or side by side as bits, proven equal."""

from engine.rules.amount import Amount, amount
from engine.rules.findings import Finding, conflict, findings
from engine.rules.rule import Rule, parse, passes

__all__ = ["Amount", "Finding", "Rule", "amount", "conflict", "findings", "parse", "passes"]
