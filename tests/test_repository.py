"""What must hold of the whole repository: no addresses, no machine's paths, small modules, pins in range."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from engine.outline import summary

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("engine", "policies", "simulator")
LINES = 300
LONGER: frozenset[str] = frozenset()  # modules allowed to be longer, each with its reason; empty on purpose
REQUIREMENTS = (
    "requirements.txt",
    "requirements-dev.txt",
    "requirements-bench.txt",
    "requirements-build.txt",
)
HOSTS = tuple(
    f"{name}.{end}" for name, end in (("pypi", "org"), ("pythonhosted", "org"), ("anaconda", "org"))
)
MACHINE = re.compile(r"(?<![\w.~$}>-])/(home|Users|root|work|opt|tmp|mnt|private)/[\w.-]+")
INDEX = re.compile(r"^\s*(-i|-f|--(extra-)?index[-]url|--find[-]links|--trusted-host|--no-index)\b", re.M)


@cache
def texts() -> dict[str, str]:
    """Every text file that git tracks, by path; without git there is nothing to judge."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout, or git is not installed")
    command = [git, "-c", f"safe.directory={ROOT}", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, str] = {}
    for path in filter(None, listed.stdout.split("\0")):
        try:
            found[path] = (ROOT / path).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue
    return found


@cache
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def requirements(name: str) -> list[Requirement]:
    """The pins of a requirements file; a name comes twice where the version depends on the Python."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [Requirement(line.removesuffix("\\").strip()) for line in lines if re.match(r"[a-z0-9]", line)]


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (ROOT / package).rglob("*.py")


def ranges() -> Iterator[tuple[str, Requirement]]:
    """Every range of pyproject.toml with the requirements file that pins it."""
    groups = project()["dependency-groups"]
    for name, listed in (
        ("requirements.txt", project()["project"]["dependencies"]),
        ("requirements-dev.txt", project()["project"]["dependencies"] + groups["dev"]),
        ("requirements-bench.txt", groups["bench"]),
        ("requirements-build.txt", groups["build"] + project()["build-system"]["requires"]),
    ):
        yield from ((name, Requirement(one)) for one in listed)


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_requirements_name_no_index_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not INDEX.search(text)
    assert "://" not in text and " @ " not in text


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_requirement_is_one_version_with_hashes(name: str) -> None:
    for block in re.split(r"\n(?=[a-z0-9])", (ROOT / name).read_text(encoding="utf-8"))[1:]:
        pinned = Requirement(block.split("\\")[0].strip())
        assert re.fullmatch(r"==[\w.]+", str(pinned.specifier)), pinned
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", block), f"{pinned} has no hash"


@pytest.mark.parametrize(("name", "wanted"), [*ranges()], ids=lambda one: str(one))
def test_every_range_of_the_project_is_pinned_inside_it(name: str, wanted: Requirement) -> None:
    pins = [pin for pin in requirements(name) if normalised(pin.name) == normalised(wanted.name)]
    assert pins, f"{wanted.name} is not in {name}: run make lock"
    for pin in pins:
        version = str(pin.specifier).removeprefix("==")
        assert wanted.specifier.contains(version), f"{pin} is outside {wanted} in {name}: run make lock"


def test_tests_run_with_the_versions_that_users_run_with() -> None:
    assert {*map(str, requirements("requirements.txt"))} <= {*map(str, requirements("requirements-dev.txt"))}


def test_no_tracked_file_names_a_package_registry() -> None:
    found = [(path, host) for path, text in texts().items() for host in HOSTS if host in text]
    assert found == []
    assert "uv.lock" not in texts()


def test_no_tracked_file_names_a_path_of_one_machine() -> None:
    found = [(path, match[0]) for path, text in texts().items() for match in MACHINE.finditer(text)]
    assert found == []


def test_no_module_holds_two_concepts() -> None:
    counts = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8").count("\n") for path in modules()}
    assert {path: count for path, count in counts.items() if count > LINES and path not in LONGER} == {}


def test_imports_go_one_way() -> None:
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as main; main()",
        "--no-cache",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_changelog_has_a_section_for_what_is_not_released() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## \[(.+?)\]", text, re.M)
    assert sections[0] == "Unreleased"
    kinds = set(re.findall(r"^### (.+)$", text, re.M))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


@pytest.mark.parametrize("verb", project()["project"]["entry-points"]["nextbest.commands"])
def test_every_verb_of_an_entry_point_describes_itself(verb: str) -> None:
    assert summary(project()["project"]["entry-points"]["nextbest.commands"][verb]).endswith(".")


def test_every_decision_record_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    records = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert [
        *dict.fromkeys(re.findall(r"\((\d{3}-[\w-]+\.md)\)", (folder / "README.md").read_text("utf-8")))
    ] == records
    for record in records:
        text = (folder / record).read_text(encoding="utf-8")
        assert text.startswith(f"# {record[:3]} ")
        assert all(part in text for part in ("**Context.**", "**Choice.**", "**Cost.**")), record
