"""The nouns of a world whose truth is known: its customers, what contact does to them, and its laws.

A preset (one file in `simulator.worlds`) says who the customers are and which laws outcomes follow. What is
expected (`simulator.truth`), what happens (`simulator.happen`) and what a data team would predict
(`simulator.predict`) come from the laws in the same way in every world.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.domain import Action
from engine.errors import InputError, nearest
from policies.base import Floats, Ints, Mask
from simulator.marginal import Marginal

SEEDS = 2**32  # worlds of one name


@dataclass(frozen=True, slots=True)
class Customers:
    """n customers of a world.

    Attributes:
        seed: of the world they live in.
        index: (n,) their numbers in it; together with the seed all there is to their luck.
        attributes: (n,) columns a program sees.
        consent: (n,) granted or not, by purpose, on the first day.
        zone: (n,) IANA time zones.
        latent: (n,) or (n, m) traits that nobody sees.
    """

    seed: int
    index: Ints
    attributes: Mapping[str, NDArray[Any]]
    consent: Mapping[str, Mask]
    zone: NDArray[np.str_]
    latent: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(self.index)

    @property
    def names(self) -> list[str]:
        """Customer ids as the engine knows them."""
        return [f"c_{i:07d}" for i in self.index]

    def take(self, rows: Ints | slice) -> Customers:
        """Some of them, each as before."""
        return Customers(
            self.seed,
            self.index[rows],
            {name: column[rows] for name, column in self.attributes.items()},
            {purpose: granted[rows] for purpose, granted in self.consent.items()},
            self.zone[rows],
            {name: trait[rows] for name, trait in self.latent.items()},
        )


@dataclass(frozen=True, slots=True)
class State:
    """What contact and purchase have left in n customers by the morning of a day.

    Attributes:
        fatigue: (n,) contacts so far, each fading.
        worn: (n, offers) contacts with each offer so far, each fading.
        sated: (n,) purchases so far, each fading.
        left: (n,) True once out of reach: unsubscribed, or gone.
    """

    fatigue: Floats
    worn: Floats
    sated: Floats
    left: Mask

    def take(self, rows: Ints | slice) -> State:
        """The state of some of the customers."""
        return State(self.fatigue[rows], self.worn[rows], self.sated[rows], self.left[rows])


@dataclass(frozen=True, slots=True)
class Memory:
    """Days after which half of a contact's or purchase's trace is gone."""

    fatigue: float
    worn: float
    sated: float


@dataclass(frozen=True, slots=True)
class Choice:
    """Actions as positions in the world's offers, channels and slots, -1 for no_action.

    All three have one shape, (1, k) for every action or (n, 1) for the action of each customer: a law is
    written once and broadcasts over both.
    """

    offer: Ints
    channel: Ints
    slot: Ints

    @property
    def contact(self) -> Mask:
        """True where something is sent."""
        return self.offer >= 0

    def of(self, action: Ints) -> Choice:
        """(n, 1) choice of each customer, from (1, k) and the (n,) index of what each was given."""
        return Choice(self.offer[0, action, None], self.channel[0, action, None], self.slot[0, action, None])


@dataclass(frozen=True, slots=True)
class Law:
    """One way in which an outcome follows a decision. Arrays broadcast to (n, k).

    Attributes:
        name: distinct among the world's laws; its luck is drawn from the stream of this name.
        kind: of the outcome, as the program's goal names it.
        chance: that it happens, given that its cause did.
        cause: name of an earlier law that must have happened, "" for none.
        delay: mean days until it happens, exponentially distributed, counted from `start`.
        start: days from the decision until it can happen.
        size: mean value of the outcome, () for outcomes without one.
        shape: of the value around its mean, None for outcomes without one.

    Delays of a law and its causes are comonotone: who is slow to look is slow to buy, so that an effect with
    the start of its cause and a longer mean delay never comes before it.
    """

    name: str
    kind: str
    chance: Floats
    cause: str = ""
    delay: float = 1.0
    start: Floats | float = 0.0
    size: Floats | float = 0.0
    shape: Marginal | None = None


@dataclass(frozen=True, slots=True)
class World:
    """Known truth.

    Attributes:
        people: (seed, (n,) index) -> customers, each depending on seed and its own index only.
        laws: (customers, state, day, choice) -> laws, causes before effects. Day 0 is a Monday.
        moment: day -> what every request of that morning carries, seen by the program.
        sells: the kind of outcome that sates, and that scores predict.
        responds: the kind of outcome that says a contact was taken up.
        ends: the kind of outcome after which a customer is out of reach.
        unreported: names of laws that happen and are never told; the truth counts what they bring.
        text: of the program file; that of the world's name in `simulator.worlds` if "".
    """

    name: str
    title: str
    offers: tuple[str, ...]
    channels: tuple[str, ...]
    slots: tuple[str, ...]
    memory: Memory
    people: Callable[[int, Ints], Customers]
    laws: Callable[[Customers, State, int, Choice], tuple[Law, ...]]
    moment: Callable[[int], Mapping[str, Any]] = lambda day: {}
    sells: str = "purchase"
    ends: str = "unsubscribe"
    responds: str = "click"
    unreported: tuple[str, ...] = ()
    text: str = ""

    def program(self) -> str:
        """The text of the world's program file."""
        return self.text or files("simulator.worlds").joinpath(f"{self.name}.yaml").read_text("utf-8")

    def customers(self, n: int, seed: int, first: int = 0) -> Customers:
        """Customers first..first + n - 1 of the world with this seed.

        Raises:
            InputError: n or first is negative, or the seed is not in 0..2**32 - 1.
        """
        for name, value in (("n", n), ("first", first)):
            if value < 0:
                raise InputError(f"{name} == {value}, must be 0 or more.")
        if not 0 <= seed < SEEDS:
            raise InputError(f"seed == {seed}, must be in 0..{SEEDS - 1}.")
        return self.people(seed, np.arange(first, first + n, dtype=np.int64))

    def fresh(self, n: int) -> State:
        """The state of n customers whom nobody has contacted yet."""
        return State(np.zeros(n), np.zeros((n, len(self.offers))), np.zeros(n), np.zeros(n, dtype=np.bool_))

    def choice(self, actions: Sequence[Action]) -> Choice:
        """(1, k) choice among the actions of a program.

        Raises:
            InputError: the world knows no such offer, channel or slot.
        """
        columns = [
            [_position(self.name, kind, getattr(action, kind), known) for action in actions]
            for kind, known in (("offer", self.offers), ("channel", self.channels), ("slot", self.slots))
        ]
        return Choice(*(np.array([column], dtype=np.int64) for column in columns))


def _position(world: str, kind: str, name: str, known: tuple[str, ...]) -> int:
    if not name:
        return -1
    if name not in known:
        raise InputError(f"The world '{world}' has no {kind} '{name}'.{nearest(name, known)}")
    return known.index(name)


def advance(world: World, state: State, choice: Choice, bought: Ints, left: Mask) -> State:
    """The state on the morning after.

    Args:
        choice: (n, 1) what each customer was given; no_action for those not asked about.
        bought: (n,) purchases, or what the world sells, that follow from that day's decision, counted that
            day however late they come.
        left: (n,) True where the customer went out of reach.
    """
    contact = choice.contact[:, 0]
    sent = np.where(contact[:, None], choice.offer == np.arange(len(world.offers)), False)
    keep = world.memory
    return State(
        (state.fatigue + contact) * 0.5 ** (1 / keep.fatigue),
        (state.worn + sent) * 0.5 ** (1 / keep.worn),
        (state.sated + bought) * 0.5 ** (1 / keep.sated),
        state.left | left,
    )
