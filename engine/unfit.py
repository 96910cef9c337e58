"""What of a JSON text does not fit its shape: where, which value, what it must be.

msgspec says which rule is broken and, in part, where; the value, the key among many, and the field that was
meant are looked up in the text, which is refused anyway.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec
from msgspec import inspect

from engine.errors import InputError, nearest

_AT = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_STEP = re.compile(r"\.(?P<field>\w+)|\[(?P<index>\d+|\.\.\.)\]")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`$", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`$", re.DOTALL)
_EXPECTED = re.compile(r"Expected `([^`]*)`")
_TIME = 'a time with its zone, such as "2026-11-24T08:00:00Z"'
_WORDS = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "null",
    "object": "an object",
    "array": "a list",
    "datetime": _TIME,
}
_BEFORE_COLON = (b" :", b"\t:", b"\n:", b"\r:")
_SHOWN = 60  # characters of a value
Step = str | int


def unfit(decoder: msgspec.json.Decoder[Any], text: bytes, error: msgspec.ValidationError, where: str) -> str:
    """One sentence: what of `text` the decoder refused with `error`, where, its value, and the remedy."""
    rule = _AT.sub("", str(error))
    try:
        whole = json.loads(text)
        path = list(_path(decoder, whole, str(error)))
        here = _at(whole, path)
    except (ValueError, LookupError, RecursionError):  # what follows the place is no JSON
        return f"{where}: {error}; correct it."
    if (unknown := _UNKNOWN.match(rule)) is not None:
        value = f" == {_shown(here[unknown[1]])}" if unknown[1] in here else ""
        known = sorted(_fields(_types(decoder.type, path)))
        what = f"unknown field {unknown[1][:40]!r}{value}"
        return f"{where}{_written(path)}: {what}.{nearest(unknown[1], known)}"
    if (missing := _MISSING.match(rule)) is not None:
        return f"{where}{_written(path)}: the field {missing[1]!r} is missing; give it."
    if rule.startswith("Invalid value") and path:
        known = sorted(_tags(_types(decoder.type, path[:-1]), path[-1]))
        what = f"{_last(path)} == {_shown(here)}"
        return f"{where}{_written(path[:-1])}: {what} is not known.{nearest(str(here), known)}"
    if not path:
        return f"{where} == {_shown(whole)}, {_must(rule)}; correct it."
    return f"{where}{_written(path[:-1])}: {_last(path)} == {_shown(here)}, {_must(rule)}; correct it."


def refuse_repeated(text: bytes, keys: int, where: str) -> None:
    """Raise `InputError` if an object in sound JSON holds a key twice: all but the last would be lost.

    Args:
        keys: how many keys were decoded from the text, or fewer. Only where the text may hold more is it
            looked at closely: without blanks before colons, a quote stands before the colon of every key.
    """
    found = text.count(b'":')
    if found > keys or (text.count(b":") > found and any(blank in text for blank in _BEFORE_COLON)):
        json.loads(text, object_pairs_hook=partial(_distinct, where))


def _distinct(where: str, pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise InputError(f"{where}: the key {name[:80]!r} stands twice in one object; send it once.")
        seen.add(name)


def _path(decoder: msgspec.json.Decoder[Any], whole: Any, said: str) -> Iterator[Step]:
    """The steps to the place; msgspec leaves out which key it is among many."""
    found = _AT.search(said)
    taken: list[Step] = []
    for step in _STEP.finditer(found["path"] if found else ""):
        if step["field"] is not None:
            taken.append(step["field"])
        elif step["index"] != "...":
            taken.append(int(step["index"]))
        else:
            taken.append(_key(decoder, whole, taken))
        yield taken[-1]


def _key(decoder: msgspec.json.Decoder[Any], whole: Any, path: list[Step]) -> str:
    """The first key of the object at `path` with which it is refused: those before it are not."""
    entries = list(_at(whole, path).items())

    def refused(many: int) -> bool:
        try:
            decoder.decode(json.dumps(_with(whole, path, dict(entries[:many]))))
        except msgspec.DecodeError:
            return True
        return False

    key: str = entries[bisect_left(range(len(entries)), True, lo=1, key=refused) - 1][0]
    return key


def _with(whole: Any, path: list[Step], instead: Any) -> Any:
    """A copy of `whole` with something else at `path`, and nothing after it in lists."""
    if not path:
        return instead
    step, below = path[0], path[1:]
    if isinstance(step, int):
        return [*whole[:step], _with(whole[step], below, instead)]
    return {**whole, step: _with(whole[step], below, instead)}


def _at(whole: Any, path: list[Step]) -> Any:
    for step in path:
        whole = whole[step]
    return whole


def _types(shape: Any, path: list[Step]) -> list[inspect.Type]:
    """What may stand at `path` of a shape."""
    found = [*_each(inspect.type_info(shape))]
    for step in path:
        found = [inner for one in found for below in _below(one, step) for inner in _each(below)]
    return found


def _each(one: inspect.Type) -> Iterator[inspect.Type]:
    if isinstance(one, inspect.UnionType):
        for part in one.types:
            yield from _each(part)
    elif isinstance(one, inspect.Metadata):
        yield from _each(one.type)
    else:
        yield one


def _below(one: inspect.Type, step: Step) -> Iterator[inspect.Type]:
    if isinstance(one, inspect.StructType):
        yield from (field.type for field in one.fields if field.encode_name == step)
    elif isinstance(one, inspect.ListType):
        yield one.item_type
    elif isinstance(one, inspect.DictType):
        yield one.value_type


def _fields(types: list[inspect.Type]) -> set[str]:
    structs = [one for one in types if isinstance(one, inspect.StructType)]
    return {field.encode_name for one in structs for field in one.fields}


def _tags(types: list[inspect.Type], field: Step) -> set[str]:
    """The values that tell structs apart by `field`."""
    structs = [one for one in types if isinstance(one, inspect.StructType) and one.tag_field == field]
    return {str(one.tag) for one in structs}


def _must(rule: str) -> str:
    if (expected := _EXPECTED.match(rule)) is not None:
        names = [_WORDS.get(one, one) for one in expected[1].split(" | ")]
        return f"must be {', '.join(names[:-1])}{' or ' if names[1:] else ''}{names[-1]}"
    if "RFC3339" in rule:
        return f"must be {_TIME}"
    if rule == "Number out of range":
        return "must be a number that fits into 64 bits"
    return rule[:1].lower() + rule[1:]


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"


def _written(path: list[Step]) -> str:
    """A path as it is appended to the name of the whole."""
    return "".join(f"[{one}]" if isinstance(one, int) else f", {one}" for one in path)


def _last(path: list[Step]) -> str:
    return f"entry {path[-1]}" if isinstance(path[-1], int) else str(path[-1])
