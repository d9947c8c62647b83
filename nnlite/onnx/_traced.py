"""Arrays that note what is computed with them.

A traced array is one more kind of array, as a batched one is: it holds the ordinary array, and its kernel table runs
the ordinary kernel and notes the call. So whatever a forward pass computes is noted, through whichever function; what
cannot be noted fails, it never goes by unseen. Operations, layers and the graph know nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .._core.holding import HoldingBackend
from .._core.operation import OPS
from .._core.warn import warn
from ..backends.base import Backend
from ..backends.kernels import GENERIC, KernelTable
from ..backends.registry import tables
from .errors import OnnxExporterError, TracerWarning, UnsupportedOperatorError, UntracedArrayError

if TYPE_CHECKING:
    from ._recording import Recording

_new = object.__new__

current: Recording | None = None
"""The recording that is running."""


class Value:
    """One value of the graph: it is made once and never changes.

    Attributes:
        key: the same for the same value of another recording of the model.
        shape, dtype: of the array.
    """

    __slots__ = ("dtype", "key", "shape")

    def __init__(self, key: tuple[Any, ...], shape: Any, dtype: Any) -> None:
        self.key, self.shape, self.dtype = key, tuple(shape), dtype


class Source:
    """What a traced view was made of: output ``index`` of an operation on another traced array."""

    __slots__ = ("array", "attrs", "index", "name", "seen")

    def __init__(self, name: str, array: TracedArray, attrs: dict[str, Any], index: int) -> None:
        self.name, self.array, self.attrs, self.index = name, array, attrs, index
        self.seen = array.value


class TracedArray:
    """An array, and the value of the graph that it is at this time.

    Attributes:
        raw: the ordinary array.
        source: what it is a view of, None for an array of its own.
        fixed: the name of a parameter, which the forward pass may not write to.
    """

    __slots__ = ("__weakref__", "_value", "fixed", "raw", "recording", "source")
    # NumPy's operators leave `array * traced` to the traced array; its functions refuse it.
    __array_ufunc__: Any = None

    raw: Any
    recording: Recording
    source: Source | None
    fixed: str | None
    _value: Value

    # -- the value ----------------------------------------------------------------------------------------------------

    @property
    def value(self) -> Value:
        """The present value; a view of what was written to since is taken anew."""
        source = self.source
        if source is not None and source.array.value is not source.seen:
            self._value = self.recording.again(source)
            source.seen = source.array.value
        return self._value

    def assign(self, new: TracedArray) -> None:
        """Become another value of the same shape and dtype."""
        self.raw[...] = new.raw
        self._become(new.value)

    def _become(self, value: Value) -> None:
        if self.fixed is not None:
            raise OnnxExporterError(
                f"nnlite.onnx.export(): the forward pass writes to the parameter {self.fixed!r}; compute with a "
                "clone() of it"
            )
        source = self.source
        if source is not None:
            written = self.recording.written(source, value)
            source.array._become(written)
            source.seen = source.array.value
        self._value = value

    def __setitem__(self, index: Any, new: Any) -> None:
        recording = self.recording
        whole = index is Ellipsis or (
            type(index) is tuple and (not index or (len(index) == 1 and index[0] is Ellipsis))
        )
        if isinstance(index, slice):
            whole = index == slice(None)
        if whole:
            self.assign(recording.fitted(new, self))
            return
        if _is_basic(index):
            self[index].assign(recording.fitted(new, self[index]))
            return
        basic, arrays = _apart(index, self.ndim)
        window = self if basic is None else self[basic]
        window.assign(recording.run("put_", (window, recording.as_traced(new, self.dtype)), {"index": arrays}))

    def fill(self, value: Any) -> None:
        self[...] = value

    # -- what it looks like -------------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        return self.raw.shape

    @property
    def ndim(self) -> int:
        return self.raw.ndim

    @property
    def dtype(self) -> Any:
        return self.raw.dtype

    @property
    def size(self) -> int:
        return self.raw.size

    @property
    def itemsize(self) -> int:
        return self.raw.itemsize

    @property
    def nbytes(self) -> int:
        return self.raw.nbytes

    @property
    def strides(self) -> tuple[int, ...]:
        return self.raw.strides

    @property
    def flags(self) -> Any:
        return self.raw.flags

    @property
    def base(self) -> Any:
        return self.raw

    def __len__(self) -> int:
        return len(self.raw)

    def __repr__(self) -> str:
        return f"TracedArray({self.raw!r})"

    # -- one number of it, as the checks of operations look at it (tensors ask the backend, which warns) --------------

    def item(self) -> Any:
        return plain(self).item()

    def __bool__(self) -> bool:
        return bool(plain(self))

    def __int__(self) -> int:
        return int(plain(self))

    __index__ = __int__

    def __float__(self) -> float:
        return float(plain(self))

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise UntracedArrayError(
            "nnlite.onnx.export(): a result of the forward pass is written into an array that was made without it, or "
            "used by a NumPy function; compute with nnlite's functions, and put results together by nnlite.stack or "
            "nnlite.cat instead of writing them into nnlite.zeros(...)"
        )

    def __array_function__(self, *args: Any) -> Any:
        return NotImplemented

    __hash__ = object.__hash__

    # -- methods that operations use ----------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Any:
        if _is_basic(index):
            return self.recording.run("getitem", (self,), {"index": index})
        basic, arrays = _apart(index, self.ndim)
        return self.recording.run("index", (self if basic is None else self[basic],), {"index": arrays})

    def reshape(self, *shape: Any, order: str = "C") -> Any:
        if order != "C":
            raise OnnxExporterError("nnlite.onnx.export(): reshape in another order than C")
        made = self.raw.reshape(shape[0] if len(shape) == 1 else shape)
        return self.recording.run("reshape", (self,), {"shape": tuple(made.shape)})

    def transpose(self, *axes: Any) -> Any:
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        return self.recording.run("transpose", (self,), {"axes": tuple(order or reversed(range(self.ndim)))})

    @property
    def T(self) -> Any:
        return self.transpose()

    def swapaxes(self, a: int, b: int) -> Any:
        axes = list(range(self.ndim))
        axes[a], axes[b] = axes[b], axes[a]
        return self.transpose(axes)

    def squeeze(self, axis: Any = None) -> Any:
        return self.reshape(self.raw.squeeze(axis).shape)

    def ravel(self) -> Any:
        return self.reshape(-1)

    flatten = ravel

    def astype(self, dtype: Any, copy: bool = True, **options: Any) -> Any:
        dtype = np.dtype(dtype)
        if dtype == self.dtype:
            return self.copy() if copy else self
        return self.recording.run("cast", (self,), {"dtype": dtype, "source": self.dtype})

    def copy(self, order: str = "C") -> Any:
        return self.recording.run("clone", (self,), {"memory_format": None})

    def conj(self) -> Any:
        if self.dtype.kind == "c":
            raise OnnxExporterError("nnlite.onnx.export(): complex numbers have no counterpart")
        return self

    conjugate = conj

    @property
    def real(self) -> Any:
        return self.conj()


def _is_basic(index: Any) -> bool:
    parts = index if type(index) is tuple else (index,)
    return all(p is None or p is Ellipsis or isinstance(p, slice) or type(p) is int for p in parts)


def _apart(index: Any, ndim: int) -> tuple[Any, tuple[Any, ...]]:
    """An index with arrays as two that follow on each other: a basic one or None, and arrays and whole slices."""
    parts = list(index) if type(index) is tuple else [index]
    used = sum(p.ndim if _is_mask(p) else 1 for p in parts if p is not None and p is not Ellipsis)
    at = next((i for i, p in enumerate(parts) if p is Ellipsis), None)
    if at is not None:
        parts[at : at + 1] = [slice(None)] * (ndim - used)
    if all(hasattr(p, "dtype") or p == slice(None) for p in parts):
        return None, tuple(parts)
    basic: list[Any] = []
    for p in parts:
        basic.extend([slice(None)] * (p.ndim if _is_mask(p) else 1) if hasattr(p, "dtype") else [p])
    return tuple(basic), tuple(p if hasattr(p, "dtype") else slice(None) for p in parts if not isinstance(p, int))


def _is_mask(part: Any) -> bool:
    return getattr(part, "dtype", None) == np.bool_


def _operator(name: str, reflected: bool = False, in_place: bool = False) -> Callable[..., Any]:
    def method(self: Any, other: Any) -> Any:
        if hasattr(other, "_a"):
            return NotImplemented
        pair = (other, self) if reflected else (self, other)
        made = self.recording.run(name, pair, {})
        if not in_place:
            return made
        self[...] = made
        return self

    return method


_BINARY = {
    "add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "floordiv": "floor_divide", "mod": "remainder",
    "pow": "pow", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor", "matmul": "matmul",
}  # fmt: skip
for _name, _op in _BINARY.items():
    setattr(TracedArray, f"__{_name}__", _operator(_op))
    setattr(TracedArray, f"__r{_name}__", _operator(_op, reflected=True))
    setattr(TracedArray, f"__i{_name}__", _operator(_op, in_place=True))
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(TracedArray, f"__{_name}__", _operator(_name))
for _name, _op in (("neg", "neg"), ("abs", "abs"), ("invert", "bitwise_not")):
    setattr(TracedArray, f"__{_name}__", lambda self, _op=_op: self.recording.run(_op, (self,), {}))


def _through(name: str) -> Callable[..., Any]:
    """A method that is a function of the namespace."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(tables[type(self)].backend_.xp, name)(self, *args, **kwargs)

    return method


for _name in ("sum", "prod", "mean", "max", "min", "any", "all", "argmax", "argmin", "cumsum", "clip", "take"):
    setattr(TracedArray, _name, _through(_name))


def traced_in(values: Any) -> TracedArray | None:
    """The first traced array in nested values."""
    for v in values:
        if isinstance(v, TracedArray):
            return v
        if isinstance(v, tuple | list):
            found = traced_in(v)
            if found is not None:
                return found
    return None


def plain(value: Any) -> Any:
    """Nested values with ordinary arrays for the traced ones."""
    if isinstance(value, TracedArray):
        return value.raw
    if type(value) in (tuple, list):
        return type(value)(plain(v) for v in value)
    return value


class TracedNamespace:
    """The array namespace: functions that an operation stands for are noted, others refused on traced arrays."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        if name == "cache_bytes":
            raise AttributeError(name)
        found = getattr(self.inner, name)
        if isinstance(found, type) or not callable(found):
            return found
        return _function(name, found)

    def set_at(self, x: Any, index: Any, values: Any) -> None:
        x[index] = values

    def scatter_add(self, x: Any, index: Any, values: Any) -> None:
        traced = traced_in((x, index, values))
        if traced is None:
            self.inner.scatter_add(x, index, values)
            return
        if not isinstance(x, TracedArray):
            raise OnnxExporterError("nnlite.onnx.export(): results are added to an array that was made without them")
        values = x.recording.as_traced(values, x.dtype)
        at = index if type(index) is tuple else (index,)
        x.assign(x.recording.run("add_index", (x, values), {"index": at}))


_SHAPE_ONLY = {"zeros_like", "ones_like", "empty_like", "full_like", "may_share_memory", "shares_memory", "random_bits"}
"""Functions that look at no values."""

_FRESH = {"zeros", "ones", "empty", "full"}

_UFUNCS: dict[str, str] = {}
"""Function of the namespace -> operation."""


def _function(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    from ._namespace import FUNCTIONS

    if not _UFUNCS:
        bodies: dict[str, Any] = dict(GENERIC)
        _UFUNCS.update({body: op for op, body in bodies.items() if isinstance(body, str) and op in OPS})

    def call(*args: Any, **kwargs: Any) -> Any:
        traced = traced_in((*args, *kwargs.values()))
        if traced is None:
            made = function(*args, **kwargs)
            if name in _FRESH and current is not None and current.inside:
                return current.as_traced(made, None)  # the body of an operation writes its results there
            return made
        recording = traced.recording
        if name in _SHAPE_ONLY:
            made = function(*(plain(a) for a in args), **{k: plain(v) for k, v in kwargs.items()})
            return recording.as_traced(made, made.dtype) if name.endswith("_like") else made
        if name in FUNCTIONS:
            return FUNCTIONS[name](recording, *args, **kwargs)
        if name in _UFUNCS:
            out = kwargs.pop("out", None)
            kwargs.pop("casting", None)
            return recording.run(_UFUNCS[name], args, kwargs, out)
        raise UnsupportedOperatorError(
            f"nnlite.onnx.export(): {name} of a tensor has no counterpart in ONNX ({recording.place()}); compute it "
            "before or after the model"
        )

    return call


class TracedBackend(HoldingBackend):
    """The device of the arrays that traced arrays hold."""

    def __init__(self, cls: type[TracedArray], inner: Backend) -> None:
        super().__init__(cls, inner, TracedNamespace(inner.xp))

    def to_host(self, array: Any) -> Any:
        warn(
            "nnlite.onnx.export(): the forward pass reads values of a tensor (item(), tolist(), numpy(), int(), a "
            "condition); what it makes of them becomes a constant of the file and will not follow other inputs",
            TracerWarning,
        )
        return np.array(self.inner.to_host(array.raw))

    def to_index(self, array: Any, index: int | None) -> Any:
        return array

    def check_index(self, index: Any, *args: Any, **kwargs: Any) -> None:
        index = index.raw if isinstance(index, TracedArray) else index
        tables[type(index)].backend_.check_index(index, *args, **kwargs)


def destination(name: str, attrs: dict[str, Any]) -> Any:
    """Take ``out=`` out of the arguments of a function of arrays; operations may have an attribute of that name."""
    body: Any = GENERIC[name]
    if not isinstance(body, str):
        return None
    attrs.pop("casting", None)
    return attrs.pop("out", None)


class TracedTable(KernelTable):
    """All operations on one class of traced arrays."""

    def _resolve(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **attrs: Any) -> Any:
            out = destination(name, attrs)
            traced = traced_in((*args, *attrs.values()))
            if traced is None:
                first = next(a for a in args if type(a) in tables)
                return getattr(tables[type(first)], name)(*args, **attrs)
            return traced.recording.run(name, args, attrs, out)

        return call


_classes: dict[type, type[TracedArray]] = {}


def make(recording: Recording, raw: Any, value: Value, source: Source | None = None, fixed: str | None = None) -> Any:
    """A traced array of an ordinary one."""
    inner = type(raw)
    cls = _classes.get(inner)
    if cls is None:
        cls = type(f"Traced_{inner.__name__}", (TracedArray,), {"__slots__": ()})
        tables[cls] = TracedTable(TracedBackend(cls, tables[inner].backend_))
        _classes[inner] = cls
    a = _new(cls)
    a.raw, a.recording, a._value, a.source, a.fixed = raw, recording, value, source, fixed
    return a
