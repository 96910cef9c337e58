"""What the fields of a program must be to each other: names that exist, shares that sum, dates in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from itertools import product

from engine.domain import Action
from engine.errors import nearest
from engine.program import forms
from engine.program.compiled import TERMS
from engine.program.document import Document, Path
from engine.program.schema import ProgramModel
from engine.program.supply import BudgetModel, SettledModel
from engine.program.words import Problem, problem
from policies.make import make
from policies.settings import PolicyError

MAX_ACTIONS = 2000
Found = Iterator[tuple[Path, str]]


def problems(document: Document, model: ProgramModel, lost: Set[Path]) -> list[Problem]:
    """Every check of what was read whole, on the program as it stands.

    Args:
        lost: paths of the fields that could not be read.
    """
    broken = {str(path[0]) for path in lost if len(path) <= 2}
    return [
        problem(document, path, sentence)
        for sections, check in _CHECKS
        if not broken & set(sections)
        for path, sentence in check(model)
        if not any(one[: len(path)] == path for one in lost)
    ]


def actions(model: ProgramModel) -> Iterator[Action]:
    """Offers x channels x slots in the file's order, where the offer allows them; without no_action."""
    for name, offer in model.offers.items():
        pairs = product(offer.channels or model.channels, offer.slots or model.slots)
        yield from (Action(name, channel, slot) for channel, slot in pairs)


def _references(model: ProgramModel) -> Found:
    for name, offer in model.offers.items():
        for field, given, known in (
            ("channels", offer.channels, model.channels),
            ("slots", offer.slots, model.slots),
        ):
            yield from _named(("offers", name, field), given, known)


def _named(path: Path, given: Sequence[str], known: Iterable[str]) -> Found:
    for i, one in enumerate(given):
        if one not in known:
            yield (*path, i), f"there is no such {str(path[-1]).rstrip('s')}.{nearest(one, known)}"
        elif one in given[:i]:
            yield (*path, i), "stands twice; keep one of them."


def _predictions(model: ProgramModel) -> Found:
    for name, one in model.predictions.items():
        if one.offer and one.offer not in model.offers:
            yield ("predictions", name, "offer"), f"there is no such offer.{nearest(one.offer, model.offers)}"
        if name in model.attributes:
            yield ("predictions", name), "is also the name of an attribute; rename one of them."


def _ageing(model: ProgramModel) -> Found:
    for name, one in model.predictions.items():
        for field in ("expires", "stale"):
            if one.fresh is None and field in one.model_fields_set:
                yield ("predictions", name, field), "needs fresh beside it, such as fresh: 7 days."
        if one.fresh and one.expires and one.expires <= one.fresh:
            yield (
                ("predictions", name, "expires"),
                "must be longer than fresh; leave it out if it never does.",
            )


def _groups(model: ProgramModel) -> Found:
    above = {name: one.within for name, one in model.groups.items()}
    for name, within in above.items():
        if within and within not in above:
            yield ("groups", name, "within"), f"there is no such group.{nearest(within, above)}"
        elif name in (path := _up(above, within)):
            chain = " within ".join((name, *path[: path.index(name) + 1]))
            yield ("groups", name, "within"), f"goes round in a circle: {chain}; one of them must be the top."
    for name, offer in model.offers.items():
        if above and offer.group and offer.group not in above:
            yield ("offers", name, "group"), f"there is no such group.{nearest(offer.group, above)}"


def _up(above: Mapping[str, str], group: str) -> list[str]:
    """The groups from `group` upwards, each once."""
    path: list[str] = []
    while group in above and group not in path:
        path.append(group)
        group = above[group]
    return path


def _supplies(model: ProgramModel) -> Found:
    for name, budget in model.budgets.items():
        path: Path = ("budgets", name)
        if [budget.money, budget.contacts, budget.stock].count(None) != 2:
            yield path, "must have one of money, contacts and stock, such as money: 5000 per week."
        yield from _named((*path, "offers"), budget.offers, model.offers)
        yield from _named((*path, "channels"), budget.channels, model.channels)
        yield from _named((*path, "groups"), budget.groups, model.groups)
        if budget.groups and not drawing(model, budget):
            yield (*path, "groups"), "no offer is in them; name groups that have offers."
        yield from _settled(path, budget)
    for name, offer in model.offers.items():
        if offer.stock:
            yield from _settled(("offers", name, "stock"), offer.stock)


def drawing(model: ProgramModel, budget: BudgetModel) -> list[str]:
    """The offers that draw on a budget: those it names and those of its groups; none if it names neither."""
    above = {name: one.within for name, one in model.groups.items()}
    grouped = [name for name, one in model.offers.items() if {*_up(above, one.group)} & {*budget.groups}]
    return list(dict.fromkeys([*budget.offers, *grouped]))


def _settled(path: Path, model: SettledModel) -> Found:
    if model.hold and not model.settled_by:
        yield (*path, "hold"), "needs settled_by beside it: the outcome it waits for."
    if model.settled_by and not model.hold:
        yield (*path, "settled_by"), "needs hold beside it: how long to wait for it, such as hold: 2 days."


def _holidays(model: ProgramModel) -> Found:
    for i, day in enumerate(model.holidays):
        if day in model.holidays[:i]:
            yield ("holidays", i), "stands twice; keep one of them."


def _arbitration(model: ProgramModel) -> Found:
    for section, names in (("attributes", model.attributes), ("predictions", model.predictions)):
        for name in TERMS if model.arbitration is not None else ():
            if name in names:
                yield (section, name), "is a name that arbitration gives a meaning of its own; rename it."


def _arms(model: ProgramModel) -> Found:
    total = sum(getattr(model.arms, name) for name in type(model.arms).model_fields)
    if abs(total - 1) > 1e-9:
        yield ("arms",), f"shares sum to {total:.12g}, must sum to 1."


def _unit(model: ProgramModel) -> Found:
    if model.unit and model.unit not in model.attributes:
        yield ("unit",), f"there is no such attribute.{nearest(model.unit, model.attributes)}"


def _dates(model: ProgramModel) -> Found:
    for name, offer in model.offers.items():
        if offer.starts and offer.ends:
            starts, ends = (forms.moment(one, model.zone) for one in (offer.starts, offer.ends))
            if starts >= ends:
                yield ("offers", name, "ends"), f"must be after it starts, {starts:%Y-%m-%d %H:%M %Z}."


def _slots(model: ProgramModel) -> Found:
    for name, slot in model.slots.items():
        if slot.days and slot.at is None:
            yield ("slots", name, "days"), 'needs a time of day beside it, such as at: "08:30".'


def _attributes(model: ProgramModel) -> Found:
    for name, attribute in model.attributes.items():
        if attribute.levels and attribute.type != "text":
            yield ("attributes", name, "levels"), f"only a text has levels, {name} is {attribute.type}."
        for i, level in enumerate(attribute.levels):
            if level in attribute.levels[:i]:
                yield ("attributes", name, "levels", i), "stands twice; keep one of them."


def _size(model: ProgramModel) -> Found:
    count = 1 + sum(1 for _ in actions(model))
    if count > MAX_ACTIONS:
        yield (
            ("offers",),
            (
                f"offers x channels x slots make {count} actions with no_action, at most {MAX_ACTIONS}; "
                "name the channels and slots of each offer."
            ),
        )


def _policies(model: ProgramModel) -> Found:
    shadows = ((("shadows", name), spec) for name, spec in model.shadows.items())
    for path, spec in ((("policy",), model.policy), (("bau",), model.bau), *shadows):
        try:
            make(spec.kind, spec.model_extra or {})
        except PolicyError as error:
            yield path, str(error)


_CHECKS: tuple[tuple[tuple[str, ...], Callable[[ProgramModel], Found]], ...] = (
    (("channels", "slots"), _references),
    (("offers", "attributes", "predictions"), _predictions),
    ((), _ageing),
    (("groups", "offers"), _groups),
    (("groups", "offers", "channels", "budgets"), _supplies),
    ((), _holidays),
    ((), _arbitration),
    (("arms",), _arms),
    (("attributes",), _unit),
    ((), _dates),
    ((), _slots),
    ((), _attributes),
    (("offers", "channels", "slots"), _size),
    ((), _policies),
)
"""Each check with the sections it needs whole: what could not be read is not blamed twice."""
