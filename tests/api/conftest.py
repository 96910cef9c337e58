from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.api.app import create_app
from engine.settings import Settings
from engine.store import open_store
from tests.api.client import Client, calling
from tests.engine.programs import applied, people

GENEROUS_MS = 30_000  # so that a busy machine never turns a test's decision into a fallback


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A store with the program spring and 40 customers."""
    path: Path = tmp_path_factory.mktemp("api") / "store.db"
    store = open_store(path)
    with store.write() as c:
        applied(c)
        people(c, 40)
    store.close()
    return Settings(store=path, deadline_ms=GENEROUS_MS)


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[Client]:
    """A caller of the whole application."""
    with calling(create_app(settings)) as found:
        yield found
