"""Universal functions as CuPy has them: its loops, its arguments, its missing methods."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from . import cupy_api
from .array import SCALARS, StrictArray, refuse, wrap

_WEAK = {int: 1, float: 2, complex: 2}
"""Python scalars that take the dtype of the arrays they meet (bool does not), and the rank of their kind."""

_KIND_RANK = {"b": 0, "i": 1, "u": 1, "f": 2, "c": 2}

_TYPED = (np.ndarray, np.generic)

_ACCUMULATING = {"add": ("sum", "cumsum"), "multiply": ("prod", "cumprod")}
_SCATTERING = ("add", "subtract", "maximum", "minimum", "bitwise_and", "bitwise_or", "bitwise_xor")
_COMPARISONS = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")


def _dtype_of_char(char: str) -> np.dtype | None:
    if char != "E":
        return np.dtype(char)
    try:
        from ml_dtypes import bfloat16
    except ImportError:
        return None
    return np.dtype(bfloat16)


def _loops(types: str) -> list[tuple[tuple[np.dtype, ...], tuple[np.dtype, ...]]]:
    loops = []
    for loop in types.split():
        sides = [tuple(_dtype_of_char(c) for c in side) for side in loop.split("->")]
        if all(d is not None for side in sides for d in side):
            loops.append((sides[0], sides[1]))
    return loops  # type: ignore[return-value]


class StrictUfunc:
    """One universal function of CuPy, computed by NumPy.

    The loop is chosen as CuPy does it: the first one to whose types all inputs can be cast. Where there is none
    (bfloat16 has none in many functions) TypeError is raised, and the result has the dtype of the loop.
    """

    def __init__(self, name: str) -> None:
        self.__name__ = name
        self._host = getattr(np, name)
        self._loops = _loops(cupy_api.UFUNCS[name])
        self.nin = len(self._loops[0][0])
        self.nout = len(self._loops[0][1])
        self.nargs = self.nin + self.nout
        self._plain = self.nout == 1 and isinstance(self._host, np.ufunc)
        self._chosen: dict[tuple[Any, ...], tuple[np.dtype, ...]] = {}

    def __repr__(self) -> str:
        return f"<ufunc 'strict.{self.__name__}'>"

    @property
    def types(self) -> list[str]:
        """The loops, as ``in->out`` dtype characters."""
        return cupy_api.UFUNCS[self.__name__].split()

    def __call__(
        self, *args: Any, out: Any = None, dtype: Any = None, casting: Any = "same_kind", **unknown: Any
    ) -> Any:
        if out is None and dtype is None and not unknown and len(args) == self.nin and self._plain:
            hosts = [x._h if type(x) is StrictArray else self._unwrap(x) for x in args]
            (want,) = self._loop(hosts)
            result = self._host(*hosts)
            return wrap(result if result.dtype is want else np.asarray(result).astype(want, copy=False))
        if unknown:
            raise TypeError(f"Wrong arguments {unknown}: CuPy's ufuncs take out, dtype and casting only")
        inputs, given = args[: self.nin], args[self.nin :]
        if out is not None:
            if given:
                raise ValueError("Cannot specify 'out' as both a positional and keyword argument")
            given = out if isinstance(out, tuple) else (out,)
        if len(inputs) != self.nin or len(given) not in (0, self.nout):
            raise TypeError(f"Wrong number of arguments for {self.__name__!r}: {len(args)}")
        outs = [o for o in given if o is not None]
        for o in outs:
            if type(o) is not StrictArray:
                refuse(self.__name__, o)
        hosts = [self._unwrap(x) for x in inputs]
        loop = self._loop(hosts) if dtype is None else self._loop_for_output(np.dtype(dtype))
        results = self._compute(hosts, outs, loop, dtype, casting)
        if outs:
            return given[0] if self.nout == 1 else tuple(given)
        return wrap(results[0]) if self.nout == 1 else tuple(wrap(r) for r in results)

    def _compute(self, hosts: list[Any], outs: list[Any], loop: Any, dtype: Any, casting: Any) -> list[np.ndarray]:
        if not isinstance(self._host, np.ufunc):  # fix, i0 and sinc are plain functions in NumPy
            results = [np.asarray(self._host(*hosts)).astype(loop[0], copy=False)]
            for o, r in zip(outs, results, strict=False):
                np.copyto(o._h, r.astype(o.dtype, casting=casting))
            return results
        keywords: dict[str, Any] = {"casting": casting}
        if dtype is not None:
            hosts = [h.astype(dtype, copy=False) if isinstance(h, np.ndarray) else h for h in hosts]
            keywords["dtype"] = np.dtype(dtype)
        if outs:
            keywords["out"] = tuple(o._h for o in outs)
        values = self._host(*hosts, **keywords)
        results = [np.asarray(v) for v in (values if self.nout > 1 else (values,))]
        if outs:
            return results
        return [r if r.dtype == want else r.astype(want) for r, want in zip(results, loop, strict=True)]

    def _unwrap(self, x: Any) -> Any:
        if type(x) is StrictArray:
            return x._h
        if isinstance(x, SCALARS):
            return x
        return refuse(self.__name__, x)

    def _loop(self, hosts: list[Any]) -> tuple[np.dtype, ...]:
        key = tuple([h.dtype if isinstance(h, _TYPED) else type(h) for h in hosts])
        loop = self._chosen.get(key)
        if loop is None:
            loop = self._chosen[key] = self._choose(key)
        return loop

    def _choose(self, key: tuple[Any, ...]) -> tuple[np.dtype, ...]:
        weak = self._weak(key)
        for ins, outs in self._loops:
            if all(_fits(k, want, k in weak) for k, want in zip(key, ins, strict=True)):
                return outs
        names = ", ".join(str(getattr(k, "name", None) or k.__name__) for k in key)
        raise TypeError(f"Wrong type ({names}) of arguments for {self.__name__}: CuPy has no loop for it")

    def _weak(self, key: tuple[Any, ...]) -> set[Any]:
        """The Python scalar types that follow the arrays: none where a scalar is of a higher kind than all arrays."""
        weak = {k for k in key if k in _WEAK}
        arrays = [_KIND_RANK.get(k.kind, 3) for k in key if isinstance(k, np.dtype)]
        if not weak or not arrays or max(_WEAK[k] for k in weak) > max(arrays):
            return set()
        return weak - {int} if self.__name__ in _COMPARISONS else weak

    def _loop_for_output(self, dtype: np.dtype) -> tuple[np.dtype, ...]:
        for _, outs in self._loops:
            if all(o == dtype for o in outs):
                return outs
        raise TypeError(f"Wrong type ({dtype}) of arguments for {self.__name__}: CuPy has no loop that gives it")

    def reduce(self, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        """Reduce along ``axis``; CuPy has it for add and multiply only."""
        method = self._method("reduce", 0)
        return getattr(array, method)(axis=axis, dtype=dtype, out=out, keepdims=keepdims)

    def accumulate(self, array: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
        """Running result along ``axis``; CuPy has it for add and multiply only."""
        return getattr(array, self._method("accumulate", 1))(axis=axis, dtype=dtype, out=out)

    def _method(self, name: str, which: int) -> str:
        if self.__name__ not in _ACCUMULATING:
            raise NotImplementedError(f"CuPy has no `{self.__name__}.{name}`; use a reduction such as xp.max")
        return _ACCUMULATING[self.__name__][which]

    def at(self, a: StrictArray, indices: Any, b: Any = None) -> None:
        """``a[indices] op= b`` with repeated indices, for the dtypes that CuPy has atomics for."""
        if self.__name__ not in _SCATTERING:
            raise NotImplementedError(f"CuPy has no `{self.__name__}.at`")
        a._scatter(self._host, self.__name__, indices, b)

    def outer(self, a: Any, b: Any, **keywords: Any) -> Any:
        """The function of all pairs of elements."""
        return self(a.reshape(a.shape + (1,) * b.ndim), b, **keywords)


def _fits(given: Any, want: np.dtype, weak: bool) -> bool:
    """Whether CuPy passes an input of dtype (or of the Python scalar type) ``given`` to a loop of dtype ``want``."""
    if np.can_cast(given if isinstance(given, np.dtype) else np.dtype(given), want):
        return True
    try:
        return weak and np.result_type(given(0), want) == want
    except TypeError:
        return False


@functools.cache
def ufunc(name: str) -> StrictUfunc:
    """The ufunc of this name; each is made once."""
    return StrictUfunc(name)
