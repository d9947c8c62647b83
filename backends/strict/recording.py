"""Capture on the strict device: each call is recorded, and a replay makes the calls again.

It stands for a CUDA graph and shows on the CPU what goes wrong in one: numbers of the host are those of the capture,
arrays are where they were then, nothing that is captured is computed before the first replay, and neither waiting nor
host data is allowed. While nothing is captured it costs nothing: the recording methods are put into the classes when a
capture begins.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..capture import Capture, CaptureError, Place, line_here
from .array import StrictArray, from_host

_UNTOUCHED = frozenset(
    [
        "__array__",
        "__array_function__",
        "__bool__",
        "__class_getitem__",
        "__complex__",
        "__copy__",
        "__deepcopy__",
        "__dlpack__",
        "__dlpack_device__",
        "__float__",
        "__format__",
        "__int__",
        "__iter__",
        "__len__",
        "__new__",
        "__reduce__",
        "__repr__",
        "__str__",
        "_reduce",
        "_view",
        "get",
        "item",
        "set",
        "tobytes",
        "tolist",
    ]
)
"""Methods of an array that give the device nothing to do, or that wait for it."""

_SOLVERS = frozenset(["cholesky", "eigh", "eigvalsh", "inv", "lstsq", "pinv", "qr", "solve", "svd", "tensorinv",
                      "tensorsolve", "det", "slogdet", "matrix_rank"])  # fmt: skip
"""Functions of ``linalg`` that go to cuSOLVER, which CuPy does not capture."""

_EMULATED = (("nnlite.backends.cupy.launch", "Gpu", "launch"), ("nnlite.backends.cupy.gemm", "Gemm", "matmul"))
"""What starts kernels of CUDA that are emulated: module, class, method."""

_MADE_EMPTY = frozenset(["empty", "empty_like"])


class _Thread(threading.local):
    tape: Tape | None = None


_thread = _Thread()


def recordable(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the device that is recorded while this thread captures, and otherwise just called."""

    @functools.wraps(function)
    def call(*args: Any, **keywords: Any) -> Any:
        tape = _thread.tape
        return function(*args, **keywords) if tape is None else tape.record(function, args, keywords)

    return call


def _arrays_in(value: Any) -> Iterator[StrictArray]:
    """All device arrays in arguments or results."""
    kind = type(value)
    if kind is StrictArray:
        yield value
    elif kind is Place:
        yield value.origin
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _arrays_in(item)
    elif hasattr(value, "packed"):  # a struct, the argument of a kernel
        yield from value.arrays
    elif kind is dict:
        for item in value.values():
            yield from _arrays_in(item)


class Tape(Capture):
    """The calls of one capture."""

    def __init__(self, backend: Any, index: int | None, pool: Any = None) -> None:
        super().__init__(backend, index, pool)
        self._calls: list[tuple[Callable[..., Any], Any, Any, list[tuple[int, StrictArray]]]] = []
        self._made: dict[int, StrictArray] = {}
        self._before: dict[int, tuple[StrictArray, np.ndarray]] = {}
        self._inside = False

    def __len__(self) -> int:
        return len(self._calls)

    def _begin(self) -> None:
        _installed.begin()
        _thread.tape = self

    def _end(self) -> None:
        self._stop()
        for array in self._made.values():
            _spoil(array._h)

    def _abandon(self) -> None:
        self._stop()
        self._calls.clear()
        self._made.clear()

    def _stop(self) -> None:
        _thread.tape = None
        _installed.end()
        # A GPU computes nothing while work is captured; here it was computed, to have arrays of the right shapes.
        for array, values in self._before.values():
            array._h[...] = values
        self._before.clear()

    def reset(self) -> None:
        super().reset()
        self._calls.clear()
        self._made.clear()

    def record(self, function: Callable[..., Any], args: Any, keywords: Any) -> Any:
        """Make a call and note it, with what it gave; calls that it makes itself are part of it."""
        if self._inside:
            return function(*args, **keywords)
        _refuse(function, args)
        arrays = [*_arrays_in(args), *_arrays_in(keywords)]
        for array in arrays:
            self._keep(array)
        self._inside = True
        try:
            result = function(*args, **keywords)
        finally:
            self._inside = False
        given = {id(_owner(array)) for array in arrays}
        results = list(_arrays_in(result))
        new = [(place, array) for place, array in enumerate(results) if id(_owner(array)) not in given]
        for _, array in new:
            owner = _owner(array)
            self._made[id(owner)] = owner
        arguments = {id(array) for array in arrays}
        only_views = bool(results) and not new and not any(id(array) in arguments for array in results)
        if (results or arrays) and not only_views and not _gives_any(args):
            self._calls.append((function, args, keywords, new))
        return result

    def _keep(self, array: StrictArray) -> None:
        """Keep the contents of memory that was there before, until the capture ends."""
        owner = _owner(array)
        if id(owner) not in self._made and id(owner) not in self._before:
            self._before[id(owner)] = (owner, owner._h.copy())

    def _launch(self) -> None:
        for function, args, keywords, new in self._calls:
            result = function(*args, **keywords)
            if new:
                values = list(_arrays_in(result))
                for place, array in new:
                    np.copyto(array._h, values[place]._h)


def _owner(array: StrictArray) -> StrictArray:
    """The array that has the memory."""
    return array if array._base is None else array._base


def _name_of(args: Any) -> tuple[str, str]:
    """Module and name of the NumPy function, where the call is one of a function of ``xp``."""
    host = getattr(args[0], "_host", None) if args else None
    return getattr(host, "__module__", "") or "", getattr(host, "__name__", "")


def _gives_any(args: Any) -> bool:
    return _name_of(args)[1] in _MADE_EMPTY


def _refuse(function: Callable[..., Any], args: Any) -> None:
    if function.__name__ == "launch" and any(type(argument) is Place for argument in args):
        raise CaptureError(
            f"the kernel {args[2]!r} takes a place in a stream of random numbers as a number, which every replay would "
            "repeat; it has to read seed and counter from the place's origin"
        )
    module, name = _name_of(args)
    if name in _SOLVERS and module.startswith("numpy.linalg"):
        raise CaptureError(
            f"linalg.{name} cannot be captured in a graph (cuSOLVER is not), at {line_here()}; move this line out of "
            "what is captured"
        )


def _spoil(host: np.ndarray) -> None:
    """Put something in the place of values that a GPU would not have computed yet."""
    if host.dtype.kind in "fcV":
        host.fill(np.nan)
    elif host.dtype.kind in "iu":
        host.fill(np.iinfo(host.dtype).max // 3)


class _Installed:
    """The recording methods in the place of the plain ones, while any thread captures."""

    def __init__(self) -> None:
        self._count = 0
        self._plain: list[tuple[type, str, Any]] = []
        self._lock = threading.Lock()

    def begin(self) -> None:
        with self._lock:
            self._count += 1
            if self._count == 1:
                for where, name in _methods():
                    plain = where.__dict__[name]
                    self._plain.append((where, name, plain))
                    setattr(where, name, _recording(plain))

    def end(self) -> None:
        with self._lock:
            self._count -= 1
            if not self._count:
                while self._plain:
                    setattr(*self._plain.pop())


def _recording(plain: Any) -> Any:
    if isinstance(plain, property):
        setter = None if plain.fset is None else recordable(plain.fset)
        return property(recordable(plain.fget), setter)  # type: ignore[arg-type]
    return recordable(plain)


def _methods() -> Iterator[tuple[type, str]]:
    """Everything by which work is given to the device: class and name."""
    from .namespace import StrictFunction
    from .ufunc import StrictUfunc

    for name, value in StrictArray.__dict__.items():
        if (callable(value) and name not in _UNTOUCHED) or name in ("real", "imag"):
            yield StrictArray, name
    yield StrictFunction, "__call__"
    yield StrictUfunc, "__call__"
    yield StrictUfunc, "at"
    for module, name, method in _EMULATED:
        if module in sys.modules:
            yield getattr(sys.modules[module], name), method


_installed = _Installed()

scalar_from_host = recordable(from_host)
"""`from_host` for arrays without dimensions, which a GPU fills in without a copy."""
