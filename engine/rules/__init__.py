"""One rule text, two executions: SQL conditions for one customer and for many, proven equal by the tests."""

from engine.rules.rule import Rule, parse, passes

__all__ = ["Rule", "parse", "passes"]
