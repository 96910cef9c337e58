"""What a Segment message must hold, route by route, for the OpenAPI document.

All are decoded as one type (`engine.segment.Message`), of which each kind asks for something else.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from engine.segment import PASSED_OVER
from engine.values import FEATURES_AT_MOST, ID_SCHEMA

Schema = dict[str, Any]
KINDS = {"/v1/track": "Track", "/v1/identify": "Identify", "/v1/alias": "Alias"}
_ID: Schema = {"anyOf": [{"type": "string", **ID_SCHEMA}, {"type": "integer"}]}
_TEXT_ID: Schema = {"anyOf": [{"type": "string", **ID_SCHEMA}, {"type": "null"}], "default": None}
_WHO: list[Schema] = [
    {"required": ["userId"], "properties": {"userId": _ID}},
    {"required": ["anonymousId"], "properties": {"userId": {"enum": [None, ""]}, "anonymousId": _ID}},
]
_TRAITS: Schema = {
    "type": "object",
    "maxProperties": FEATURES_AT_MOST,
    "propertyNames": {"type": "string", **ID_SCHEMA},
    "additionalProperties": {
        "anyOf": [
            {"type": ["string", "number", "boolean", "null", "array"]},
            {"$ref": "#/components/schemas/Traits"},
        ]
    },
}
_NAMED: Schema = {"type": "string", "pattern": r"[^\W_]", "description": "Holds a letter or a digit."}


def add_messages(components: dict[str, Schema]) -> None:
    """Put a schema of each kind in the place of that of all messages."""
    message = components.pop("Message")
    components["Track"] = _kind(message, {"event": _NAMED}) | {"anyOf": _WHO}
    components["Track"]["properties"]["messageId"] = _TEXT_ID
    components["Identify"] = _kind(message, {}) | {"anyOf": _WHO}
    traits = {"anyOf": [{"$ref": "#/components/schemas/Traits"}, {"type": "null"}], "default": None}
    components["Identify"]["properties"]["traits"] = traits
    components["Traits"] = _TRAITS
    components["Alias"] = _kind(message, {"previousId": _ID, "userId": _ID})
    passed_over = _kind(message, {"type": {"enum": list(PASSED_OVER)}})
    kinds = [
        _kind(components[name], {"type": {"const": name.lower()}}) for name in ("Track", "Identify", "Alias")
    ]
    components["Parcel"]["properties"]["batch"]["items"] = {"anyOf": [*kinds, passed_over]}


def _kind(message: Schema, asked: dict[str, Schema]) -> Schema:
    """The schema with some fields that must be there."""
    made = deepcopy(message)
    made["properties"] |= asked
    if asked:
        made["required"] = [*made.get("required", ()), *asked]
    return made
