"""The fields of what is known of a customer: attributes and predictions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from engine.domain import AttributeType
from engine.program.fields import Model, WindowText


class AttributeModel(Model):
    """A fact about a customer that rules and learning may use."""

    type: AttributeType = Field(
        description="number, integer, text, boolean or timestamp.", examples=["integer"]
    )
    levels: list[str] = Field(default=[], description="The values a text may take.", examples=[["NO", "SE"]])
    learn: bool = Field(
        default=True,
        description="Whether policies may learn from it; false for names and for what must not count.",
        examples=[False],
    )


class PredictionModel(Model):
    """A score by another model: what it is about, and what it is worth as it ages."""

    offer: str | None = Field(
        default=None,
        description="The offer it predicts the response to; left out for a score of the customer.",
        examples=["sale"],
    )
    fresh: WindowText | None = Field(
        default=None,
        description="Older than this it is stale; if left out it never is.",
        examples=["7 days"],
    )
    expires: WindowText | None = Field(
        default=None,
        description="Older than this it counts as not known.",
        examples=["30 days"],
    )
    stale: Literal["use", "widen", "ignore"] = Field(
        default="use",
        description="What a stale score is worth: use it, widen its doubt, or ignore it in choosing.",
        examples=["widen"],
    )


def _typed(given: Any) -> Any:
    return {"type": given} if isinstance(given, str) else given


def _predicted(given: Any) -> Any:
    return {"offer": given} if given is None or isinstance(given, str) else given


AttributeForm = Annotated[
    AttributeModel, BeforeValidator(_typed, json_schema_input_type=AttributeType | AttributeModel)
]
PredictionForm = Annotated[
    PredictionModel, BeforeValidator(_predicted, json_schema_input_type=str | PredictionModel | None)
]
