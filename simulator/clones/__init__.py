"""Documented-behaviour clones of vendors' policies: baselines for simulated seasons, one file each."""

from __future__ import annotations

from typing import Protocol

from engine.errors import NotFoundError, nearest
from simulator.clones.aampe import Aampe
from simulator.clones.adobe import Adobe
from simulator.clones.base import LABEL, Clone, Setting
from simulator.clones.dynamic_yield import DynamicYield
from simulator.clones.pega import Pega
from simulator.clones.personalizer import Personalizer

PREFIX = "clone:"


class Builder(Protocol):
    """The class of a clone."""

    behaviour: str

    def __call__(self, setting: Setting) -> Clone:
        """A new one."""
        ...


CLONES: dict[str, Builder] = {
    "aampe": Aampe,
    "adobe": Adobe,
    "dynamic_yield": DynamicYield,
    "pega": Pega,
    "personalizer": Personalizer,
}


def is_clone(name: str) -> bool:
    """Whether a policy of that name is a clone."""
    return name.startswith(PREFIX)


def told(name: str) -> str | None:
    """What a clone is, for every output that names it; None for a policy that is none.

    Raises:
        NotFoundError: there is no such clone.
    """
    return f"{LABEL}: {clone(name).behaviour}" if is_clone(name) else None


def clone(name: str) -> Builder:
    """The clone called ``clone:NAME``.

    Raises:
        NotFoundError: there is none; the message names the nearest.
    """
    known = [f"{PREFIX}{one}" for one in CLONES]
    if name not in known:
        raise NotFoundError(f"There is no policy '{name}'.{nearest(name, known)}")
    return CLONES[name.removeprefix(PREFIX)]
