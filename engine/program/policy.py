"""A policy as a program file names it."""

from __future__ import annotations

import inspect
import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, TypeAdapter
from pydantic_core import CoreSchema

Schema = dict[str, Any]
_ARGUMENT = re.compile(r"\n {8}(\w+): (.*(?:\n {12}.*)*)")


class PolicyModel(BaseModel):
    """A policy by name, and its settings beside it."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    kind: str = Field(description="linear, vw, formula, priority, uniform or constant.", examples=["linear"])

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> Schema:
        """With the settings of each kind of nextbest's own; those of another package are not known here."""
        from policies.make import KINDS

        schema = handler(core)
        schema["properties"]["kind"]["anyOf"] = [{"enum": list(KINDS)}, {"type": "string"}]
        schema["allOf"] = [_of(kind, load()) for kind, load in KINDS.items()]
        return schema


def _of(kind: str, constructor: type) -> Schema:
    """What may stand beside a kind: what its class may be made with."""
    told = dict(_ARGUMENT.findall(constructor.__doc__ or ""))
    settings = {
        name: _setting(one, told.get(name, ""))
        for name, one in inspect.signature(constructor, eval_str=True).parameters.items()
    }
    needed = [name for name, one in settings.items() if "default" not in one]
    then = {"properties": {"kind": True, **settings}, "required": needed, "additionalProperties": False}
    return {"if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]}, "then": then}


def _setting(one: inspect.Parameter, told: str) -> Schema:
    default = {} if one.default is one.empty else {"default": one.default}
    words = {"description": f"{told[:1].upper()}{' '.join(told[1:].split())}"} if told else {}
    return {**TypeAdapter(one.annotation).json_schema(), **default, **words}
