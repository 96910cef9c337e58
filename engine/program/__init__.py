"""The program file: one YAML file a marketer owns, read into a checked `engine.domain.Program`."""

from engine.program.load import json_schema, load, loads, rules_of

__all__ = ["json_schema", "load", "loads", "rules_of"]
