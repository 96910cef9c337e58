"""The checked fields of a program file as the frozen nouns of `engine.domain`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from engine.domain import (
    ARMS,
    Action,
    ArmName,
    Attribute,
    Channel,
    Goal,
    Intent,
    Offer,
    PolicySpec,
    Program,
    RuleText,
    Slot,
    Weight,
)
from engine.program import schema
from engine.program.check import actions
from engine.program.document import Document, Path
from engine.program.words import words

INTENTS: tuple[Intent, ...] = get_args(Intent)


def program(
    document: Document, model: schema.ProgramModel, text: bytes, source: str, version: int
) -> Program:
    """The program that `model` describes; `document` says where its rules stand."""
    return Program(
        name=model.program,
        title=model.title or model.program,
        version=version,
        sha256=hashlib.sha256(text).hexdigest(),
        source=source,
        attributes=tuple(
            Attribute(name, one.type, tuple(one.levels)) for name, one in model.attributes.items()
        ),
        predictions={name: offer or "" for name, offer in model.predictions.items()},
        offers=tuple(_offer(document, name, one) for name, one in model.offers.items()),
        channels=tuple(_channel(document, name, one) for name, one in model.channels.items()),
        slots=tuple(Slot(name, one.at, one.days) for name, one in model.slots.items()),
        goal=_goal(model.goal),
        arms=_arms(document.values.get("arms", model.arms.model_fields_set), model.arms),
        salt=model.salt or model.program,
        policy=_policy(model.policy),
        bau=_policy(model.bau),
        caps=tuple(model.caps),
        rules=tuple(rule_texts(document, (), model)),
        actions=(Action(), *actions(model)),
    )


def rule_texts(document: Document, path: Path, model: schema.RuledModel) -> Iterator[RuleText]:
    """The rules of one owner, in the order eligible, applicable, suitable."""
    for intent in INTENTS:
        for i, text in enumerate(getattr(model, intent)):
            here: Path = (*path, intent, i)
            here = here if here in document.places else here[:-1]
            line, column = document.place(here)
            yield RuleText(intent, text, words(path) or "program", line, column, document.pieces(here))


def _offer(document: Document, name: str, model: schema.OfferModel) -> Offer:
    same = ("title", "group", "value", "cost", "priority", "lever", "starts", "ends", "creative")
    return Offer(
        name=name,
        channels=tuple(model.channels),
        slots=tuple(model.slots),
        rules=tuple(rule_texts(document, ("offers", name), model)),
        **{field: getattr(model, field) for field in same},
    )


def _channel(document: Document, name: str, model: schema.ChannelModel) -> Channel:
    rules = tuple(rule_texts(document, ("channels", name), model))
    return Channel(name, model.cost, model.consent, tuple(model.caps), model.quiet, rules)


def _goal(model: schema.GoalModel) -> Goal:
    outcomes = {name: Weight(one.amount, one.share) for name, one in model.outcomes.items()}
    return Goal(outcomes, model.window)


def _arms(written: Mapping[ArmName, Any], model: schema.ArmsModel) -> tuple[tuple[ArmName, float], ...]:
    return tuple((name, getattr(model, name)) for name in written if name in ARMS)


def _policy(model: schema.PolicyModel) -> PolicySpec:
    return PolicySpec(model.kind, dict(model.model_extra or {}))
