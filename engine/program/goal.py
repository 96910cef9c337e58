"""What a program is for: the outcomes that count, and how much one customer or one source can teach."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from engine.program.fields import CapText, Finite, FlowText, Model, Money, NameText, WindowText

OTHERS = "others"  # sources that are not named


def _weighed(given: Any) -> Any:
    if isinstance(given, dict):
        return given
    if isinstance(given, int | float) and not isinstance(given, bool):
        return {"amount": given}
    raise ValueError("must be an amount such as 1.0, or {amount: 0, share: 0.3}")


def _of_each(given: Any) -> Any:
    return {OTHERS: given} if isinstance(given, str) else given


class WeightModel(Model):
    """What one outcome is worth."""

    amount: Finite = Field(default=0.0, description="A fixed amount; negative for harm.", examples=[-5.0])
    share: Finite = Field(default=0.0, description="Share of the outcome's own value.", examples=[0.3])
    at_most: Money | None = Field(default=None, description="Most that all of this kind are learnt as worth.")


WeightForm = Annotated[WeightModel, BeforeValidator(_weighed, json_schema_input_type=float | WeightModel)]


FlowsForm = Annotated[
    dict[NameText, FlowText],
    BeforeValidator(_of_each, json_schema_input_type=FlowText | dict[NameText, FlowText]),
]


class GoalModel(Model):
    """The outcomes that count, and for how long."""

    outcomes: dict[NameText, WeightForm] = Field(
        min_length=1,
        description="What each outcome is worth: an amount, or an amount and a share of its value.",
        examples=[{"visit": 1.0}],
    )
    window: WindowText = Field(
        description="How long after the decision an outcome still counts.", examples=["14 days"]
    )
    per_customer: CapText | None = Field(
        default=None, description="Most decisions of one customer that teach.", examples=["20 per day"]
    )
    per_source: FlowsForm = Field(
        default={},
        description="Most outcomes of one source that teach: of each, or by name and for all `others`.",
        examples=["20000 per day"],
    )
