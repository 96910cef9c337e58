"""Problems of a program file as sentences: where, what, its value, the rule it breaks and the remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from engine.errors import nearest
from engine.program import goal, known, lots, schema, supply
from engine.program.document import Document, Path
from engine.program.policy import PolicyModel

_ONE = {
    "offers": "offer",
    "channels": "channel",
    "slots": "slot",
    "attributes": "attribute",
    "predictions": "prediction",
    "outcomes": "outcome",
    "groups": "group",
    "budgets": "budget",
}
_MODELS: Mapping[tuple[str, ...], type[BaseModel]] = {
    (): schema.ProgramModel,
    ("attributes", "*"): known.AttributeModel,
    ("predictions", "*"): known.PredictionModel,
    ("groups", "*"): schema.GroupModel,
    ("offers", "*"): schema.OfferModel,
    ("offers", "*", "ramp"): schema.RampModel,
    ("offers", "*", "stock"): supply.StockModel,
    ("budgets", "*"): supply.BudgetModel,
    ("channels", "*"): schema.ChannelModel,
    ("slots", "*"): schema.SlotModel,
    ("goal",): goal.GoalModel,
    ("goal", "outcomes", "*"): goal.WeightModel,
    ("arms",): lots.ArmsModel,
    ("layer",): lots.LayerModel,
    ("policy",): PolicyModel,
    ("bau",): PolicyModel,
    ("shadows", "*"): PolicyModel,
}
_RULES = {
    "string_type": "must be a text; put it in quotes",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "finite_number": "must be a finite number",
    "list_type": "must be a list, written [one, two]",
    "dict_type": "must be fields with their values, each on a line of its own: name: value",
    "model_type": "must be fields with their values, written {field: value}",
    "too_short": "must have at least one entry",
    "string_pattern_mismatch": "must be 1 to 64 letters, digits or . _ -",
}


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong with the file. `line` and `column` are 1-based."""

    line: int
    column: int
    sentence: str

    def text(self, source: str) -> str:
        return f"{source} line {self.line}, column {self.column}: {self.sentence}"


def words(path: Path) -> str:
    """A path as people say it: `("offers", "sale", "cost")` is "offer sale: cost"."""
    return ": ".join(_spoken(path))


def shown(value: object) -> str:
    """A value as it may be written in a sentence, cut short."""
    written = repr(value)
    return written if len(written) <= 60 else f"{written[:57]}..."


def problem(document: Document, path: Path, sentence: str) -> Problem:
    """A problem with the value at `path`, or with the text that stands for it written short."""
    path = _held(document.values, path)
    line, column = document.place(path)
    return Problem(line, column, f"{words(path)}{_at(document.values, path)} {sentence}")


def repeated(document: Document) -> list[Problem]:
    """Keys that stand twice."""
    return [
        Problem(line, column, f"{words(path)}: stands twice; keep one of them.")
        for path, (line, column) in document.repeated
    ]


def from_schema(document: Document, errors: Sequence[Mapping[str, Any]]) -> list[Problem]:
    """What pydantic found, said in our words."""
    return [_said(document, error) for error in errors]


def _said(document: Document, error: Mapping[str, Any]) -> Problem:
    path: Path = tuple(error["loc"])
    owner = path[:-1]
    if not path:
        return Problem(1, 1, "the file must be fields with their values; start with: program: my_program")
    if error["type"] == "extra_forbidden":
        known = _fields(owner)
        return _of(
            document, path, f"{_lead(owner)}unknown field '{path[-1]}'.{nearest(str(path[-1]), known)}"
        )
    if error["type"] == "missing":
        return _of(document, owner, f"{_lead(owner)}field '{path[-1]}' is missing{_example(path)}")
    if path[-1] == "[key]":
        name, *_ = path[-2:]
        rule = _RULES["string_pattern_mismatch"]
        return _of(document, owner, f"{words(path[:-2])}: name == {shown(name)}, {rule}.")
    rule = _rule(error)
    return problem(document, path, rule if rule.endswith("?") else f"{rule}{_example(path)}")


def _of(document: Document, path: Path, sentence: str) -> Problem:
    """A problem with the key at `path`, or with what holds it."""
    line, column = document.keys.get(path, document.place(path))
    return Problem(line, column, sentence)


def _rule(error: Mapping[str, Any]) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    said = str(error["msg"]).replace("Input should be", "must be").replace("String should", "must")
    return _RULES.get(error["type"], said)


def _example(path: Path) -> str:
    field = _fields(path[:-1]).get(str(path[-1])) if path else None
    if field is None or not field.examples:
        return "."
    return f". Example: {path[-1]}: {_flow(field.examples[0])}"


def _flow(value: object) -> str:
    """An example in YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(one) for one in value) + "]"
    return f'"{value}"' if isinstance(value, str) and not value.isidentifier() else str(value)


def _fields(path: Path) -> Mapping[str, FieldInfo]:
    """The fields of what stands at a path; none where that is no model."""
    for shape, model in _MODELS.items():
        if len(shape) == len(path) and all(a in ("*", b) for a, b in zip(shape, path, strict=True)):
            return model.model_fields
    return {}


def _lead(path: Path) -> str:
    return f"{words(path)}: " if path else ""


def _spoken(path: Path) -> Iterator[str]:
    for i, step in enumerate(path):
        if isinstance(step, int):
            yield f"entry {step + 1}"
        elif step in _ONE and i + 1 < len(path) and isinstance(path[i + 1], str):
            yield f"{_ONE[step]} {path[i + 1]}"
        elif i == 0 or path[i - 1] not in _ONE:
            yield step


def _held(values: Any, path: Path) -> Path:
    """The path as far as it leads: not into a text or a number."""
    for i, step in enumerate(path):
        if not isinstance(values, dict | list):
            return path[:i]
        values = values.get(step) if isinstance(values, dict) else None
    return path


def _at(values: Any, path: Path) -> str:
    """` == value`, where there is a value at the path that is short enough to help."""
    for step in path:
        try:
            values = values[step]
        except (KeyError, IndexError, TypeError):
            break
    return ":" if isinstance(values, dict) else f" == {shown(values)},"
