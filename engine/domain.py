"""The nouns of nextbest as frozen data. Behaviour lives in the modules named after verbs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Literal, get_args

import numpy as np

from engine.period import Period
from policies.base import NO_ACTION, Actions

AttributeType = Literal["number", "integer", "text", "boolean", "timestamp"]
Intent = Literal["eligible", "applicable", "suitable"]
Unit = Literal["money", "contacts", "stock"]
Ablation = Literal["no_levers", "prediction_only", "eligibility_only"]
ArmName = Literal["policy", "evaluation", "random", "bau", Ablation, "holdout", "global_holdout", "excluded"]
ABLATIONS: tuple[Ablation, ...] = get_args(Ablation)
ARMS: tuple[ArmName, ...] = ("policy", "evaluation", "random", "bau", *ABLATIONS, "holdout")
"""Those a program gives shares; who is in none is in the global holdout, or excluded by a layer."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """A typed fact about a customer or a request. `levels` are the values a text may take, () if any."""

    name: str
    type: AttributeType
    levels: tuple[str, ...] = ()
    learn: bool = True  # False: for rules and texts only, no policy sees it


@dataclass(frozen=True, slots=True)
class RuleText:
    """A SQL condition or number as the marketer wrote it, and where it stands in the file (1-based)."""

    intent: Intent  # says nothing where the text is a number
    text: str
    owner: str  # "program", "group winter", "offer mens_email", "channel email"
    line: int = 0
    column: int = 0
    pieces: tuple[tuple[int, int, int], ...] = ()  # (offset, line, column) of each line of a longer text


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `count` contacts in any `window` that ends at the decision: a true rolling window."""

    count: int
    window: timedelta


@dataclass(frozen=True, slots=True)
class Cooldown:
    """No contact for `pause` from the last of `count` times `kind` within any `window`.

    `kind` is an outcome's, or "ignored": a contact that no outcome followed.
    """

    kind: str
    count: int
    window: timedelta
    pause: timedelta


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `amount` in each calendar `period`; in the whole life of the program if None."""

    amount: float
    period: Period | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """What contacts use up and there is only so much of.

    Attributes:
        unit: "money" (cost of offer and channel), "contacts", or "stock" (one piece a contact).
        offers, channels: whose contacts draw on it; () = every one.
        settled_by: the kind of outcome that turns a reservation into use; "" = the decision itself does.
        hold: how long after its send time a reservation is kept for that outcome before it is released.
    """

    name: str
    unit: Unit
    quota: Quota
    offers: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    settled_by: str = ""
    hold: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Offers that belong together. `within` names the group it is part of; "" for an issue, the top level."""

    name: str
    title: str = ""
    within: str = ""
    lever: float = 1.0  # multiplies with the levers of the groups above and of the offer
    caps: tuple[Cap, ...] = ()
    cooldowns: tuple[Cooldown, ...] = ()
    rules: tuple[RuleText, ...] = ()


@dataclass(frozen=True, slots=True)
class Staleness:
    """What a prediction is worth as it ages.

    Older than `fresh` it is stale, and `stale` says what then; older than `expires` it counts as unknown.
    """

    fresh: timedelta
    expires: timedelta | None = None
    stale: Literal["use", "widen", "ignore"] = "use"


@dataclass(frozen=True, slots=True)
class Ramp:
    """A new offer goes to a `share` of the customers first, and to all once `until` decisions are learnt.

    In between the share grows with every decision learnt; see `engine.arbitrate`.
    """

    share: float
    until: int


@dataclass(frozen=True, slots=True)
class Offer:
    """What can be said to a customer."""

    name: str
    title: str = ""
    group: str = ""
    value: float = 0.0  # money earned when the goal's outcome happens, in the program's currency
    cost: float = 0.0  # money spent when it is sent
    priority: float = 0.0  # the marketer's order, higher first; what `bau` goes by
    lever: float = 1.0  # the marketer's emphasis, multiplies the predicted value
    channels: tuple[str, ...] = ()  # () = every channel
    slots: tuple[str, ...] = ()  # () = every slot
    rules: tuple[RuleText, ...] = ()
    starts: datetime | None = None
    ends: datetime | None = None
    creative: Mapping[str, Any] = field(default_factory=dict)
    caps: tuple[Cap, ...] = ()
    cooldowns: tuple[Cooldown, ...] = ()
    weight: RuleText | None = None  # a number by SQL, multiplies the predicted value in this context
    ramp: Ramp | None = None  # None: to everyone from the first day


@dataclass(frozen=True, slots=True)
class QuietHours:
    """No contact from `start` to `end` in the customer's local time; may cross midnight."""

    start: time
    end: time


@dataclass(frozen=True, slots=True)
class Channel:
    """How an offer reaches the customer."""

    name: str
    cost: float = 0.0  # money per contact
    consent: str | None = None  # consent purpose that must be granted; None = no consent needed
    caps: tuple[Cap, ...] = ()
    quiet: QuietHours | None = None
    rules: tuple[RuleText, ...] = ()
    cooldowns: tuple[Cooldown, ...] = ()


@dataclass(frozen=True, slots=True)
class Slot:
    """When: `at` local wall time `days` days ahead, or at once if `at` is None."""

    name: str
    at: time | None = None
    days: int = 0


@dataclass(frozen=True, slots=True)
class Weight:
    """What one outcome is worth: a fixed amount plus a share of the outcome's own value.

    All of its kind that belong to one decision are learnt as worth `at_most`, or the same below 0.
    """

    amount: float = 0.0
    share: float = 0.0
    at_most: float | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """Outcomes and their worth inside the attribution window; how much one customer and one source teach."""

    outcomes: Mapping[str, Weight]
    window: timedelta
    per_customer: Cap | None = None
    per_source: Mapping[str, Cap] = field(default_factory=dict)  # "others": each that is not named


@dataclass(frozen=True, slots=True)
class PolicySpec:
    """A policy by name with its settings, as `policies.make` takes them."""

    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shadow:
    """A policy that is judged beside the one that serves, and never decides."""

    name: str
    policy: PolicySpec


@dataclass(frozen=True, slots=True)
class Action:
    """(offer, channel, slot); all three empty for no_action."""

    offer: str = ""
    channel: str = ""
    slot: str = ""

    @property
    def name(self) -> str:
        return f"{self.offer}/{self.channel}/{self.slot}" if self.offer else NO_ACTION


@dataclass(frozen=True, slots=True)
class Layer:
    """Programs of one layer share no customer; `share` of all customers are this program's."""

    name: str
    share: float


@dataclass(frozen=True, slots=True)
class Program:
    """One decision problem, immutable once loaded. Every decision names the version it was made under."""

    name: str
    title: str
    version: int
    sha256: str  # of the file's bytes
    source: str  # where it was read from, for messages
    attributes: tuple[Attribute, ...]
    predictions: Mapping[str, str]  # model -> offer it predicts the response to, "" for customer-level scores
    offers: tuple[Offer, ...]
    channels: tuple[Channel, ...]
    slots: tuple[Slot, ...]
    goal: Goal
    arms: tuple[tuple[ArmName, float], ...]  # shares in the file's order, sum to 1
    salt: str
    policy: PolicySpec
    bau: PolicySpec
    caps: tuple[Cap, ...] = ()  # across all channels
    rules: tuple[RuleText, ...] = ()
    actions: tuple[Action, ...] = ()  # no_action first, then offers x channels x slots in the file's order
    groups: tuple[Group, ...] = ()
    cooldowns: tuple[Cooldown, ...] = ()
    budgets: tuple[Budget, ...] = ()
    staleness: Mapping[str, Staleness] = field(default_factory=dict)  # by model
    holidays: tuple[date, ...] = ()  # local dates on which nothing is sent
    arbitration: RuleText | None = None  # expected net value by SQL; see engine.arbitrate if None
    options: int | None = None  # most actions that go to the policy, besides no_action; None = all
    layer: Layer | None = None  # None: open to every customer
    shadows: tuple[Shadow, ...] = ()
    unit: str = ""  # the attribute that names who is given an arm together; "": each customer alone
    zone: str = "UTC"  # whose calendar its budgets and the dates of its offers go by

    def lineage(self, group: str) -> tuple[Group, ...]:
        """The group of that name and those above it, innermost first; () for ""."""
        known = {one.name: one for one in self.groups}
        found: list[Group] = []
        while group in known:
            found.append(known[group])
            group = known[group].within
        return tuple(found)

    def action_set(self) -> Actions:
        """The actions as a policy sees them: one factor per offer, channel, slot, and one for no_action."""
        offers = [f"offer={o.name}" for o in self.offers]
        channels = [f"channel={c.name}" for c in self.channels]
        slots = [f"slot={s.name}" for s in self.slots]
        factors = (NO_ACTION, *offers, *channels, *slots)
        column = {name: j for j, name in enumerate(factors)}
        features = np.zeros((len(self.actions), len(factors)))
        for i, action in enumerate(self.actions):
            parts = f"offer={action.offer}", f"channel={action.channel}", f"slot={action.slot}"
            for factor in parts if action.offer else (NO_ACTION,):
                features[i, column[factor]] = 1.0
        return Actions(tuple(a.name for a in self.actions), factors, features)
