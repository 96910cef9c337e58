"""Keys of those who send outcomes."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import cli
from engine.api.app import create_app
from engine.errors import InputError
from engine.senders import add, read_senders, sender
from engine.settings import Settings
from engine.store import open_store, outcomes
from tests.api.client import Client, calling
from tests.api.conftest import GENEROUS_MS
from tests.api.test_events import outcome
from tests.engine.programs import applied, people


def line(name: str, key: str) -> str:
    return f"{name} {hashlib.sha256(key.encode()).hexdigest()}\n"


def basic(key: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{key}:".encode())


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A server with the senders shop and web."""
    folder: Path = tmp_path_factory.mktemp("keys")
    store = open_store(folder / "store.db")
    with store.write() as c:
        applied(c)
        people(c, 40)
    store.close()
    (folder / "senders.txt").write_text(
        "# who\n\n" + line("shop", "s3") + line("web", "w1") + line("web", "w2")
    )
    with calling(
        create_app(
            Settings(store=folder / "store.db", deadline_ms=GENEROUS_MS, senders=folder / "senders.txt")
        )
    ) as found:
        yield found


def sources(client: Client) -> dict[str, str]:
    with client.parts.store.read() as c:
        return {row.event: row.source for _, row in outcomes.outcomes_iter(c, 0, 1000)}


@pytest.mark.parametrize(
    ("given", "name"), [(b"Bearer s3", "shop"), (b"bearer  w1", "web"), (basic("w2"), "web")]
)
def test_an_outcome_is_kept_with_the_name_of_its_key(keyed: Client, given: bytes, name: str) -> None:
    told = outcome()
    assert keyed.ask("POST", "/v1/outcomes", told, authorization=given.decode()).status_code == 200
    assert sources(keyed)[told["event"]] == name


@pytest.mark.parametrize("given", [None, "Bearer S3", "Bearer", "s3", "Basic s3", "Basic !", "Digest s3"])
@pytest.mark.parametrize("path", ["/v1/outcomes", "/v1/track", "/v1/identify", "/v1/alias", "/v1/batch"])
def test_without_a_known_key_nothing_is_taken(keyed: Client, path: str, given: str | None) -> None:
    before = sources(keyed)
    answer = keyed.ask("POST", path, outcome(), **({} if given is None else {"authorization": given}))
    assert answer.status_code == 401
    assert answer.json()["type"] == "/docs#unknown-sender" and "NEXTBEST_SENDERS" in answer.json()["detail"]
    assert sources(keyed) == before


def test_a_message_of_segments_is_kept_with_the_name_of_its_key(keyed: Client) -> None:
    message = {"userId": "c1", "event": "Purchase", "messageId": "m1", "timestamp": "2026-06-01T10:15:00Z"}
    answer = keyed.ask("POST", "/v1/track", message, authorization=basic("s3").decode())
    assert answer.status_code == 200
    assert sources(keyed)["m1"] == "shop"


def test_without_keys_everything_over_http_is_one_source(client: Client) -> None:
    told = outcome()
    assert client.ask("POST", "/v1/outcomes", told).status_code == 200
    assert sources(client)[told["event"]] == "http"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("shop abc\n", "line 1: must be a name"),
        (line("shop", "a") + line("web", "a"), "line 2: web has the key of shop"),
        ("a" * 129 + line("", "a"), "line 1"),
    ],
)
def test_a_line_that_is_no_sender_is_refused_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "senders.txt").write_text(text)
    with pytest.raises(InputError, match=told):
        read_senders(tmp_path / "senders.txt")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="NEXTBEST_SENDERS"):
        read_senders(tmp_path / "none.txt")


def test_the_hash_of_a_key_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "senders.txt").write_text(line("shop", "a"))
    senders = read_senders(tmp_path / "senders.txt")
    assert sender(senders, b"Bearer a") == "shop"
    assert sender(senders, b"Bearer " + next(iter(senders)).encode()) is None


def test_a_running_server_takes_new_keys_and_refuses_dropped_ones(tmp_path: Path) -> None:
    store, file = open_store(tmp_path / "store.db"), tmp_path / "senders.txt"
    with store.write() as c:
        applied(c)
        people(c, 1)
    store.close()
    keys = [add(file, "shop")]
    app = create_app(Settings(store=tmp_path / "store.db", deadline_ms=GENEROUS_MS, senders=file))

    def answers(client: Client) -> list[int]:
        asked = (client.ask("POST", "/v1/outcomes", outcome(), authorization=f"Bearer {key}") for key in keys)
        return [answer.status_code for answer in asked]

    with calling(app) as client:
        keys.append(add(file, "shop"))
        assert answers(client) == [200, 200]
        first = hashlib.sha256(keys[0].encode()).hexdigest()
        assert cli.main(["keys", "drop", "shop", "--key", first[:12], "--file", str(file)]) == 0
        assert answers(client) == [401, 200]
        file.write_text("no line of a sender\n")
        assert answers(client) == [401, 200]
        file.write_text("")
        assert answers(client) == [401, 401]


def test_keys_are_shown_once_and_their_hashes_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "senders.txt"
    monkeypatch.setenv("NEXTBEST_SENDERS", str(file))
    assert cli.main(["keys", "add", "web"]) == 0
    key = capsys.readouterr().out.splitlines()[1]
    assert sender(read_senders(file), f"Bearer {key}".encode()) == "web" and key not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    assert cli.main(["keys", "list"]) == 0
    assert f"{hashlib.sha256(key.encode()).hexdigest()[:12]}  web" in capsys.readouterr().out
    for wrong in (["add", "two words"], ["add", "#web"], ["drop", "wep"], ["drop", "web", "--key", "zz"]):
        before = file.read_text()
        assert cli.main(["keys", *wrong]) == 2
        assert file.read_text() == before
    assert "Did you mean 'web'?" in capsys.readouterr().err
    assert cli.main(["keys", "drop", "web"]) == 0
    assert "web may send nothing any more" in capsys.readouterr().out and read_senders(file) == {}
    monkeypatch.delenv("NEXTBEST_SENDERS")
    assert cli.main(["keys", "list"]) == 2
