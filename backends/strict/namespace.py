"""The array namespace of the strict device: NumPy's functions, as far as CuPy has them, with CuPy's manners."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..capture import Place, refuse_upload
from ..constants import Constants
from . import cupy_api
from .array import SCALARS, StrictArray, from_host, refuse, wrap, wrap_result
from .indexing import host_index
from .recording import recordable, scalar_from_host
from .sync import declare_synchronize
from .ufunc import ufunc

_SYNCHRONIZES = frozenset(
    [
        "argwhere",
        "array_repr",
        "array_str",
        "average",
        "bincount",
        "compress",
        "delete",
        "extract",
        "flatnonzero",
        "histogram",
        "histogram2d",
        "histogramdd",
        "intersect1d",
        "nonzero",
        "percentile",
        "quantile",
        "nanmedian",
        "ravel_multi_index",
        "setdiff1d",
        "setxor1d",
        "trim_zeros",
        "union1d",
        "unique",
        "unique_all",
        "unique_counts",
        "unique_inverse",
        "unique_values",
    ]
)
"""Functions whose result has a size that the host must read from the device."""

_HOST_ANSWERS = frozenset(
    [
        "base_repr",
        "binary_repr",
        "broadcast_shapes",
        "can_cast",
        "common_type",
        "finfo",
        "iinfo",
        "iscomplexobj",
        "isdtype",
        "isfortran",
        "isrealobj",
        "isscalar",
        "issubdtype",
        "iterable",
        "may_share_memory",
        "min_scalar_type",
        "mintypecode",
        "ndim",
        "promote_types",
        "result_type",
        "shape",
        "shares_memory",
        "size",
        "typename",
        "get_printoptions",
        "set_printoptions",
        "printoptions",
        "array2string",
        "array_repr",
        "array_str",
        "format_float_positional",
        "format_float_scientific",
    ]
)
"""Functions that answer from shapes and dtypes, so give host values."""

_TAKES_LISTS = frozenset(["array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray", "ix_"])
"""Functions that make an array of any data, NumPy arrays and lists included."""

_ARRAY_NAMES = frozenset(
    [
        "a",
        "a1",
        "a2",
        "x",
        "y",
        "arr",
        "ary",
        "array",
        "m",
        "ar",
        "b",
        "f",
        "p",
        "z",
        "v",
        "c",
        "condition",
        "fromarray",
        "obj",
    ]
)
"""Parameters that stand for an array."""


def _unwrap(name: str, x: Any, strict: bool, parents: list[StrictArray]) -> Any:
    """Arguments for NumPy; ``strict`` refuses host arrays and lists of numbers where CuPy wants a device array."""
    if type(x) is StrictArray:
        parents.append(x)
        return x._h
    if isinstance(x, np.ndarray):
        refuse(name, x)
    if isinstance(x, list | tuple):
        before = len(parents)
        parts = [_unwrap(name, item, False, parents) for item in x]
        if strict and len(parents) == before:
            refuse(name, x)
        return type(x)(parts) if type(x) in (list, tuple) else x
    return x


def _wrap_all(value: Any, parents: tuple[StrictArray, ...]) -> Any:
    if isinstance(value, np.ndarray):
        return wrap_result(value, parents)
    if isinstance(value, bool | int | float | complex | np.generic):
        return wrap(np.asarray(value))
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_wrap_all(v, parents) for v in value))
    if isinstance(value, list | tuple):
        return type(value)(_wrap_all(v, parents) for v in value)
    return value


def _parameters(text: str) -> tuple[list[str], bool]:
    """The names of a function's parameters, and whether it takes any keyword."""
    return [word for word in text.split() if not word.startswith("*")], "**" in text


class StrictFunction:
    """One function of CuPy, computed by NumPy: CuPy's parameters only, device arrays only, 0-d arrays for scalars."""

    def __init__(self, name: str, host: Callable[..., Any], parameters: str) -> None:
        self.__name__ = name
        self._host = host
        self._names, self._any_keyword = _parameters(parameters)
        first = self._names[:1]
        self._strict_first = bool(first) and first[0] in _ARRAY_NAMES and name not in _TAKES_LISTS

    def __repr__(self) -> str:
        return f"<function strict.{self.__name__}>"

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        name = self.__name__
        if not self._any_keyword:
            for keyword in keywords:
                if keyword not in self._names:
                    raise TypeError(f"{name}() got an unexpected keyword argument {keyword!r}: CuPy's has none")
        parents: list[StrictArray] = []
        out = keywords.get("out")
        hosts = [_unwrap(name, x, self._strict_first and i == 0, parents) for i, x in enumerate(args)]
        named = {k: _unwrap(name, v, False, parents) for k, v in keywords.items()}
        if name in _SYNCHRONIZES:
            declare_synchronize(name)
        with np.errstate(all="ignore"):  # CuPy says nothing of inf and nan
            value = self._host(*hosts, **named)
        if name in _HOST_ANSWERS:
            return value
        if type(out) is StrictArray:
            return out
        return _wrap_all(value, tuple(parents))


def _array(a: Any, dtype: Any = None, copy: bool | None = None, order: Any = "K", ndmin: int = 0) -> StrictArray:
    """CuPy's ``array``: of device arrays, of numbers and sequences of them, of NumPy arrays (which it copies over)."""
    if type(a) is StrictArray:
        same = dtype is None or a.dtype == np.dtype(dtype)
        host = np.array(a._h, dtype=dtype, order=order, ndmin=ndmin, copy=None if same and not copy else True)
        return a if host is a._h else wrap_result(host, (a,))
    if isinstance(a, list | tuple):
        a = _nested(a)
    host = np.array(a, dtype=dtype, ndmin=ndmin, copy=None)
    if not host.ndim:
        return scalar_from_host(host)
    refuse_upload("array()")
    return from_host(host)


def _nested(items: Any) -> Any:
    if type(items) is StrictArray:
        return items._h
    return [_nested(i) for i in items] if isinstance(items, list | tuple) else items


def array(
    obj: Any, dtype: Any = None, copy: bool = True, order: Any = "K", subok: bool = False, ndmin: int = 0
) -> StrictArray:
    """A new device array of ``obj``."""
    return _array(obj, dtype, copy, order, ndmin)


def asarray(a: Any, dtype: Any = None, order: Any = None, *, copy: bool | None = None) -> StrictArray:
    """``a`` as a device array; a copy only where one is needed."""
    return _array(a, dtype, copy, order or "K")


def asnumpy(a: Any) -> np.ndarray:
    """The values on the host."""
    return a.get() if type(a) is StrictArray else np.asarray(a)


def where(condition: StrictArray, x: Any = None, y: Any = None) -> Any:
    """Elements of ``x`` where ``condition`` holds, else of ``y``; with the condition alone its `nonzero`."""
    if (x is None) != (y is None):
        raise ValueError("Must provide both 'x' and 'y' or neither.")
    if type(condition) is not StrictArray:
        refuse("where", condition)
    if x is None:
        return condition.nonzero()
    for value in (x, y):
        if type(value) is not StrictArray and not isinstance(value, SCALARS):
            refuse("where", value)
    hosts = [v._h if type(v) is StrictArray else v for v in (x, y)]
    return wrap(np.where(condition._h.astype(bool, copy=False), *hosts))


def clip(a: StrictArray, a_min: Any = None, a_max: Any = None, out: StrictArray | None = None) -> StrictArray:
    """Values limited to ``[a_min, a_max]``."""
    parents: list[StrictArray] = []
    a_h, low, high = (_unwrap("clip", v, False, parents) for v in (a, a_min, a_max))
    if out is None:
        return wrap(np.clip(a_h, low, high))
    np.clip(a_h, low, high, out=out._h)
    return out


def take(a: StrictArray, indices: Any, axis: int | None = None, out: StrictArray | None = None) -> StrictArray:
    """Elements along ``axis``; indices out of range wrap round."""
    host = indices._h if type(indices) is StrictArray else np.asarray(indices)
    result = np.asarray(np.take(a._h, host, axis=axis, mode="wrap"))
    if out is None:
        return wrap(result)
    out[...] = wrap(result)
    return out


def take_along_axis(a: StrictArray, indices: StrictArray, axis: int | None) -> StrictArray:
    """Elements that ``indices`` names along ``axis``; out of range they wrap round."""
    source = a._h.ravel() if axis is None else a._h
    which = 0 if axis is None else axis
    size = source.shape[which]
    wrapped = np.remainder(indices._h, size) if size else indices._h
    return wrap(np.take_along_axis(source, wrapped, which))


def put(a: StrictArray, ind: Any, v: Any, mode: Any = "wrap") -> None:
    """``a.ravel()[ind] = v``."""
    if mode == "raise":
        declare_synchronize("put(mode='raise')")
    parents: list[StrictArray] = []
    index, values = (_unwrap("put", x, False, parents) for x in (ind, v))
    np.put(a._h, index, values, mode=mode)


def repeat(a: StrictArray, repeats: Any, axis: int | None = None) -> StrictArray:
    """Each element ``repeats`` times."""
    if type(repeats) is StrictArray:
        declare_synchronize("repeat with an array of counts")
        repeats = repeats._h
    return wrap(np.repeat(a._h, repeats, axis))


def matmul(a: StrictArray, b: StrictArray, *, out: StrictArray | None = None) -> StrictArray:
    """Matrix product. float16 and bfloat16 are summed in float32, as the device does it."""
    for x in (a, b):
        if type(x) is not StrictArray:
            refuse("matmul", x)
    dtype = np.result_type(a._h, b._h)
    half = dtype.name in ("float16", "bfloat16")
    hosts = [x._h.astype(np.float32) if half else x._h for x in (a, b)]
    result = np.asarray(np.matmul(*hosts)).astype(dtype, copy=False)
    if out is None:
        return wrap(result)
    out[...] = wrap(result)
    return out


def as_strided(x: StrictArray, shape: tuple[int, ...], strides: tuple[int, ...]) -> StrictArray:
    """A view of ``x`` with these sizes and strides in bytes, starting at its first element."""
    return wrap(np.lib.stride_tricks.as_strided(x._h, shape, strides), x)


def scatter_add(x: StrictArray, index: Any, values: Any) -> None:
    """``x[index] += values`` in place; repeated positions add up. float16 and bfloat16 are summed in float32."""
    host, _ = host_index(x.shape, index, "scatter_add")
    if type(values) is not StrictArray and not isinstance(values, SCALARS):
        refuse("scatter_add", values)
    added = values._h if type(values) is StrictArray else values
    if x.dtype.name in ("float16", "bfloat16"):
        total = x._h.astype(np.float32)
        np.add.at(total, host, added)
        x._h[...] = total
    else:
        np.add.at(x._h, host, np.asarray(added).astype(x.dtype, copy=False))


def erf(x: StrictArray) -> StrictArray:
    """The error function."""
    from ..numpy.namespace import erf as host

    return wrap(host(x._h))


def random_bits(seed: int, counter: int, n: int, like: StrictArray | None = None) -> StrictArray:
    """``n`` words of 32 random bits (Philox 4x64-10)."""
    from ..numpy.namespace import random_bits as host

    if type(counter) is Place:
        seed, first = counter.origin._h.tolist()
        counter = (first + int(counter)) & 0xFFFFFFFFFFFFFFFF
    return wrap(host(seed, counter, n, None))


_OWN = {
    f.__name__: recordable(f)
    for f in (array, asarray, asnumpy, where, clip, take, take_along_axis, put, repeat, matmul)
}
_EXTRAS = {f.__name__: recordable(f) for f in (as_strided, scatter_add, erf, random_bits)}


class _Part:
    """``xp.linalg`` or ``xp.fft``."""

    def __init__(self, name: str, host: Any, names: dict[str, str]) -> None:
        self._name = name
        self._host = host
        self._names = names

    def __getattr__(self, name: str) -> Any:
        if name == "LinAlgError":
            return np.linalg.LinAlgError
        if name not in self._names:
            raise AttributeError(f"CuPy {cupy_api.VERSION} has no {self._name}.{name}")
        value = StrictFunction(name, getattr(self._host, name), self._names[name])
        setattr(self, name, value)
        return value


class Namespace:
    """``xp`` of the strict device. A name is looked up once and kept; one that CuPy lacks raises AttributeError."""

    ndarray = StrictArray
    asanyarray = staticmethod(_OWN["asarray"])
    constant = Constants(_OWN["asarray"])
    linalg = _Part("linalg", np.linalg, cupy_api.LINALG)
    fft = _Part("fft", np.fft, cupy_api.FFT)

    def __getattr__(self, name: str) -> Any:
        value = _make(name)
        setattr(self, name, value)
        return value


def _make(name: str) -> Any:
    if name in _OWN:
        return _OWN[name]
    if name in _EXTRAS:
        return _EXTRAS[name]
    if name in cupy_api.UFUNCS:
        return ufunc(name)
    if name in cupy_api.FUNCTIONS:
        return StrictFunction(name, getattr(np, name), cupy_api.FUNCTIONS[name])
    if name in cupy_api.CONSTANTS:
        return getattr(np, name)
    raise AttributeError(
        f"CuPy {cupy_api.VERSION} has no {name!r} that NumPy has too; the strict device offers only what runs on cuda"
    )


xp = Namespace()
