"""Work on very many small objects, or on large arrays that come and go, at what the work itself costs."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

_TRIM, _MAP = -1, -3  # glibc's M_TRIM_THRESHOLD and M_MMAP_THRESHOLD
_KEPT, _LARGE = 1 << 28, 1 << 25


@contextmanager
def uncollected() -> Iterator[None]:
    """Pause the cycle collector: batches make millions of objects and no cycles (learning took a third).

    What is left of them counts as old: nobody looks through it at once.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.freeze()
            gc.enable()
            gc.unfreeze()


def keep_freed_memory() -> None:
    """Have the C library keep memory that arrays of megabytes give back, where it is glibc.

    Otherwise it goes to the system at once, and every page is asked for and cleared anew, which takes longer
    than the arithmetic.
    """
    try:
        tune = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    tune(_TRIM, _KEPT)
    tune(_MAP, _LARGE)
