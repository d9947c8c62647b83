"""The functions of the array namespace over a batch: where axis i of one example is axis i + 1 of all."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ...backends.registry import tables
from .array import BatchedArray, level_of, make, namespace_of
from .indexing import getitem, lifted, scatter_add, setitem
from .levels import Level, VmapError, dynamic, running

__all__ = ["getitem", "scatter_add", "setitem"]

RULES: dict[str, Callable[..., Any]] = {"scatter_add": scatter_add, "set_at": setitem}
"""Name of a function of the namespace -> the same over batched arrays."""


def rule(*names: str) -> Callable[[Any], Any]:
    """Register a function for these names; the name is its first argument where there are several."""

    def register(function: Any) -> Any:
        for name in names:
            RULES[name] = functools.partial(function, name) if len(names) > 1 else function
        return function

    return register


def top(*values: Any) -> Level:
    """The highest level of the values.

    Raises:
        TypeError: all are the same for all examples.
    """
    best: Level | None = None
    for v in values:
        if isinstance(v, BatchedArray) and (best is None or v.level.id > best.id):
            best = v.level
    if best is None:
        raise TypeError("no batched array")
    return best


def wrapped(level: Level, raw: Any) -> Any:
    """Results as batched arrays."""
    if isinstance(raw, tuple | list):
        parts = [wrapped(level, part) for part in raw]
        return type(raw)(*parts) if hasattr(raw, "_fields") else type(raw)(parts)
    return make(level, raw) if type(raw) in tables else raw


# -- elementwise ------------------------------------------------------------------------------------------------------


def aligned(level: Level, args: Any) -> list[Any]:
    """Raw operands that broadcast against each other as the examples do."""
    ndim = max((a.ndim for a in args if type(a) in tables), default=0)
    out = []
    for a in args:
        if level_of(a) == level.id:
            raw = a.raw
            missing = ndim + 1 - raw.ndim
            if missing:
                raw = raw.reshape(raw.shape[:1] + (1,) * missing + tuple(raw.shape[1:]))
            out.append(raw)
        else:
            out.append(a)
    return out


def elementwise(name: str, *args: Any, out: Any = None, **kwargs: Any) -> Any:
    """A function of each element."""
    level = top(*args, *kwargs.values())
    raws = aligned(level, (*args, *kwargs.values()))
    kwargs = dict(zip(kwargs, raws[len(args) :], strict=True))
    function = getattr(namespace_of(*raws), name)
    if out is not None:
        if level_of(out) != level.id:
            raise TypeError("an array that is the same for all examples cannot hold values that differ")
        target = out.raw
        if any(a.ndim > target.ndim for a in raws if type(a) in tables):
            raise ValueError("operands could not be broadcast together with the output")
        raws = [
            a.reshape(a.shape[:1] + (1,) * (target.ndim - a.ndim) + tuple(a.shape[1:]))
            if level_of(v) == level.id and a.ndim < target.ndim else a
            for v, a in zip(args, raws, strict=False)
        ]  # fmt: skip
        function(*raws[: len(args)], out=target, **kwargs)
        return out
    return wrapped(level, batch_outside(function(*raws[: len(args)], **kwargs)))


def batch_outside(raw: Any) -> Any:
    """A new array whose examples lie one behind the other, as bodies expect that reshape their results in place.

    Array libraries keep the order of the operands' axes, and the batch may come from an inner axis.
    """
    if isinstance(raw, tuple):
        return tuple(batch_outside(part) for part in raw)
    if raw.flags.c_contiguous or raw.strides[0] >= max(raw.strides[1:], default=0):
        return raw
    return raw.copy("C")


class Ufunc:
    """An elementwise function with its reductions."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return elementwise(self.name, *args, **kwargs)

    def reduce(self, x: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        raw = x.raw
        function = getattr(namespace_of(raw), self.name).reduce
        return make(x.level, function(raw, _axes(x, axis), dtype, None, keepdims))

    def accumulate(self, x: Any, axis: int = 0, dtype: Any = None) -> Any:
        function = getattr(namespace_of(x.raw), self.name).accumulate
        return make(x.level, function(x.raw, _axis(x, axis), dtype))

    def __getattr__(self, name: str) -> Any:
        raise VmapError(f"vmap: {self.name}.{name}")


@rule("where")
def _where(*args: Any) -> Any:
    if len(args) == 1:
        raise dynamic("where of one argument")
    return elementwise("where", *args)


# -- reductions and others along axes ---------------------------------------------------------------------------------


def _axis(x: Any, axis: int, extra: int = 0) -> int:
    n = x.ndim + extra
    if not -max(n, 1) <= axis < max(n, 1):
        raise ValueError(f"axis {axis} is out of bounds for array of dimension {n}")
    return (axis + n if axis < 0 else axis) + 1


def _axes(x: Any, axis: Any) -> Any:
    if axis is None:
        return tuple(range(1, x.raw.ndim))
    if isinstance(axis, tuple | list):
        return tuple(_axis(x, a) for a in axis)
    return _axis(x, axis)


def _reduction(name: str) -> None:
    def function(x: Any, axis: Any = None, *args: Any, **kwargs: Any) -> Any:
        level = top(x, *args, *kwargs.values())
        if level_of(x) != level.id:
            x = make(level, lifted(x, level))
        return make(level, getattr(namespace_of(x.raw), name)(x.raw, _axes(x, axis), *args, **kwargs))

    RULES[name] = function


for _name in ("sum", "prod", "mean", "var", "std", "max", "min", "amax", "amin", "any", "all", "nansum", "nanmax",
              "nanmin", "count_nonzero", "median", "nanmedian", "ptp", "nanmean"):  # fmt: skip
    _reduction(_name)


def _along(name: str, default: Any, several: bool = False) -> None:
    """A function along one axis; with axis None of all elements in a row."""

    def function(x: Any, *args: Any, axis: Any = default, **kwargs: Any) -> Any:
        if args and not several:
            axis, *rest = args
        else:
            rest = list(args)
        raw = x.raw
        if not x.ndim and axis in (0, -1):
            raw, axis = raw.reshape(-1, 1), None
        elif axis is None:
            raw = raw.reshape(raw.shape[0], -1)
        out = getattr(namespace_of(raw), name)(raw, *rest, axis=1 if axis is None else _axis(x, axis), **kwargs)
        if not x.ndim and out.ndim > 1 and name not in _REDUCES:
            out = out.reshape(-1)
        return make(x.level, out)

    RULES[name] = function


_REDUCES = ("argmax", "argmin", "nanargmax", "nanargmin")
for _name in (*_REDUCES, "cumsum", "cumprod", "nancumsum"):
    _along(_name, None)
for _name in ("sort", "argsort"):
    _along(_name, -1)
for _name in ("partition", "argpartition", "diff"):
    _along(_name, -1, several=True)


@rule("flip")
def _flip(x: Any, axis: Any = None) -> Any:
    return make(x.level, namespace_of(x.raw).flip(x.raw, _axes(x, axis)))


@rule("roll")
def _roll(x: Any, shift: Any, axis: Any = None) -> Any:
    if axis is None:
        flat = x.raw.reshape(x.raw.shape[0], -1)
        return make(x.level, namespace_of(flat).roll(flat, shift, 1).reshape(x.raw.shape))
    return make(x.level, namespace_of(x.raw).roll(x.raw, shift, _axes(x, axis)))


# -- shapes -----------------------------------------------------------------------------------------------------------


@rule("reshape")
def reshape(x: Any, shape: Any) -> Any:
    shape = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    raw = x.raw
    if -1 in shape and 0 in shape + tuple(raw.shape):
        raise VmapError("vmap: an empty array with an unknown size")
    return make(x.level, raw.reshape((raw.shape[0], *shape)))


@rule("ravel")
def _ravel(x: Any) -> Any:
    return reshape(x, -1) if x.size else reshape(x, (x.size,))


@rule("transpose")
def transpose(x: Any, axes: Any = None) -> Any:
    n = x.ndim
    axes = range(n - 1, -1, -1) if axes is None else axes
    return make(x.level, x.raw.transpose((0, *(_axis(x, a) for a in axes))))


def _moves(name: str) -> None:
    def function(x: Any, source: Any, destination: Any) -> Any:
        return make(x.level, getattr(namespace_of(x.raw), name)(x.raw, _axes(x, source), _axes(x, destination)))

    RULES[name] = function


_moves("moveaxis")
_moves("swapaxes")


@rule("expand_dims")
def _expand_dims(x: Any, axis: Any) -> Any:
    several = tuple(axis) if isinstance(axis, tuple | list) else (axis,)
    return make(x.level, namespace_of(x.raw).expand_dims(x.raw, tuple(_axis(x, a, len(several)) for a in several)))


@rule("squeeze")
def _squeeze(x: Any, axis: Any = None) -> Any:
    axes = tuple(i + 1 for i, n in enumerate(x.shape) if n == 1) if axis is None else _axes(x, axis)
    return make(x.level, namespace_of(x.raw).squeeze(x.raw, axes))


@rule("broadcast_to")
def _broadcast_to(x: Any, shape: Any) -> Any:
    shape = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    raw = x.raw
    raw = raw.reshape(raw.shape[:1] + (1,) * (len(shape) - x.ndim) + tuple(raw.shape[1:]))
    return make(x.level, namespace_of(raw).broadcast_to(raw, (raw.shape[0], *shape)))


def _joined(name: str, extra: int) -> None:
    def function(arrays: Any, axis: int = 0, **kwargs: Any) -> Any:
        level = top(*arrays)
        raws = [lifted(a, level) for a in arrays]
        first = max(arrays, key=lambda a: a.ndim)
        return make(level, getattr(namespace_of(*raws), name)(raws, axis=_axis(first, axis, extra), **kwargs))

    RULES[name] = function


_joined("concatenate", 0)
_joined("stack", 1)


@rule("pad")
def _pad(x: Any, width: Any, *args: Any, **kwargs: Any) -> Any:
    if isinstance(width, int):
        width = ((width, width),) * x.ndim
    return make(x.level, namespace_of(x.raw).pad(x.raw, ((0, 0), *width), *args, **kwargs))


@rule("repeat")
def _repeat(x: Any, repeats: Any, axis: Any = None) -> Any:
    if level_of(repeats):
        raise dynamic("repeat_interleave")
    raw = x.raw if axis is not None else x.raw.reshape(x.raw.shape[0], -1)
    return make(x.level, namespace_of(raw).repeat(raw, repeats, 1 if axis is None else _axis(x, axis)))


@rule("tile")
def _tile(x: Any, reps: Any) -> Any:
    reps = tuple(reps) if isinstance(reps, tuple | list) else (reps,)
    raw = x.raw
    if len(reps) > x.ndim:
        raw = raw.reshape(raw.shape[:1] + (1,) * (len(reps) - x.ndim) + tuple(raw.shape[1:]))
    return make(x.level, namespace_of(raw).tile(raw, (1, *(1,) * (raw.ndim - 1 - len(reps)), *reps)))


@rule("tril", "triu")
def _triangle(name: str, x: Any, k: int = 0) -> Any:
    return make(x.level, getattr(namespace_of(x.raw), name)(x.raw, k))


@rule("diagonal", "trace")
def _diagonal(name: str, x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, **kwargs: Any) -> Any:
    function = getattr(namespace_of(x.raw), name)
    return make(x.level, function(x.raw, offset, _axis(x, axis1), _axis(x, axis2), **kwargs))


@rule("as_strided")
def _as_strided(x: Any, shape: Any, strides: Any) -> Any:
    raw = x.raw
    return make(x.level, namespace_of(raw).as_strided(raw, (raw.shape[0], *shape), (raw.strides[0], *strides)))


# -- looking up -------------------------------------------------------------------------------------------------------


@rule("take")
def _take(x: Any, where: Any, axis: Any = None) -> Any:
    if axis is None:
        x, axis = x.reshape(-1), 0
    axis = axis % max(x.ndim, 1)
    return getitem(x, (slice(None),) * axis + (where,))


@rule("take_along_axis")
def _take_along_axis(x: Any, where: Any, axis: int) -> Any:
    level = top(x, where)
    raws = [lifted(v, level) for v in (x, where)]
    return make(level, namespace_of(*raws).take_along_axis(*raws, axis=_axis(x, axis)))


@rule("put_along_axis")
def _put_along_axis(x: Any, where: Any, values: Any, axis: int) -> None:
    level = top(x, where, values)
    if level_of(x) != level.id:
        raise TypeError("an array that is the same for all examples cannot hold values that differ")
    if type(values) in tables:
        values = aligned(level, (values, x))[0]
    namespace_of(x.raw).put_along_axis(x.raw, lifted(where, level), values, axis=_axis(x, axis))


@rule("nonzero", "argwhere", "flatnonzero", "unique", "compress", "extract")
def _dynamic(name: str, *args: Any, **kwargs: Any) -> Any:
    raise dynamic(name)


# -- new arrays -------------------------------------------------------------------------------------------------------


def new(name: str, inner: Any, shape: Any, *args: Any, **kwargs: Any) -> Any:
    """A buffer that the body of an operation fills: one for each example."""
    shape = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    levels = running.buffers
    a = getattr(inner, name)((*(level.size for level in reversed(levels)), *shape), *args, **kwargs)
    for level in levels:
        a = make(level, a)
    return a


@rule("zeros_like", "ones_like", "empty_like", "full_like")
def _like(name: str, x: Any, *args: Any, shape: Any = None, **kwargs: Any) -> Any:
    level = top(x, *args)
    raws = aligned(level, (x, *args))
    if shape is not None:
        kwargs["shape"] = (level.size, *shape)
    return make(level, getattr(namespace_of(*raws), name)(*raws, **kwargs))


@rule("asarray", "array", "ascontiguousarray", "copy", "asanyarray")
def _array(name: str, x: Any, *args: Any, **kwargs: Any) -> Any:
    return make(x.level, getattr(namespace_of(x.raw), name)(x.raw, *args, **kwargs))


# -- groups of functions ----------------------------------------------------------------------------------------------


class Linalg:
    """``xp.linalg``: NumPy's functions take stacks of matrices."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._inner, name)
        if name in _STACKS:
            return functools.partial(_of_stack, name, function)
        return functools.partial(passed, function)


_STACKS = ("det", "slogdet", "inv", "cholesky", "qr", "svd", "svdvals", "eigh", "eigvalsh", "eig", "eigvals", "pinv",
           "matrix_power", "solve")  # fmt: skip


def _of_stack(name: str, function: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    if not batched(x, args, kwargs):
        return function(x, *args, **kwargs)
    level = top(x, *args)
    own = getattr(namespace_of(*(v.raw if level_of(v) == level.id else v for v in (x, *args))).linalg, name)
    if name == "solve":
        b = args[0]
        vector = b.ndim == 1
        if vector:
            b = b.reshape(b.shape[0], 1)
        out = own(*aligned(level, (x, b)))
        return make(level, out.squeeze(-1) if vector else out)
    return wrapped(level, own(x.raw, *args, **kwargs))


class FFT:
    """``xp.fft``: the axes move by one."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._inner, name)

        def call(x: Any, *args: Any, **kwargs: Any) -> Any:
            if not batched(x, args, kwargs):
                return function(x, *args, **kwargs)
            own = getattr(namespace_of(x.raw).fft, name)
            if "shift" in name:
                axes = kwargs.pop("axes", args[0] if args else None)
                return make(x.level, own(x.raw, _axes(x, axes)))
            if name.endswith(("n", "2")):
                size = kwargs.pop("s", args[0] if args else None)
                usual = (-2, -1) if name.endswith("2") else None
                axes = kwargs.pop("axes", args[1] if len(args) > 1 else usual)
                if axes is None:
                    axes = range(x.ndim) if size is None else range(x.ndim - len(size), x.ndim)
                return make(x.level, own(x.raw, size, _axes(x, tuple(axes)), *args[2:], **kwargs))
            n = kwargs.pop("n", args[0] if args else None)
            axis = kwargs.pop("axis", args[1] if len(args) > 1 else -1)
            return make(x.level, own(x.raw, n, _axis(x, axis), *args[2:], **kwargs))

        return call


def batched(*values: Any) -> bool:
    """Whether a batched array is somewhere in the values."""
    for v in values:
        if isinstance(v, BatchedArray):
            return True
        if isinstance(v, tuple | list) and batched(*v):
            return True
        if isinstance(v, dict) and batched(*v.values()):
            return True
    return False


def passed(function: Any, *args: Any, **kwargs: Any) -> Any:
    """A function that has no rule, on arrays that are the same for all examples."""
    if batched(args, kwargs):
        raise VmapError(f"vmap: no rule for {getattr(function, '__name__', function)}")
    return function(*args, **kwargs)


class BatchedNamespace:
    """The array namespace of a class of batched arrays; ``inner`` is that of the arrays it holds."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        value = self._made(name)
        setattr(self, name, value)
        return value

    def _made(self, name: str) -> Any:
        inner = getattr(self._inner, name)
        if name in RULES:
            own = RULES[name]

            def choose(*args: Any, **kwargs: Any) -> Any:
                return own(*args, **kwargs) if batched(args, kwargs) else inner(*args, **kwargs)

            return choose
        if name in ("zeros", "ones", "empty", "full"):
            return lambda shape, *args, **kwargs: (
                new(name, self._inner, shape, *args, **kwargs)
                if running.buffers else inner(shape, *args, **kwargs)
            )  # fmt: skip
        if name == "linalg":
            return Linalg(inner)
        if name == "fft":
            return FFT(inner)
        if isinstance(inner, Ufunc) or (hasattr(inner, "nin") and hasattr(inner, "reduce")):
            return _MaybeUfunc(name, inner)
        if name in _ELEMENTWISE or hasattr(inner, "nin"):
            return lambda *args, **kwargs: (
                elementwise(name, *args, **kwargs) if batched(args, kwargs) else inner(*args, **kwargs)
            )
        if callable(inner) and not isinstance(inner, type):
            return functools.partial(passed, inner)
        return inner


class _MaybeUfunc(Ufunc):
    """A universal function: the batched one for batched arrays, else the array library's own."""

    nin = 2  # what tells the namespace of the next level that this is a universal function

    def __init__(self, name: str, inner: Any) -> None:
        super().__init__(name)
        self.inner = inner

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if batched(args, kwargs):
            return elementwise(self.name, *args, **kwargs)
        return self.inner(*args, **kwargs)

    def reduce(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(x, BatchedArray):
            return super().reduce(x, *args, **kwargs)
        return self.inner.reduce(x, *args, **kwargs)

    def accumulate(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(x, BatchedArray):
            return super().accumulate(x, *args, **kwargs)
        return self.inner.accumulate(x, *args, **kwargs)


_ELEMENTWISE = {
    "clip", "erf", "erfc", "erfinv", "nan_to_num", "isclose", "round", "around", "real", "imag", "angle", "abs",
    "sinc", "i0", "fix", "isneginf", "isposinf", "real_if_close", "lgamma", "gammaln", "digamma", "polygamma", "zeta",
    "ndtr", "ndtri", "log_ndtr", "erfcx", "i0e", "i1", "i1e", "expit", "logit", "j0", "j1", "y0", "y1", "bitwise_not",
    "absolute", "sqrt", "exp", "log", "expm1", "log1p", "rint", "sign", "negative", "subtract", "isnan", "isinf",
    "isfinite", "multiply", "add", "true_divide", "floor_divide", "power", "remainder", "maximum", "minimum", "equal",
    "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and", "logical_or", "logical_not", "invert",
}  # fmt: skip
"""Elementwise functions that are not universal functions in every array library."""

BatchedArray.rules = type("Functions", (), {
    "getitem": staticmethod(getitem), "setitem": staticmethod(setitem), "elementwise": staticmethod(elementwise),
    "matmul": staticmethod(lambda x, y: RULES["matmul"](x, y)),  # products.py builds on this file
    "reshape": staticmethod(reshape), "transpose": staticmethod(transpose),
})  # fmt: skip
