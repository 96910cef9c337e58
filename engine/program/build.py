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
    Budget,
    Channel,
    Goal,
    Group,
    Intent,
    Layer,
    Offer,
    PolicySpec,
    Program,
    Quota,
    Ramp,
    RuleText,
    Shadow,
    Slot,
    Staleness,
    Unit,
    Weight,
)
from engine.program import fields, forms, goal, lots, schema
from engine.program.check import actions, drawing
from engine.program.document import Document, Path
from engine.program.policy import PolicyModel
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
            Attribute(name, one.type, tuple(one.levels), one.learn) for name, one in model.attributes.items()
        ),
        predictions={name: one.offer or "" for name, one in model.predictions.items()},
        offers=tuple(_offer(document, name, one, model.zone) for name, one in model.offers.items()),
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
        groups=tuple(_group(document, name, one) for name, one in model.groups.items()),
        cooldowns=tuple(model.cooldowns),
        budgets=tuple(_budgets(model)),
        staleness={
            name: Staleness(one.fresh, one.expires, one.stale)
            for name, one in model.predictions.items()
            if one.fresh
        },
        holidays=tuple(model.holidays),
        arbitration=_amount(document, ("arbitration",), model.arbitration),
        options=model.options,
        layer=Layer(model.layer.name, model.layer.share) if model.layer else None,
        shadows=tuple(Shadow(name, _policy(one)) for name, one in model.shadows.items()),
        unit=model.unit or "",
        zone=model.zone,
    )


def rule_texts(document: Document, path: Path, model: fields.RuledModel) -> Iterator[RuleText]:
    """The rules of one owner, in the order eligible, applicable, suitable."""
    for intent in INTENTS:
        for i, text in enumerate(getattr(model, intent)):
            here: Path = (*path, intent, i)
            here = here if here in document.places else here[:-1]
            line, column = document.place(here)
            yield RuleText(intent, text, words(path) or "program", line, column, document.pieces(here))


def _amount(document: Document, path: Path, text: str | None) -> RuleText | None:
    """A text that gives a number, and where it stands."""
    if text is None:
        return None
    line, column = document.place(path)
    return RuleText("suitable", text, words(path[:-1]) or "program", line, column, document.pieces(path))


def _group(document: Document, name: str, model: schema.GroupModel) -> Group:
    return Group(
        name,
        model.title,
        model.within,
        model.lever,
        tuple(model.caps),
        tuple(model.cooldowns),
        tuple(rule_texts(document, ("groups", name), model)),
    )


def _offer(document: Document, name: str, model: schema.OfferModel, zone: str) -> Offer:
    same = ("title", "group", "value", "cost", "priority", "lever", "creative")
    path: Path = ("offers", name)
    return Offer(
        name=name,
        channels=tuple(model.channels),
        slots=tuple(model.slots),
        rules=tuple(rule_texts(document, path, model)),
        caps=tuple(model.caps),
        cooldowns=tuple(model.cooldowns),
        weight=_amount(document, (*path, "weight"), model.weight),
        starts=forms.moment(model.starts, zone) if model.starts else None,
        ends=forms.moment(model.ends, zone) if model.ends else None,
        ramp=Ramp(model.ramp.share, model.ramp.until) if model.ramp else None,
        **{field: getattr(model, field) for field in same},
    )


def _channel(document: Document, name: str, model: schema.ChannelModel) -> Channel:
    rules = tuple(rule_texts(document, ("channels", name), model))
    caps, cooldowns = tuple(model.caps), tuple(model.cooldowns)
    return Channel(name, model.cost, model.consent, caps, model.quiet, rules, cooldowns)


def _budgets(model: schema.ProgramModel) -> Iterator[Budget]:
    """What is shared, in the file's order, then the stock of offers, then the capacity of channels."""
    for name, one in model.budgets.items():
        members = tuple(drawing(model, one)), tuple(one.channels)
        waits = (one.settled_by or "", one.hold)
        for unit in get_args(Unit):
            if quota := getattr(one, unit):
                yield Budget(name, unit, quota, *members, *waits)
    for name, offer in model.offers.items():
        if stock := offer.stock:
            quota, waits = Quota(float(stock.count), stock.per), (stock.settled_by or "", stock.hold)
            yield Budget(f"stock {name}", "stock", quota, (name,), (), *waits)
    for name, channel in model.channels.items():
        if channel.capacity:
            yield Budget(f"capacity {name}", "contacts", channel.capacity, (), (name,))


def _goal(model: goal.GoalModel) -> Goal:
    outcomes = {name: Weight(one.amount, one.share, one.at_most) for name, one in model.outcomes.items()}
    return Goal(outcomes, model.window, model.per_customer, dict(model.per_source))


def _arms(written: Mapping[ArmName, Any], model: lots.ArmsModel) -> tuple[tuple[ArmName, float], ...]:
    return tuple((name, getattr(model, name)) for name in written if name in ARMS)


def _policy(model: PolicyModel) -> PolicySpec:
    return PolicySpec(model.kind, dict(model.model_extra or {}))
