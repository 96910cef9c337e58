"""`nextbest doctor`: what is wrong with a machine, and the remedy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import cli
from engine.commands import doctor

parts = st.lists(st.integers(0, 99), min_size=1, max_size=4).map(tuple)


@given(parts, parts, parts)
def test_a_version_is_within_a_range_when_its_numbers_are(
    version: tuple[int, ...], low: tuple[int, ...], high: tuple[int, ...]
) -> None:
    rule = f">={doctor.dotted(low)},<{doctor.dotted(high)}"
    assert doctor.within(doctor.dotted(version), rule) == (low <= version < high)


@pytest.mark.parametrize(
    ("requirement", "version", "ok"),
    [
        ("vowpalwabbit<10,>=9.11.4", "9.11.9", True),
        ("vowpalwabbit<10,>=9.11.4", "9.11.3", False),
        ("vowpalwabbit<10,>=9.11.4", "10.0", False),
        ("Prometheus_Client>=0.21,<1", "0.26.0", True),
        ("numpy<3,>=2.1", "2.1.0rc1", True),
        ("sqlmodel<0.1,>=0.0.22", None, False),
    ],
)
def test_a_package_must_be_installed_within_its_range(
    requirement: str, version: str | None, ok: bool
) -> None:
    name = requirement.split("<")[0].split(">")[0]
    versions = {doctor.normalised(name): version} if version else {}
    (check,) = doctor.package_checks([requirement, 'psycopg>=3; extra == "postgres"'], versions)
    assert (check.name, check.found, check.ok) == (name, version or "none", ok)
    assert check.remedy.startswith(f'pip install "{name}>=')


def test_sqlite_is_the_one_that_keeps_every_commit() -> None:
    check = doctor.sqlite()
    assert check.ok and doctor.numbers(check.found) >= (3, 51, 3)


def test_the_disk_check_leaves_nothing_behind(tmp_path: Path) -> None:
    assert doctor.disk(tmp_path / "nextbest.db").ok
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_takes_no_write_is_wrong_and_exits_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = str(tmp_path / "absent" / "nextbest.db")
    assert cli.main(["doctor", "--store", store]) == 1
    shown = capsys.readouterr().out
    assert f"WRONG  disk                 {tmp_path / 'absent'}: No such file or directory" in shown
    assert "remedy: name a file in a folder you may write to with --store" in shown

    assert cli.main(["doctor", "--store", store, "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert not answer["ok"]
    assert {check["name"]: check["ok"] for check in answer["checks"]}["disk"] is False


def test_an_installed_nextbest_is_checked_against_every_range_it_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = tmp_path / "nextbest-0.0.1.dist-info"
    described.mkdir()
    (described / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: nextbest\nVersion: 0.0.1\nRequires-Dist: numpy<2,>=1\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    own, numpy = doctor.packages()
    assert (own.found, own.ok) == ("0.0.1", True)
    assert (numpy.name, numpy.rule, numpy.ok) == ("numpy", ">=1,<2", False)
