from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from engine.errors import InputError
from engine.event_file import read_events
from engine.store import Store, customers
from engine.track import OutcomeEvent, track

VISIT = {"type": "outcome", "event": "e1", "customer": "c1", "kind": "visit", "at": "2026-11-24T08:00:00Z"}
WHO = {"type": "identify", "customer": "c1", "attributes": {"age": 40}, "consent": {"marketing": True}}


def written(path: Path, *lines: object) -> Path:
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    return path


def test_events_come_in_once(store: Store, tmp_path: Path) -> None:
    events = read_events(written(tmp_path / "events.jsonl", VISIT, WHO, VISIT)).events
    with store.write() as connection:
        first, second = track(connection, events, 1), track(connection, events, 2)
    assert (first.outcomes, first.duplicates, first.customers) == (1, 1, 1)
    assert (second.outcomes, second.duplicates) == (0, 2)


def test_profiles_are_laid_over_the_stored_ones_in_order(store: Store, tmp_path: Path) -> None:
    later = {"type": "identify", "customer": "c1", "attributes": {"age": 41}, "zone": "Europe/Oslo"}
    with store.write() as connection:
        track(connection, read_events(written(tmp_path / "events.jsonl", WHO, later)).events, 1)
        row = customers.customers(connection, ["c1"])["c1"]
    assert row.attributes == {"age": 41}
    assert row.consent == {"marketing": True}
    assert row.zone == "Europe/Oslo"


def test_gzipped_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(VISIT).encode()))
    (event,) = read_events(path).events
    assert isinstance(event, OutcomeEvent)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({**VISIT, "value": 1e400}, "line 2"),
        ({**VISIT, "value": 1e13}, "value == 10000000000000.0"),
        ({**VISIT, "customer": ""}, "customer == ''"),
        ({**VISIT, "event": "a\nb"}, "event =="),
        ({**VISIT, "at": "yesterday"}, "at"),
        ({**VISIT, "at": "2026-11-24T08:00:00"}, "at"),
        ({**VISIT, "colour": "red"}, "colour"),
        ({**WHO, "zone": "Europe/Nowhere"}, "zone == 'Europe/Nowhere'"),
        ({"type": "page", "customer": "c1"}, "page"),
        ({"customer": "c1"}, "type"),
        ([1, 2], "line 2"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_read(tmp_path: Path, bad: object, said: str) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(json.dumps(VISIT) + "\n" + json.dumps(bad).replace("Infinity", "1e400"), encoding="utf-8")
    with pytest.raises(InputError, match="line 2") as error:
        read_events(path)
    assert said in str(error.value)


def test_a_file_that_is_not_there_or_empty_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_events(tmp_path / "nothing.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n", encoding="utf-8")
    with pytest.raises(InputError, match="no events"):
        read_events(tmp_path / "empty.jsonl")
