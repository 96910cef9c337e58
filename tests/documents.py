"""Pages of documentation, run as a reader would: their commands, their programs, what they say is printed.

A fenced block of ``sh`` is run line by line, one of ``python`` as a script, one of ``yaml`` put into a file
where a comment says so. The block of ``text`` or ``json`` after it is what it must print, where ``…`` stands
for anything and the last digit of a number may differ. Comments that a reader does not see say the rest::

    <!-- test: insert before "channels:" in program.yaml -->    the next block goes into that file, there
    <!-- test: replace "a" by "b" in program.yaml -->           before the next block
    <!-- test: exit 1 -->                                       the next block's last command ends so
"""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PORT = 8000  # the one the pages name; the tests take a free one
_BLOCK = re.compile(
    r"(?P<notes>(?:<!-- test: .*? -->\n)*)```(?P<kind>\w*)[^\n]*\n(?P<text>.*?)```\n", re.DOTALL
)
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?(?!\w)")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page, with the comments right above it."""

    kind: str
    text: str
    notes: tuple[str, ...]
    line: int


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            found["kind"],
            found["text"],
            tuple(re.findall(r"<!-- test: (.*?) -->", found["notes"])),
            text[: found.start("text")].count("\n"),
        )
        for found in _BLOCK.finditer(text)
    ]


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command; quotes and backslashes join lines, comments are left out."""
    waiting = ""
    for line in text.splitlines():
        waiting += line
        if waiting.endswith("\\"):
            waiting = waiting[:-1]
            continue
        try:
            words = shlex.split(waiting, comments=True)
        except ValueError:
            waiting += "\n"
            continue
        if words:
            yield words
        waiting = ""
    assert not waiting, f"this command does not end: {waiting}"


class Reader:
    """Somebody who types what a page says, in a folder of their own. `close` stops their server."""

    def __init__(self, folder: Path) -> None:
        (folder / "examples").symlink_to(ROOT / "examples")
        self.here = folder
        self._server: subprocess.Popen[bytes] | None = None
        self._port = 0

    def follow(self, page: Path) -> None:
        """Run a whole page and compare what it shows. Raises `AssertionError` with the place."""
        printed = ""
        for block in blocks(page):
            where = f"{page.name}, line {block.line}"
            for note in block.notes:
                self._edit(note, block)
            if block.kind in ("sh", "python"):
                code, printed = self._run(block)
                wanted = next((int(note[5:]) for note in block.notes if note.startswith("exit ")), 0)
                assert code == wanted, f"{where}: ended with {code}, not {wanted}:\n{printed}"
            elif block.kind == "json":
                differs = difference(json.loads(block.text), json.loads(printed))
                assert not differs, f"{where}: {differs}\nprinted: {printed}"
            elif block.kind == "text" and printed:
                differs = mismatch(block.text, printed)
                assert not differs, f"{where}: {differs}"

    def close(self) -> None:
        """Stop the server, if one was started."""
        if self._server is not None:
            self._server.terminate()
            self._server.wait(30)

    def type(self, words: Sequence[str]) -> tuple[int, str]:
        """One command: its exit code, and what it printed."""
        match words[0]:
            case "cd":
                self.here = self.here / words[1]
                return 0, ""
            case "make":
                return 0, ""  # tests/test_make.py asks whether the target is there
            case "curl":
                return 0, self._ask(words[1:])
            case "nextbest" if words[1] == "serve":
                self._serve(words)
                return 0, ""
            case "nextbest":
                return run([*nextbest(), *words[1:]], self.here)
        raise AssertionError(f"the tests do not know the command {words[0]}")

    def _run(self, block: Block) -> tuple[int, str]:
        if block.kind == "python":
            return run([sys.executable, "-c", block.text], self.here)
        code, printed = 0, ""
        for words in commands(block.text):
            assert code == 0, f"{words} comes after a command that ended with {code}: {printed}"
            code, one = self.type(words)
            printed += one
        return code, printed

    def _edit(self, note: str, block: Block) -> None:
        if found := re.fullmatch(r'insert before "(.+)" in (\S+)', note):
            self._replace(found[2], f"\n{found[1]}", f"{block.text}\n{found[1]}")
        elif found := re.fullmatch(r'replace "(.+)" by "(.+)" in (\S+)', note):
            self._replace(found[3], found[1], found[2])

    def _replace(self, file: str, old: str, new: str) -> None:
        text = (self.here / file).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{file} holds {old!r} {text.count(old)} times"
        (self.here / file).write_text(text.replace(old, new), encoding="utf-8")

    def _serve(self, words: Sequence[str]) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._server = subprocess.Popen(
            [*nextbest(), *words[1:], "--port", str(self._port)],
            cwd=self.here,
            env=environment(),
            stdout=subprocess.DEVNULL,
        )
        for _ in range(300):
            assert self._server.poll() is None, "the server has stopped"
            try:
                self._ask([f"localhost:{PORT}/readyz"])
                return
            except urllib.error.URLError:
                time.sleep(0.1)
        raise AssertionError("the server does not answer")

    def _ask(self, words: Sequence[str]) -> str:
        """What curl would print; machines without curl run the tests too."""
        given, method, body, address = iter(words), None, None, ""
        for word in given:
            if word == "-X":
                method = next(given)
            elif word == "--json":
                body = next(given).encode()
            else:
                assert not word.startswith("-"), f"the tests do not know curl {word}"
                address = "http://" + word.replace(f":{PORT}/", f":{self._port}/")
        request = urllib.request.Request(address, body, {"content-type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return str(answer.read(), "utf-8")
        except urllib.error.HTTPError as error:
            return str(error.read(), "utf-8")


def nextbest() -> list[str]:
    """The command as installed beside this Python, else the same from the checkout."""
    installed = shutil.which("nextbest", path=sysconfig.get_path("scripts"))
    return [installed] if installed else [sys.executable, "-m", "engine.cli"]


def environment() -> dict[str, str]:
    """A terminal of 80 columns; no deadline that a busy machine could miss."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NEXTBEST_")}
    return kept | {
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "80",
        "OPENBLAS_NUM_THREADS": "1",
        "NEXTBEST_DEADLINE_MS": "60000",
    }


def run(command: Sequence[str], folder: Path) -> tuple[int, str]:
    """Exit code, and stdout with stderr."""
    done = subprocess.run(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    return done.returncode, done.stdout.decode()


def mismatch(shown: str, printed: str, loose_after: str = "") -> str:
    """Why a page's text is not what was printed; "" if it is.

    Runs of blanks are as one, ``…`` is anything, on a line of its own any lines.

    Args:
        loose_after: numbers after these words may be any numbers.
    """
    found = re.fullmatch(_pattern(shown), _trimmed(printed))
    if found is None:
        return f"shown:\n{shown}\nprinted:\n{printed}"
    firm = len(_NUMBER.findall(shown.partition(loose_after)[0])) if loose_after else None
    pairs = list(zip(_NUMBER.findall(_trimmed(shown)), found.groups(), strict=True))[:firm]
    return ", ".join(f"{one} is shown, {other} printed" for one, other in pairs if not near(one, other))


def _trimmed(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.strip("\n").splitlines())


def _pattern(shown: str) -> str:
    return "".join(
        "(?:.*\n)*?" if line == "…" else f"{_line(line)}\n" for line in _trimmed(shown).splitlines()
    )


def _line(line: str) -> str:
    pieces, numbers = _NUMBER.split(line), _NUMBER.findall(line)
    literal = [re.sub(r"(?:\\ )+", " +", re.escape(one)).replace("…", ".*?") for one in pieces]
    number = r"([-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?)"
    return number.join(literal) if numbers else literal[0]


def near(one: str, other: str) -> bool:
    """Whether two printed numbers agree: to one of the last digit shown, or to half a percent."""
    a, b = float(one.replace(",", "")), float(other.replace(",", ""))
    digits = len(one.partition(".")[2]) if "e" not in one else 12
    unit = 10.0**-digits if digits else 0.0
    return abs(a - b) <= max(1.01 * unit, 0.005 * abs(a) if abs(a) >= 1000 or digits else 0.0)


def difference(shown: Any, found: Any, path: str = "") -> str:
    """Where a page's JSON is not what was answered; "" if it is. "…" in a list stands for any elements."""
    if shown == "…":
        return ""
    if isinstance(shown, dict) and isinstance(found, dict):
        if shown.keys() != found.keys():
            return f"{path or 'the answer'} has the keys {sorted(found)}, shown are {sorted(shown)}"
        return next(filter(None, (difference(shown[key], found[key], f"{path}.{key}") for key in shown)), "")
    if isinstance(shown, list) and isinstance(found, list):
        return "" if _elements(shown, found) else f"{path} is {found}, shown is {shown}"
    if isinstance(shown, float) and isinstance(found, int | float):
        return "" if math.isclose(shown, found, rel_tol=1e-9) else f"{path} is {found}, shown is {shown}"
    return "" if shown == found else f"{path} is {found!r}, shown is {shown!r}"


def _elements(shown: list[Any], found: list[Any]) -> bool:
    if not shown:
        return not found
    if shown[0] == "…":
        return any(_elements(shown[1:], found[i:]) for i in range(len(found) + 1))
    return bool(found) and not difference(shown[0], found[0]) and _elements(shown[1:], found[1:])
