"""What the laws of `policies.laws` say when one does not hold: which, where, and what to do."""

from __future__ import annotations

import numpy as np

from policies.base import Actions, Floats, Mask


class LawBroken(AssertionError):
    """A policy that does not do what every policy must; the message says which law, where, and the remedy."""


def hold(holds: bool, law: str, remedy: str = "") -> None:
    """Raise `LawBroken` if a law does not hold."""
    if not holds:
        raise LawBroken(f"law broken: {law}.{' ' if remedy else ''}{remedy}")


def hold_rows(holds: Mask, law: str, shown: Floats, remedy: str) -> None:
    """As `hold`, of (n,) rows; the first that breaks it is told with what is shown of it."""
    if not holds.all():
        row = int(np.argmin(holds))
        hold(False, f"{law} (row {row}: {shown[row]:.6g})", remedy)


def hold_entries(holds: Mask, law: str, pmf: Floats, actions: Actions, remedy: str) -> None:
    """As `hold`, of (n, k) probabilities; the first that breaks it is told with its row and action."""
    if not holds.all():
        row, column = (int(one[0]) for one in np.nonzero(~holds))
        hold(False, f"{law} (row {row}, action {actions.names[column]!r}: {pmf[row, column]:.6g})", remedy)


def same(one: Floats, other: Floats, law: str, remedy: str, apart: float = 0.0) -> None:
    """Raise `LawBroken` unless two pmfs are as near as that; 0 for bit for bit."""
    hold(one.shape == other.shape, f"{law}: shapes {one.shape} and {other.shape}", remedy)
    off = np.abs(one - other)
    near = (off <= apart) | (one == other)
    if not near.all():
        row, column = (int(it[0]) for it in np.nonzero(~near))
        told = f"{one[row, column]:.17g} and {other[row, column]:.17g}"
        exactly = "bit for bit" if apart == 0.0 else f"to {apart:g}"
        hold(False, f"{law}, {exactly} (row {row}, action number {column}: {told})", remedy)
