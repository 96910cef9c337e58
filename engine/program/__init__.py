"""The program file: one YAML file a marketer owns, read into a checked `engine.domain.Program`."""

from engine.program.compiled import arbitration_of, rules_of, weights_of
from engine.program.load import json_schema, load, loads

__all__ = ["arbitration_of", "json_schema", "load", "loads", "rules_of", "weights_of"]
