"""A policy as a program file names it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class PolicyModel(BaseModel):
    """A policy by name, and its settings beside it."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    kind: str = Field(description="linear, vw, formula, priority, uniform or constant.", examples=["linear"])
