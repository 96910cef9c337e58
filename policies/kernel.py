"""Functions compiled to machine code when they are first called, and kept compiled for the next process.

A kernel works row by row and in a fixed order: no reassociated sums, no fused multiply-add, no threads. So it
says what a result is, bit for bit, for one row, for a million and on any machine (decision record 038).

numba compiles it. Its files stand in `NUMBA_CACHE_DIR` if that is set, else beside the module, else in the
user's cache; where none can be written every process compiles anew. A kernel calls kernels of its own module
only, for numba tells by a module's file whether what it kept is still true.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import update_wrapper
from types import FunctionType
from typing import Any, Generic, ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")


class Kernel(Generic[P, R]):
    """A function over arrays and numbers of one signature, as numba writes it: `"f8(f8[::1], i8)"`.

    Its last `writes` arguments are arrays that it fills, others it only reads. Arrays of another type or that
    do not lie row by row are a TypeError.
    """

    def __init__(self, function: Callable[P, R], signature: str, writes: int) -> None:
        self.plain = cast(FunctionType, function)
        self.signature, self.writes = signature, writes
        self._compiled: Callable[..., R] | None = None
        update_wrapper(self, function)
        _made.append(self)

    def __call__(self, *given: P.args, **named: P.kwargs) -> R:
        return (self._compiled or self.compiled())(*given)

    def compiled(self) -> Any:
        """Numba's function: compiled now, or read from what was kept."""
        if self._compiled is None:
            try:
                self._compiled = self._compile(cache=True)
            except (RuntimeError, OSError):  # nowhere to keep it
                self._compiled = self._compile(cache=False)
        return self._compiled

    def _compile(self, cache: bool) -> Callable[..., R]:
        """Machine code that was kept is read without the kernels that it calls: it holds theirs."""
        from numba.core.errors import NumbaError

        if cache and self._calls:
            with suppress(NumbaError):  # nothing was kept: what it calls is not there
                return self._made(cache, dict.fromkeys(self._calls))
        return self._made(cache, {name: one.compiled() for name, one in self._calls.items()})

    def _made(self, cache: bool, called: Mapping[str, Any]) -> Callable[..., R]:
        import numba

        code, known = self.plain.__code__, self.plain.__globals__
        scope = {name: known[name] for name in code.co_names if name in known}
        made = FunctionType(code, {"__name__": known["__name__"], **scope, **called}, code.co_name)
        compiled = numba.njit(cache=cache, error_model="numpy")(made)  # 1 / 0 is infinite, as in numpy
        made.__globals__[code.co_name] = compiled  # it may call itself
        compiled.compile(self._types())
        compiled.disable_compile()
        return cast(Callable[..., R], compiled)

    @property
    def _calls(self) -> dict[str, Kernel[..., Any]]:
        """Other kernels it calls, by name."""
        known = self.plain.__globals__
        named = {name: known.get(name) for name in self.plain.__code__.co_names}
        return {name: one for name, one in named.items() if isinstance(one, Kernel) and one is not self}

    def _types(self) -> Any:
        from numba.core import sigutils, types

        normalize: Any = sigutils.normalize_signature
        given, result = normalize(self.signature)
        read = [
            one.copy(readonly=True) if isinstance(one, types.Array) else one
            for one in given[: len(given) - self.writes]
        ]
        return result(*read, *given[len(read) :])


def prepare() -> None:
    """Have the kernels of all modules imported by now ready, so that no caller waits for one."""
    for one in _made:
        one.compiled()


def kernel(signature: str, writes: int = 0) -> Callable[[Callable[P, R]], Kernel[P, R]]:
    """Make a function a kernel of that signature."""
    return lambda function: Kernel(function, signature, writes)


_made: list[Kernel[..., Any]] = []
