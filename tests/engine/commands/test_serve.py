from __future__ import annotations

import socket
from pathlib import Path

import pytest

from engine.cli import main


def test_more_than_one_worker_is_refused_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--workers", "2"]) == 2
    assert "one writing process" in capsys.readouterr().err


def test_a_port_that_is_taken_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["serve", "--port", port, "--store", str(tmp_path / "store.db")]) == 2
    assert f"--port {port}" in capsys.readouterr().err


def test_a_program_that_cannot_be_loaded_ends_it_before_it_listens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "program.yaml"
    file.write_text("program: spring\noffres: {}\n")
    assert main(["serve", "-p", str(file), "--store", str(tmp_path / "store.db")]) == 2
    assert "offres" in capsys.readouterr().err


def test_a_setting_that_cannot_be_is_refused_by_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXTBEST_DEADLINE_MS", "0")
    assert main(["serve", "--store", str(tmp_path / "store.db")]) == 2
    assert "NEXTBEST_DEADLINE_MS == '0', input should be greater than" in capsys.readouterr().err
