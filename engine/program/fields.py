"""The kinds of values that the fields of a program file take, and what every part of it has in common."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema

from engine.domain import Cap, Cooldown, QuietHours, Quota
from engine.period import Period
from engine.program import forms


def _text(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern})


def _amount(kind: str, pattern: str) -> WithJsonSchema:
    number = {"type": kind, "exclusiveMinimum": 0}
    return WithJsonSchema({"anyOf": [number, {"type": "string", "pattern": f"^{pattern}( per {_PERIOD})?$"}]})


def _several(given: Any) -> Any:
    return [given] if isinstance(given, str) else given


def nothing(given: Any) -> Any:
    """A name with nothing behind its colon has every field left out."""
    return {} if given is None else given


_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]"
_DATE = "^[0-9]{4}-[0-9]{2}-[0-9]{2}"
_LENGTH = "([1-9][0-9]{0,4} )?(minute|hour|day|week)s?"
_PERIOD = "([1-9][0-9]{0,4} )?(minute|hour|day|week|month)s?"
_KIND = "[A-Za-z0-9_.-]{1,64}"
NAME = f"^{_KIND}$"

Finite = Annotated[float, Field(allow_inf_nan=False)]
Money = Annotated[float, Field(allow_inf_nan=False, ge=0)]
Share = Annotated[float, Field(allow_inf_nan=False, ge=0, le=1)]
NameText = Annotated[str, Field(pattern=NAME)]
CapText = Annotated[Cap, PlainValidator(forms.cap), _text(f"^[1-9][0-9]{{0,3}} per {_LENGTH}$")]
FlowText = Annotated[Cap, PlainValidator(forms.flow), _text(f"^[1-9][0-9]{{0,8}} per {_LENGTH}$")]
CooldownText = Annotated[
    Cooldown,
    PlainValidator(forms.cooldown),
    _text(f"^{_KIND}( [1-9][0-9]{{0,3}} times?)?( in {_LENGTH})?: pause {_LENGTH}$"),
]
WindowText = Annotated[timedelta, PlainValidator(forms.window), _text(f"^{_LENGTH}$")]
PeriodText = Annotated[Period, PlainValidator(forms.period), _text(f"^{_PERIOD}$")]
ZoneText = Annotated[str, PlainValidator(forms.zone), _text("^[A-Za-z0-9_+/-]+$")]
QuietText = Annotated[QuietHours, PlainValidator(forms.quiet), _text(f"^{_CLOCK} ?- ?{_CLOCK}$")]
TimeText = Annotated[time, PlainValidator(forms.wall_time), _text(f"^{_CLOCK}$")]
DayText = Annotated[date, PlainValidator(forms.day), _text(f"{_DATE}$")]
StartText = Annotated[datetime, PlainValidator(forms.start), _text(_DATE)]
EndText = Annotated[datetime, PlainValidator(forms.end), _text(_DATE)]
MoneyQuota = Annotated[Quota, PlainValidator(forms.quota), _amount("number", r"[0-9]+(\.[0-9]+)?")]
WholeQuota = Annotated[Quota, PlainValidator(forms.whole), _amount("integer", "[0-9]+")]
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


class PausedModel(RuledModel):
    """What may carry rules and cool-downs."""

    cooldowns: list[CooldownText] = Field(
        default=[],
        description="After what to pause, and for how long; ignored is a contact without an outcome.",
        examples=[["ignored 2 times in 30 days: pause 60 days", "purchase: pause 90 days"]],
    )
