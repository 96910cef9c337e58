"""Policies by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
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
        kind: one of `KINDS`.
        settings: keyword arguments of its class; what is left out has its default.

    Raises:
        PolicyError: the kind or a setting is unknown, or a setting has a value it must not have.

    Example:
        >>> make("constant", {"action": "no_action"}).settings
        {'action': 'no_action'}
    """
    constructor = KINDS[choice("policy kind", kind, KINDS)]()
    allowed = inspect.signature(constructor).parameters
    for name in settings or {}:
        choice(f"setting of policy {kind!r}", name, allowed)
    missing = [
        name for name, one in allowed.items() if one.default is one.empty and name not in (settings or {})
    ]
    for name in missing:
        raise PolicyError(f"policy {kind!r} needs the setting {name!r}.")
    return constructor(**(settings or {}))
