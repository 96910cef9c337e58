"""The program file's fields, each with its type, its bounds and the words that explain it to a marketer."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from engine.program.fields import (
    CapText,
    DayText,
    EndText,
    Finite,
    Model,
    Money,
    NameText,
    PausedModel,
    QuietText,
    StartText,
    TimeText,
    WholeQuota,
    ZoneText,
    nothing,
)
from engine.program.goal import GoalModel
from engine.program.known import AttributeForm, PredictionForm
from engine.program.lots import ArmsModel, LayerModel
from engine.program.policy import PolicyModel
from engine.program.supply import BudgetModel, StockForm


def _purpose(given: Any) -> Any:
    return None if given == "none" else given


class RampModel(Model):
    """A new offer goes to few customers first."""

    share: Annotated[float, Field(allow_inf_nan=False, gt=0, le=1)] = Field(
        description="Share of the customers it may go to at first.", examples=[0.1]
    )
    until: int = Field(
        gt=0, description="Decisions to learn from before it may go to everyone.", examples=[500]
    )


class GroupModel(PausedModel):
    """Offers that belong together, and what holds for all of them and for the groups below."""

    title: str = Field(
        default="", max_length=200, description="What people call it.", examples=["Keep customers"]
    )
    within: str = Field(
        default="",
        description="The group it is part of; left out for an issue, the top level.",
        examples=["retention"],
    )
    lever: Money = Field(
        default=1.0,
        description="Your emphasis on all its offers; multiplies with the levers above and of the offer.",
        examples=[1.2],
    )
    caps: list[CapText] = Field(
        default=[],
        description="Most contacts by its offers in any such stretch of time.",
        examples=[["2 per 30 days"]],
    )


class OfferModel(PausedModel):
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
        description="First day or moment, in the program's zone unless another is written.",
        examples=["2026-11-24"],
    )
    ends: EndText | None = Field(
        default=None, description="Last day (whole) or moment it ends.", examples=["2026-12-24"]
    )
    creative: dict[str, dict[str, Any]] = Field(
        default={},
        description="What to send, per channel; `default` is for all. {{ name }} is filled for the customer.",
        examples=[{"email": {"subject": "Hello {{ first_name | there }}"}}],
    )
    caps: list[CapText] = Field(
        default=[],
        description="Most contacts with this offer in any such stretch of time.",
        examples=[["1 per 30 days"]],
    )
    weight: str | None = Field(
        default=None,
        description="SQL number that multiplies the predicted value for this customer now; 1 if not known.",
        examples=["CASE WHEN tier = 'gold' THEN 1.2 ELSE 1 END"],
    )
    ramp: RampModel | None = Field(
        default=None,
        description="Goes to a share of the customers until enough is learnt; to all at once if left out.",
        examples=[{"share": 0.1, "until": 500}],
    )
    stock: StockForm | None = Field(
        default=None,
        description="How many there are, in all or per day, week or month; each contact takes one.",
        examples=["40 per day"],
    )


class ChannelModel(PausedModel):
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
    capacity: WholeQuota | None = Field(
        default=None,
        description="Most contacts with all customers together, in all or per day, week or month.",
        examples=["200 per day"],
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


class ProgramModel(PausedModel):
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
    zone: ZoneText = Field(
        default="UTC",
        description="Time zone whose calendar budgets and the dates of offers go by.",
        examples=["Europe/Oslo"],
    )
    attributes: dict[NameText, AttributeForm] = Field(
        default={}, description="Typed facts about a customer.", examples=[{"age": "integer"}]
    )
    predictions: dict[NameText, PredictionForm] = Field(
        default={},
        description="Model scores by name, each with the offer it predicts the response to, or nothing.",
        examples=[{"p_visit.mens_email": "mens_email"}],
    )
    groups: dict[
        NameText, Annotated[GroupModel, BeforeValidator(nothing, json_schema_input_type=GroupModel | None)]
    ] = Field(
        default={},
        description="Groups of offers, and groups within groups.",
        examples=[{"retention": {}, "discounts": {"within": "retention"}}],
    )
    offers: dict[
        NameText, Annotated[OfferModel, BeforeValidator(nothing, json_schema_input_type=OfferModel | None)]
    ] = Field(min_length=1, description="What can be said.", examples=[{"sale": {"value": 10}}])
    channels: dict[NameText, ChannelModel] = Field(
        min_length=1, description="How it is said.", examples=[{"email": {"consent": "marketing"}}]
    )
    slots: dict[
        NameText, Annotated[SlotModel, BeforeValidator(nothing, json_schema_input_type=SlotModel | None)]
    ] = Field(min_length=1, description="When it is sent.", examples=[{"now": {}}])
    caps: list[CapText] = Field(
        default=[],
        description="Most contacts over all channels in any such time.",
        examples=[["3 per 7 days"]],
    )
    budgets: dict[NameText, BudgetModel] = Field(
        default={},
        description="Money or contacts that offers and channels share.",
        examples=[{"january": {"money": "5000 per week"}}],
    )
    holidays: list[DayText] = Field(
        default=[],
        description="Days in the customer's own calendar on which nothing is sent.",
        examples=[["2026-12-25"]],
    )
    arbitration: str | None = Field(
        default=None,
        description="SQL number that actions are compared by, of p, value, lever, weight, cost and priority.",
        examples=["p * value * lever * weight - cost"],
    )
    options: int | None = Field(
        default=None,
        gt=0,
        description="Most actions a customer's decision chooses among, the best ones; all if left out.",
        examples=[20],
    )
    goal: GoalModel = Field(
        description="What the program is for.",
        examples=[{"outcomes": {"visit": 1.0}, "window": "14 days"}],
    )
    arms: ArmsModel = Field(
        description="Share of customers in each arm.",
        examples=[{"policy": 0.85, "random": 0.05, "bau": 0.05, "holdout": 0.05}],
    )
    unit: str | None = Field(
        default=None,
        description="Attribute of those who are given an arm together; each customer alone if left out.",
        examples=["household"],
    )
    layer: LayerModel | None = Field(
        default=None,
        description="Programs of one layer share no customer.",
        examples=[{"name": "january", "share": 0.4}],
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
    shadows: dict[NameText, PolicyModel] = Field(
        default={},
        description="Policies that never decide, judged beside the one that does; see `nextbest shadows`.",
        examples=[{"steep": {"kind": "linear", "gamma": 400}}],
    )
