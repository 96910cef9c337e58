"""Policies by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any

from policies.settings import PolicyError, choice
from policies.state import Kept


def _linear() -> type[Kept]:
    from policies.linear import Linear

    return Linear


def _vw() -> type[Kept]:
    from policies.vw import VW

    return VW


def _fixed(name: str) -> Callable[[], type[Kept]]:
    def load() -> type[Kept]:
        from policies import fixed

        found: type[Kept] = getattr(fixed, name)
        return found

    return load


ENTRY_POINTS = "nextbest.policies"  # under which installed packages name kinds of their own
# kind -> where its class comes from; loaded only when asked for, since scipy and vowpalwabbit are heavy
KINDS: Mapping[str, Callable[[], type[Kept]]] = {
    "linear": _linear,
    "vw": _vw,
    "uniform": _fixed("Uniform"),
    "priority": _fixed("Priority"),
    "constant": _fixed("Constant"),
    "formula": _fixed("Formula"),
}


def make(kind: str, settings: Mapping[str, Any] | None = None) -> Kept:
    """A new policy.

    Args:
        kind: one of `KINDS`, or what an installed package names under `ENTRY_POINTS`.
        settings: keyword arguments of its class; what is left out has its default.

    Raises:
        PolicyError: the kind or a setting is unknown, or a setting has a value it must not have.

    Example:
        >>> make("constant", {"action": "no_action"}).settings
        {'action': 'no_action'}
    """
    constructor = _constructor(kind)
    allowed = inspect.signature(constructor).parameters
    for name in settings or {}:
        choice(f"setting of policy {kind!r}", name, allowed)
    missing = [
        name for name, one in allowed.items() if one.default is one.empty and name not in (settings or {})
    ]
    for name in missing:
        raise PolicyError(f"policy {kind!r} needs the setting {name!r}.")
    return constructor(**(settings or {}))


def changed_settings(policy: Kept) -> dict[str, Any]:
    """The settings of a policy that are not the defaults of its class."""
    allowed = inspect.signature(type(policy)).parameters
    default = {name: one.default for name, one in allowed.items() if one.default is not one.empty}
    return {name: one for name, one in policy.settings.items() if name not in default or default[name] != one}


def _constructor(kind: str) -> type[Kept]:
    """The class of a kind; one of nextbest's own cannot be named otherwise."""
    if kind in KINDS:
        return KINDS[kind]()
    others = {one.name: one for one in entry_points(group=ENTRY_POINTS)}
    found: type[Kept] = others[choice("policy kind", kind, (*KINDS, *others))].load()
    return found
