"""One change of a program, as the marketer reads it."""

from __future__ import annotations

from typing import Literal

import msgspec

Weight = Literal["plain", "note", "warning"]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What is said differently.

    Attributes:
        where: what it is about, "offer winter_sale" or "goal".
        what: the field, "lever"; "" for the thing itself.
        before, after: in words; None for what was or will not be there.
        weight: "note" for what acts otherwise than one may think, "warning" for what cannot be undone or
            breaks learning or an experiment.
        note: what follows from it, "" for what is plain.
    """

    where: str
    what: str = ""
    before: str | None
    after: str | None
    weight: Weight = "plain"
    note: str = ""

    def __str__(self) -> str:
        """`"offer winter_sale: lever 1 -> 1.2"`."""
        if self.what:
            return f"{self.where}: {self.what} {self._change()}"
        if self.before is None:
            return f"{self.where} added{_in_brackets(self.after)}"
        if self.after is None:
            return f"{self.where} removed"
        return f"{self.where} {self._change()}"

    def _change(self) -> str:
        if self.before is None:
            return f"{self.after} added".strip()
        if self.after is None:
            return f"{self.before} removed".strip()
        return f"{self.before or 'empty'} -> {self.after or 'empty'}"


def _in_brackets(text: str | None) -> str:
    return f" ({text})" if text else ""
