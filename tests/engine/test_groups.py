"""What a group says holds for its offers and those of the groups below it."""

from __future__ import annotations

import pytest

from engine.feasible import feasible
from engine.program import loads
from engine.screen import screen
from engine.situation import Contact, Situation, columns
from tests.engine.limited import with_

DAY = 86_400_000_000
NOW = 1_790_000_000_000_000


def dropped(text: str, **known: object) -> dict[str, str]:
    """The offers of which no action is left, each with the first reason."""
    program = loads(text.encode(), "spring.yaml")
    given = Situation("c0", "k", NOW, "policy", consent={"marketing": True, "sms": True}, zone="UTC", **known)  # type: ignore[arg-type]
    made = feasible(program, screen(program), columns(program, [given]))
    left = {a.offer for a, free in zip(program.actions, made.mask[0], strict=True) if free}
    return {
        a.offer: made.reasons[blame - 1].text
        for a, blame in zip(program.actions, made.blame[0], strict=True)
        if a.offer not in left
    }


@pytest.mark.parametrize(
    ("group", "offers"), [("keep", {"sale", "bonus", "thanks"}), ("deals", {"sale", "bonus"})]
)
def test_a_groups_rules_hold_for_its_offers_and_those_below(group: str, offers: set[str]) -> None:
    text = with_(**{f"group_{group}": "eligible: age >= 18"})
    assert dropped(text, values={"age": 18}) == {}
    assert dropped(text, values={"age": 17}) == dict.fromkeys(offers, f"group {group}: age >= 18")
    assert set(dropped(text)) == offers


def test_a_groups_cap_counts_offers_below_it_and_no_others() -> None:
    past = [Contact(NOW - i * DAY, offer, "email") for i, offer in enumerate(("bonus", "bonus", "sale"), 1)]
    assert dropped(with_(), contacts=past) == {
        "sale": "group deals: 3 per 7 days",
        "bonus": "group deals: 3 per 7 days",
    }
    others = [Contact(NOW - i * DAY, "thanks", "sms") for i in range(1, 4)]
    assert dropped(with_(), contacts=others) == {}
    more = [*others, Contact(NOW - 4 * DAY, "bonus", "sms")]
    assert set(dropped(with_(), contacts=more)) == {"sale", "bonus", "thanks"}


def test_a_contact_by_another_program_counts_by_the_name_of_its_offer() -> None:
    elsewhere = [Contact(NOW - i * DAY, "elsewhere", "push") for i in range(1, 6)]
    assert dropped(with_(), contacts=elsewhere) == {}
    assert set(dropped(with_(), contacts=[*elsewhere, Contact(NOW - DAY, "x", "y")])) == {
        "sale",
        "bonus",
        "thanks",
        "news",
    }
    assert dropped(with_(), contacts=[Contact(NOW, "sale", "push")]) == {"sale": "offer sale: 1 per 3 days"}
