"""The fields of what there is only so much of: stock, capacity, money."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from engine.program import forms
from engine.program.fields import Model, MoneyQuota, NameText, PeriodText, WholeQuota, WindowText


class SettledModel(Model):
    """What a contact reserves and an outcome may have to confirm."""

    settled_by: NameText | None = Field(
        default=None,
        description="The outcome that makes a reservation final; if left out, the decision itself does.",
        examples=["purchase"],
    )
    hold: WindowText | None = Field(
        default=None,
        description="How long after sending a reservation waits for that outcome before it is released.",
        examples=["2 days"],
    )


class StockModel(SettledModel):
    """How many pieces of an offer there are: one is taken by each contact."""

    count: int = Field(gt=0, le=10**12, description="Pieces there are.", examples=[120])
    per: PeriodText | None = Field(
        default=None,
        description="They come anew in each such stretch of the calendar; once for all if left out.",
        examples=["day"],
    )


class BudgetModel(SettledModel):
    """Money, contacts or pieces that several offers or channels draw on."""

    money: MoneyQuota | None = Field(
        default=None,
        description="Most money spent, by the costs of offer and channel.",
        examples=["5000 per month"],
    )
    contacts: WholeQuota | None = Field(
        default=None, description="Most contacts made.", examples=["200 per day"]
    )
    stock: WholeQuota | None = Field(
        default=None, description="Pieces that several offers share.", examples=[120]
    )
    offers: list[str] = Field(
        default=[],
        description="The offers that draw on it; all if neither offers nor groups are named.",
        examples=[["sale"]],
    )
    groups: list[str] = Field(
        default=[],
        description="Groups whose offers, and those of the groups below, draw on it.",
        examples=[["discounts"]],
    )
    channels: list[str] = Field(
        default=[], description="The channels that draw on it; all if left out.", examples=[["email"]]
    )


def _stocked(given: Any) -> Any:
    """A number, or a number per stretch of the calendar, is a stock that each contact uses up."""
    if isinstance(given, dict):
        return given
    quota = forms.whole(given)
    return StockModel.model_construct(count=int(quota.amount), per=quota.period)


StockForm = Annotated[StockModel, BeforeValidator(_stocked, json_schema_input_type=WholeQuota | StockModel)]
