"""The program file: one YAML file a marketer owns, read into a checked `engine.domain.Program`."""

from engine.program.compiled import arbitration_of, rules_of, sound_rules_of, weights_of
from engine.program.load import examined, json_schema, load, loads

__all__ = [
    "arbitration_of",
    "examined",
    "json_schema",
    "load",
    "loads",
    "rules_of",
    "sound_rules_of",
    "weights_of",
]
