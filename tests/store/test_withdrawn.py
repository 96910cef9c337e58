from __future__ import annotations

from engine.store import Store, decisions
from engine.store.withdrawn import withdraw
from tests.store.made import decision, due


def test_a_withdrawn_decision_stays_in_the_log_as_no_contact_and_is_never_due(store: Store) -> None:
    kept, gone = decision(1), decision(2)
    with store.write() as c:
        decisions.append_decisions(c, [kept, gone])
        assert len(decisions.contacts(c, ["c1"], 0)) == len(due(c, "spring", 1 << 62, 9)) == 2
        withdraw(c, [gone.id])
        withdraw(c, [gone.id])
    with store.read() as c:
        assert [one.at_us for one in decisions.contacts(c, ["c1"], 0)] == [kept.send_at_us]
        assert [one.id for one in due(c, "spring", 1 << 62, 9)] == [kept.id]
        logged = decisions.decisions_iter(c, "spring", 0, 9)
    assert [(one.id, one.contact, one.withdrawn) for one in logged] == [
        (kept.id, True, False),
        (gone.id, True, True),
    ]
