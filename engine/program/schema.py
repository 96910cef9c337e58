"""The program file's fields, each with its type, its bounds and the words that explain it to a marketer."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema

from engine.domain import AttributeType, Cap, QuietHours
from engine.program import forms


def _text(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern})


def _several(given: Any) -> Any:
    return [given] if isinstance(given, str) else given


def _nothing(given: Any) -> Any:
    return {} if given is None else given


def _typed(given: Any) -> Any:
    return {"type": given} if isinstance(given, str) else given


def _weighed(given: Any) -> Any:
    if isinstance(given, dict):
        return given
    if isinstance(given, int | float) and not isinstance(given, bool):
        return {"amount": given}
    raise ValueError("must be an amount such as 1.0, or {amount: 0, share: 0.3}")


def _purpose(given: Any) -> Any:
    return None if given == "none" else given


_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]"
_DATE = "^[0-9]{4}-[0-9]{2}-[0-9]{2}"
_LENGTH = "([1-9][0-9]{0,4} )?(minute|hour|day|week)s?"
NAME = "^[A-Za-z0-9_.-]{1,64}$"

Finite = Annotated[float, Field(allow_inf_nan=False)]
Money = Annotated[float, Field(allow_inf_nan=False, ge=0)]
Share = Annotated[float, Field(allow_inf_nan=False, ge=0, le=1)]
NameText = Annotated[str, Field(pattern=NAME)]
CapText = Annotated[Cap, PlainValidator(forms.cap), _text(f"^[1-9][0-9]{{0,3}} per {_LENGTH}$")]
WindowText = Annotated[timedelta, PlainValidator(forms.window), _text(f"^{_LENGTH}$")]
QuietText = Annotated[QuietHours, PlainValidator(forms.quiet), _text(f"^{_CLOCK} ?- ?{_CLOCK}$")]
TimeText = Annotated[time, PlainValidator(forms.wall_time), _text(f"^{_CLOCK}$")]
StartText = Annotated[datetime, PlainValidator(forms.start), _text(_DATE)]
EndText = Annotated[datetime, PlainValidator(forms.end), _text(_DATE)]
Rules = Annotated[list[str], BeforeValidator(_several, json_schema_input_type=str | list[str])]


class Model(BaseModel):
    """A part of the file: no field but those named, nothing silently converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class RuledModel(Model):
    """What may carry rules. A customer passes a rule only where it is true; not known is not passed."""

    eligible: Rules = Field(
        default=[],
        description="SQL condition, or a list of them: who may get this at all (law, contract).",
        examples=["age >= 18"],
    )
    applicable: Rules = Field(
        default=[],
        description="SQL condition, or a list of them: for whom this makes sense now (has none yet).",
        examples=["last_category <> 'shoes'"],
    )
    suitable: Rules = Field(
        default=[],
        description="SQL condition, or a list of them: for whom this is right (can afford it).",
        examples=["clv > 50"],
    )


class AttributeModel(Model):
    """A fact about a customer that rules and learning may use."""

    type: AttributeType = Field(
        description="number, integer, text, boolean or timestamp.", examples=["integer"]
    )
    levels: list[str] = Field(default=[], description="The values a text may take.", examples=[["NO", "SE"]])


class OfferModel(RuledModel):
    """What can be said to a customer."""

    title: str = Field(
        default="", max_length=200, description="What people call it.", examples=["Winter sale"]
    )
    group: str = Field(default="", description="The group of offers it belongs to.", examples=["winter"])
    value: Finite = Field(
        default=0.0, description="Money earned when the goal is reached, in your currency.", examples=[12.5]
    )
    cost: Money = Field(
        default=0.0, description="Money spent when it is sent (a voucher, say).", examples=[0.5]
    )
    priority: Finite = Field(
        default=0.0, description="Your own order, higher first; business as usual goes by it.", examples=[2]
    )
    lever: Money = Field(
        default=1.0,
        description="Your emphasis: multiplies the predicted value. 1 is neutral.",
        examples=[1.2],
    )
    channels: list[str] = Field(
        default=[], description="Only these channels; all if left out.", examples=[["email"]]
    )
    slots: list[str] = Field(default=[], description="Only these slots; all if left out.", examples=[["now"]])
    starts: StartText | None = Field(
        default=None,
        description="First day or moment, UTC unless a zone is written.",
        examples=["2026-11-24"],
    )
    ends: EndText | None = Field(
        default=None, description="Last day (whole) or moment it ends.", examples=["2026-12-24"]
    )
    creative: dict[str, Any] = Field(
        default={},
        description="What to send, per channel; handed on with the decision.",
        examples=[{"email": {"subject": "Winter sale"}}],
    )


class ChannelModel(RuledModel):
    """How an offer reaches the customer."""

    consent: Annotated[NameText | None, BeforeValidator(_purpose)] = Field(
        description="Consent purpose the customer must have granted, or none where no consent is needed.",
        examples=["marketing"],
    )
    cost: Money = Field(default=0.0, description="Money per contact.", examples=[0.001])
    caps: list[CapText] = Field(
        default=[],
        description="Most contacts on this channel in any such stretch of time.",
        examples=[["2 per 7 days"]],
    )
    quiet: QuietText | None = Field(
        default=None,
        description="No contact in these hours of the customer's local time.",
        examples=["21:00-08:00"],
    )


class SlotModel(Model):
    """When an offer is sent: at once, or at a local wall time."""

    at: TimeText | None = Field(
        default=None, description="Time of day at the customer's; at once if left out.", examples=["18:30"]
    )
    days: int = Field(
        default=0, ge=0, le=60, description="Days ahead; 0 is today; a time that has passed is not offered."
    )


class WeightModel(Model):
    """What one outcome is worth."""

    amount: Finite = Field(default=0.0, description="A fixed amount; negative for harm.", examples=[-5.0])
    share: Finite = Field(default=0.0, description="Share of the outcome's own value.", examples=[0.3])


AttributeForm = Annotated[
    AttributeModel, BeforeValidator(_typed, json_schema_input_type=AttributeType | AttributeModel)
]
WeightForm = Annotated[WeightModel, BeforeValidator(_weighed, json_schema_input_type=float | WeightModel)]


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


class ArmsModel(Model):
    """The share of customers in each arm; they sum to 1. A customer stays in an arm for ever."""

    policy: Share = Field(default=0.0, description="Decided by the policy, which learns.", examples=[0.85])
    random: Share = Field(default=0.0, description="Decided by chance alone, to learn from.", examples=[0.05])
    bau: Share = Field(default=0.0, description="Business as usual: today's way.", examples=[0.05])
    holdout: Share = Field(
        default=0.0, description="Never contacted: what all is compared with.", examples=[0.05]
    )


class PolicyModel(BaseModel):
    """A policy by name, and its settings beside it."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    kind: str = Field(description="linear, vw, formula, priority, uniform or constant.", examples=["linear"])


class ProgramModel(RuledModel):
    """One decision problem: what may be said, how and when, to what end."""

    program: NameText = Field(description="The program's name, for ever.", examples=["spring"])
    title: str = Field(
        default="", max_length=200, description="What people call it.", examples=["Spring campaign"]
    )
    salt: str | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="Text that customers are assigned to arms by, the program's name if left out.",
        examples=["spring-2026"],
    )
    attributes: dict[NameText, AttributeForm] = Field(
        default={}, description="Typed facts about a customer.", examples=[{"age": "integer"}]
    )
    predictions: dict[NameText, str | None] = Field(
        default={},
        description="Model scores by name, each with the offer it predicts the response to, or nothing.",
        examples=[{"p_visit.mens_email": "mens_email"}],
    )
    offers: dict[
        NameText, Annotated[OfferModel, BeforeValidator(_nothing, json_schema_input_type=OfferModel | None)]
    ] = Field(min_length=1, description="What can be said.", examples=[{"sale": {"value": 10}}])
    channels: dict[NameText, ChannelModel] = Field(
        min_length=1, description="How it is said.", examples=[{"email": {"consent": "marketing"}}]
    )
    slots: dict[
        NameText, Annotated[SlotModel, BeforeValidator(_nothing, json_schema_input_type=SlotModel | None)]
    ] = Field(min_length=1, description="When it is sent.", examples=[{"now": {}}])
    caps: list[CapText] = Field(
        default=[],
        description="Most contacts over all channels in any such time.",
        examples=[["3 per 7 days"]],
    )
    goal: GoalModel = Field(
        description="What the program is for.",
        examples=[{"outcomes": {"visit": 1.0}, "window": "14 days"}],
    )
    arms: ArmsModel = Field(
        description="Share of customers in each arm.",
        examples=[{"policy": 0.85, "random": 0.05, "bau": 0.05, "holdout": 0.05}],
    )
    policy: PolicyModel = Field(
        default=PolicyModel(kind="linear"),
        description="How arm policy decides.",
        examples=[{"kind": "linear"}],
    )
    bau: PolicyModel = Field(
        default=PolicyModel(kind="priority"),
        description="How arm bau decides: today's way.",
        examples=[{"kind": "priority"}],
    )
