"""What many decisions send, by columns: what `engine.creative` fills for one, for those that send anything.

Where the same names are known of customers who are sent the same offer on the same channel, their texts have
one form: they differ in its holes alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import msgspec
import polars as pl

from engine import creative
from engine.domain import Program
from engine.values import types

_encode = msgspec.json.Encoder(order="deterministic").encode
Texts = Mapping[str, Sequence[str | None]]  # what is said under each name, None where it is not known


@dataclass(frozen=True, slots=True)
class _Form:
    """The JSON of fields, with `%s` for holes, None for no fields; and what is left out, None for nothing.

    Attributes:
        holes: the name that fills each, and whether it stands in HTML.
    """

    fields: str | None
    holes: tuple[tuple[str, bool], ...]
    left_out: str | None


def with_texts(program: Program, table: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """The table of n decisions with what they send and what was left out of it; null where that is nothing.

    Args:
        table: of `engine.answers.answers`.
        known: n rows; `zone` and the values by name that they were decided on, where there are any.
    """
    if not creative.any_in(program):
        return table
    sent = table["offer"].is_not_null().arg_true()
    some = table.select("customer", "offer", "channel")[sent]
    said = _said(program, some["customer"], known[sent])
    place, empty = sent.to_list(), list[str | None]([None] * table.height)
    fields, left_out = empty.copy(), empty.copy()
    for (offer, channel, names), rows in _alike(some, said).items():
        form = _form(program, offer, channel, names)
        for i, text in zip(rows, _filled(form, said, rows), strict=True):
            fields[place[i]], left_out[place[i]] = text, form.left_out
    columns = {"creative": fields, "creative_left_out": left_out}
    return table.with_columns(pl.Series(name, one, dtype=pl.String) for name, one in columns.items())


def of_another(program: Program, version: int, table: pl.DataFrame) -> pl.DataFrame:
    """As `with_texts`, of decisions that another version of the program made: what they sent is not known."""
    if not creative.any_in(program):
        return table
    why = pl.lit(why_none(version))
    left_out = pl.when(pl.col("offer").is_not_null()).then(why).alias("creative_left_out")
    return table.with_columns(pl.lit(None, pl.String).alias("creative"), left_out)


def why_none(version: int) -> str:
    """What stands in place of texts, of a decision that another version of the program made."""
    return f"decided under version {version}: ask for its texts by its id"


def _alike(some: pl.DataFrame, said: Texts) -> Mapping[tuple[str, str, tuple[str, ...]], list[int]]:
    """The rows by offer, channel, and which names are known."""
    groups: dict[tuple[str, str, tuple[str, ...]], list[int]] = {}
    for i, (_, offer, channel, *texts) in enumerate(zip(*some, *said.values(), strict=True)):
        names = tuple(name for name, text in zip(said, texts, strict=True) if text is not None)
        groups.setdefault((offer, channel, names), []).append(i)
    return groups


def _said(program: Program, customer: pl.Series, known: pl.DataFrame) -> Texts:
    """What is said of m customers under the names in the program's texts."""
    zones = known["zone"].to_list() if "zone" in known.columns else [None] * len(customer)
    found: dict[str, Sequence[str | None]] = {}
    for name in creative.blanks(program):
        if name == "customer":
            found[name] = customer.to_list()
        elif name in known.columns:
            kind, memory = types(program).get(name), dict[object, str | None]()
            texts = found[name] = list[str | None]()
            for value, zone in zip(known[name].to_list(), zones, strict=True):
                seen = (value, zone) if kind == "timestamp" else value
                if seen not in memory:
                    memory[seen] = None if value is None else creative.said(value, kind, zone)
                texts.append(memory[seen])
    return found


def _form(program: Program, offer: str, channel: str, names: Collection[str]) -> _Form:
    """What is sent to those of whom these names are known.

    A mark is what no text holds, as it is made of the hash of all texts; where it was escaped it is in HTML.
    """
    mark = program.sha256[:16]
    marks = {name: f"{mark}&{i};" for i, name in enumerate(names)}
    made = creative.form(program, offer, channel, marks)
    if made is None:
        return _Form(None, (), None)
    left_out = ", ".join(made.left_out) or None
    if not made.fields:
        return _Form(None, (), left_out)
    pieces = re.split(f"{mark}&(amp;)?([0-9]+);", _encode(made.fields).decode().replace("%", "%%"))
    holes = zip(pieces[2::3], pieces[1::3], strict=True)
    named = list(names)
    return _Form(
        "%s".join(pieces[::3]), tuple((named[int(i)], html is not None) for i, html in holes), left_out
    )


def _filled(form: _Form, said: Texts, rows: Sequence[int]) -> list[str | None]:
    """The JSON of what is sent to those rows."""
    if form.fields is None or not form.holes:
        return [form.fields and form.fields % ()] * len(rows)
    columns = [_in_json([said[name][i] for i in rows], markup) for name, markup in form.holes]
    return [form.fields % texts for texts in zip(*columns, strict=True)]


def _in_json(texts: Sequence[str | None], markup: bool) -> list[str]:
    """The texts as they stand inside a text of JSON."""
    memory: dict[str | None, str] = {}
    for text in texts:
        if text not in memory:
            assert text is not None  # it is known of all of them
            memory[text] = _encode(escape(text) if markup else text)[1:-1].decode()
    return [memory[text] for text in texts]
