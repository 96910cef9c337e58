"""vowpalwabbit's text of contextual bandits: `--cb` with one line a decision, `--cb_adf` with several.

Source: VowpalWabbit wiki, "Logged Contextual Bandit Example" and "Conditional Contextual Bandit": a label is
`action:cost:probability`; with `--cb_adf` a `shared` line, then a line an action, then a blank line, and the
action of a label there is not read: the line it stands on was chosen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.errors import InputError
from simulator.logs import Log
from simulator.readers.events import Event, log_from
from simulator.readers.lines import all_lines

Line = tuple[int, str]


def read_vw_text(path: Path) -> Log:
    """The log in a file of vowpalwabbit's text; the reward is the negative cost.

    Raises:
        InputError: a line has no label or one that cannot be read.
    """
    blocks = list(_blocks(path))
    single = all(len(block) == 1 for block in blocks) or not any(
        _is_shared(text) or _label(text) is None for block in blocks for _, text in block
    )
    if single:
        every = [line for block in blocks for line in block]
        names = sorted({_parts(text, path, line)[0] for line, text in every}, key=_in_order)
        events = [_one_line(line, text, names, path) for line, text in every]
    else:
        events = [_several_lines(block, path) for block in blocks]
    return log_from(events, str(path), absent=0.0)


def _in_order(name: str) -> tuple[int, str]:
    return (int(name), name) if name.isdigit() else (0, name)


def _blocks(path: Path) -> Iterator[list[Line]]:
    """Lines between blank ones."""
    block: list[Line] = []
    for number, text in all_lines(path):
        if text.strip():
            block.append((number, text))
        elif block:
            yield block
            block = []
    if block:
        yield block


def _one_line(line: int, text: str, names: Sequence[str], path: Path) -> Event:
    action, cost, chance = _parts(text, path, line)
    return Event(line, action, chance, 0.0 - cost, dict(_features(text, path, line)), names)


def _several_lines(block: Sequence[Line], path: Path) -> Event:
    shared = [one for one in block if _is_shared(one[1])]
    actions = [one for one in block if not _is_shared(one[1])]
    chosen = [one for one in actions if _label(one[1]) is not None]
    if len(chosen) != 1:
        raise InputError(
            f"{path}, line {block[0][0]}: {len(chosen)} actions of this decision have a label, must be one: "
            "the action that was chosen, as action:cost:probability."
        )
    (line, text), where = chosen[0], block[0][0]
    _, cost, chance = _parts(text, path, line)
    context = dict(pair for number, one in shared for pair in _features(one, path, number))
    return Event(where, _said(text), chance, 0.0 - cost, context, [_said(one) for _, one in actions])


def _is_shared(text: str) -> bool:
    return text.split("|", 1)[0].split()[:1] == ["shared"]


def _label(text: str) -> str | None:
    """The label in front of the features, None if there is none."""
    words = text.split("|", 1)[0].split()
    return next((one for one in words if one.count(":") == 2), None)


def _parts(text: str, path: Path, line: int) -> tuple[str, float, float]:
    """Action, cost and probability of a label."""
    label = _label(text)
    if label is None:
        raise InputError(f"{path}, line {line}: has no label action:cost:probability; it was not logged so.")
    action, cost, chance = label.split(":")
    try:
        return action, float(cost), float(chance)
    except ValueError as error:
        raise InputError(
            f"{path}, line {line}: label '{label}' must be action:cost:probability with numbers."
        ) from error


def _said(text: str) -> str:
    """What an action is called: its features."""
    return " ".join(text.split("|", 1)[1].split()) if "|" in text else ""


def _features(text: str, path: Path, line: int) -> Iterator[tuple[str, float]]:
    """Named numbers: `|user age:31 man` has `user^age` 31 and `user^man` 1."""
    for part in text.split("|")[1:]:
        named = part[:1] not in ("", " ")
        words = part.split()
        space, scale = _pair(words[0], path, line) if named and words else ("", 1.0)
        for word in words[1:] if named else words:
            name, value = _pair(word, path, line)
            yield f"{space}^{name}" if space else name, scale * value


def _pair(word: str, path: Path, line: int) -> tuple[str, float]:
    name, colon, value = word.rpartition(":")
    if not colon:
        return word, 1.0
    try:
        return name, float(value)
    except ValueError as error:
        raise InputError(f"{path}, line {line}: feature '{word}' must end in a number after ':'.") from error
