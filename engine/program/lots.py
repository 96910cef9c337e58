"""The fields that say who a program is for: the shares of its arms, and the layer it shares with others."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from engine.program.fields import Model, NameText, Share


class ArmsModel(Model):
    """The share of customers in each arm; they sum to 1. A customer stays in an arm for ever."""

    policy: Share = Field(default=0.0, description="Decided by the policy, which learns.", examples=[0.85])
    evaluation: Share = Field(
        default=0.0,
        description="Decided by the policy, which never learns from them: they stay independent.",
        examples=[0.05],
    )
    random: Share = Field(default=0.0, description="Decided by chance alone, to learn from.", examples=[0.05])
    bau: Share = Field(default=0.0, description="Business as usual: today's way.", examples=[0.05])
    no_levers: Share = Field(
        default=0.0, description="Decided by the policy as if every lever were 1.", examples=[0.02]
    )
    prediction_only: Share = Field(
        default=0.0, description="The offer with the highest predicted response.", examples=[0.02]
    )
    eligibility_only: Share = Field(
        default=0.0,
        description="Decided by the policy without the rules applicable and suitable.",
        examples=[0.02],
    )
    holdout: Share = Field(
        default=0.0, description="Never contacted: what all is compared with.", examples=[0.05]
    )


class LayerModel(Model):
    """Programs of one layer share no customer: whoever is in one of them is excluded from the others."""

    name: NameText = Field(description="The layer's name.", examples=["january"])
    share: Annotated[float, Field(allow_inf_nan=False, gt=0, le=1)] = Field(
        description="Share of all customers that is this program's.", examples=[0.4]
    )
