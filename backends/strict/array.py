"""StrictArray: a NumPy array behind the interface and the restrictions of ``cupy.ndarray``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from ..capture import refuse_upload
from .indexing import host_index
from .memory import memory
from .sync import declare_synchronize

SCALARS = (bool, int, float, complex, np.generic)
"""What may stand beside a device array in an operation."""

_ATOMIC_ADD = frozenset("iIlLqQefd")
"""Characters of the dtypes that CuPy can add with repeated indices."""


def refuse(what: str, x: Any) -> NoReturn:
    """Raise CuPy's error for an operand that is not on the device."""
    kind = type(x)
    raise TypeError(
        f"{what}: Unsupported type {kind}. A strict array, like a CuPy array, mixes with arrays of its device and with "
        "numbers only; copy other arrays to the device first"
    )


class Pointer:
    """Where an array begins (``array.data.ptr``)."""

    __slots__ = ("ptr",)

    def __init__(self, ptr: int) -> None:
        self.ptr = ptr


class Flags:
    """The flags CuPy has: ``c_contiguous``, ``f_contiguous``, ``owndata``, ``fnc``, ``forc``."""

    __slots__ = ("c_contiguous", "f_contiguous", "owndata")

    def __init__(self, c_contiguous: bool, f_contiguous: bool, owndata: bool) -> None:
        self.c_contiguous = c_contiguous
        self.f_contiguous = f_contiguous
        self.owndata = owndata

    @property
    def fnc(self) -> bool:
        """Fortran and not C contiguous."""
        return self.f_contiguous and not self.c_contiguous

    @property
    def forc(self) -> bool:
        """Fortran or C contiguous."""
        return self.f_contiguous or self.c_contiguous

    def __getitem__(self, name: str) -> bool:
        return getattr(self, name.lower())

    def __repr__(self) -> str:
        return "\n".join(f"  {n.upper()} : {getattr(self, n)}" for n in self.__slots__)


@functools.cache
def _ufunc(name: str) -> Callable[..., Any]:
    from .ufunc import ufunc

    return ufunc(name)


def _operand(x: Any) -> bool:
    """Whether an operator takes ``x``; False leaves it to the other operand's class."""
    if isinstance(x, np.ndarray):
        refuse("operator", x)
    return type(x) is StrictArray or isinstance(x, SCALARS)


def _binary(name: str) -> Callable[[Any, Any], Any]:
    def operator(self: Any, other: Any) -> Any:
        return _ufunc(name)(self, other) if _operand(other) else NotImplemented

    return operator


def _reflected(name: str) -> Callable[[Any, Any], Any]:
    def operator(self: Any, other: Any) -> Any:
        return _ufunc(name)(other, self) if _operand(other) else NotImplemented

    return operator


def _in_place(name: str) -> Callable[[Any, Any], Any]:
    def operator(self: Any, other: Any) -> Any:
        return _ufunc(name)(self, other, out=self) if _operand(other) else NotImplemented

    return operator


def _unary(name: str) -> Callable[[Any], Any]:
    def operator(self: Any) -> Any:
        return _ufunc(name)(self)

    return operator


class StrictArray:
    """An array on the strict device.

    It wraps a NumPy array and behaves as ``cupy.ndarray`` does: it refuses NumPy arrays and implicit conversion,
    reductions and full indexing give 0-d arrays, integer arrays out of range wrap round in an index, and each time the
    host reads a value is counted (`sync_count`).

    Example:
        >>> from nnlite.backends.strict import StrictArray, sync_count
        >>> x = StrictArray((2, 3), dtype="float32")
        >>> x.fill(1)
        >>> total = x.sum()
        >>> total.shape, total.item(), sync_count.last
        ((), 6.0, 'item')
    """

    __slots__ = ("__weakref__", "_base", "_h")

    _h: np.ndarray
    _base: StrictArray | None

    __array_ufunc__ = None
    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]

    def __new__(cls, shape: Any, dtype: Any = np.float64, order: str = "C") -> StrictArray:
        return wrap(np.empty(shape, dtype, order))  # type: ignore[call-overload]

    def _view(self, h: np.ndarray) -> StrictArray:
        return wrap(h, self)

    # Facts

    @property
    def shape(self) -> tuple[int, ...]:
        return self._h.shape

    @property
    def dtype(self) -> np.dtype:
        return self._h.dtype

    @property
    def ndim(self) -> int:
        return self._h.ndim

    @property
    def size(self) -> int:
        return self._h.size

    @property
    def itemsize(self) -> int:
        return self._h.itemsize

    @property
    def nbytes(self) -> int:
        return self._h.nbytes

    @property
    def strides(self) -> tuple[int, ...]:
        return self._h.strides

    @property
    def flags(self) -> Flags:
        flags = self._h.flags
        return Flags(flags.c_contiguous, flags.f_contiguous, self._base is None)

    @property
    def base(self) -> StrictArray | None:
        """The array that owns the memory, where this one is a view."""
        return self._base

    @property
    def data(self) -> Pointer:
        return Pointer(self._h.ctypes.data)

    def __len__(self) -> int:
        if not self._h.ndim:
            raise TypeError("len() of unsized object")
        return self._h.shape[0]

    def __iter__(self) -> Iterator[StrictArray]:
        if not self._h.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(self._h.shape[0]))

    # Conversion to the host

    def __array__(self, *args: Any, **keywords: Any) -> NoReturn:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array "
            "explicitly."
        )

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> NoReturn:
        raise TypeError(f"numpy.{function.__name__} does not take strict arrays; use the function of the device's xp")

    def __dlpack__(self, **keywords: Any) -> NoReturn:
        raise BufferError("a strict array is not exported by DLPack; copy it to the host first")

    def __dlpack_device__(self) -> NoReturn:
        raise BufferError("a strict array is not exported by DLPack; copy it to the host first")

    def get(self, stream: Any = None, order: Any = "C", out: np.ndarray | None = None, blocking: bool = True) -> Any:
        """A copy on the host."""
        declare_synchronize("get")
        if out is None:
            return np.array(self._h, order=order, copy=True)
        if out.shape != self.shape or out.dtype != self.dtype:
            raise ValueError(f"get: expected out of shape {self.shape} and dtype {self.dtype}")
        np.copyto(out, self._h)
        return out

    def set(self, arr: np.ndarray, stream: Any = None) -> None:
        """Copy a NumPy array of the same shape and dtype into this array."""
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to a strict array")
        refuse_upload("set()")
        if arr.dtype != self.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
        if arr.shape != self.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        np.copyto(self._h, arr)

    def item(self) -> Any:
        declare_synchronize("item")
        return self._h.item()

    def tolist(self) -> Any:
        declare_synchronize("tolist")
        return self._h.tolist()

    def tobytes(self, order: Any = "C") -> bytes:
        declare_synchronize("tobytes")
        return self._h.tobytes(order)

    def __bool__(self) -> bool:
        declare_synchronize("bool()")
        return bool(self._h)

    def __int__(self) -> int:
        declare_synchronize("int()")
        return int(self._h.item())

    def __float__(self) -> float:
        declare_synchronize("float()")
        return float(self._h.item())

    def __complex__(self) -> complex:
        declare_synchronize("complex()")
        return complex(self._h.item())

    def __repr__(self) -> str:
        declare_synchronize("repr()")
        return repr(self._h)

    def __str__(self) -> str:
        declare_synchronize("str()")
        return str(self._h)

    def __format__(self, spec: str) -> str:
        declare_synchronize("format()")
        return format(self._h, spec)

    def __reduce__(self) -> tuple[Any, ...]:
        return from_host, (self.get(order="A"),)

    def __copy__(self) -> StrictArray:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> StrictArray:
        return self.copy()

    # Index

    def __getitem__(self, key: Any) -> StrictArray:
        index, arrays = host_index(self._h.shape, key, "indexing")
        if arrays:
            return wrap(np.array(self._h[index]))
        return self._view(self._h[index if Ellipsis in index else (*index, Ellipsis)])

    def __setitem__(self, key: Any, value: Any) -> None:
        index, _ = host_index(self._h.shape, key, "assignment")
        if type(value) is StrictArray:
            value = value._h
        elif not isinstance(value, SCALARS):
            refuse("assignment", value)
        self._h[index] = value

    def _scatter(self, host_ufunc: Any, name: str, key: Any, value: Any) -> None:
        """``ufunc.at``, for the dtypes that CuPy has atomic operations for."""
        allowed = _ATOMIC_ADD if name == "add" else _ATOMIC_ADD - {"e"}
        if self.dtype.char not in allowed:
            raise TypeError(f"CuPy's {name}.at does not take {self.dtype}; use xp.scatter_add")
        index, _ = host_index(self._h.shape, key, f"{name}.at")
        if type(value) is not StrictArray and not isinstance(value, SCALARS):
            refuse(f"{name}.at", value)
        host = value._h.astype(self.dtype, copy=False) if type(value) is StrictArray else self.dtype.type(value)
        host_ufunc.at(self._h, index, host)

    # Operators

    __add__, __radd__, __iadd__ = _binary("add"), _reflected("add"), _in_place("add")
    __sub__, __rsub__, __isub__ = _binary("subtract"), _reflected("subtract"), _in_place("subtract")
    __mul__, __rmul__, __imul__ = _binary("multiply"), _reflected("multiply"), _in_place("multiply")
    __truediv__, __rtruediv__ = _binary("true_divide"), _reflected("true_divide")
    __itruediv__ = _in_place("true_divide")
    __floordiv__, __rfloordiv__ = _binary("floor_divide"), _reflected("floor_divide")
    __ifloordiv__ = _in_place("floor_divide")
    __mod__, __rmod__, __imod__ = _binary("remainder"), _reflected("remainder"), _in_place("remainder")
    __divmod__, __rdivmod__ = _binary("divmod"), _reflected("divmod")
    __pow__, __rpow__, __ipow__ = _binary("power"), _reflected("power"), _in_place("power")
    __lshift__, __rlshift__, __ilshift__ = _binary("left_shift"), _reflected("left_shift"), _in_place("left_shift")
    __rshift__, __rrshift__, __irshift__ = _binary("right_shift"), _reflected("right_shift"), _in_place("right_shift")
    __and__, __rand__, __iand__ = _binary("bitwise_and"), _reflected("bitwise_and"), _in_place("bitwise_and")
    __or__, __ror__, __ior__ = _binary("bitwise_or"), _reflected("bitwise_or"), _in_place("bitwise_or")
    __xor__, __rxor__, __ixor__ = _binary("bitwise_xor"), _reflected("bitwise_xor"), _in_place("bitwise_xor")
    __lt__, __le__, __gt__, __ge__ = (_binary(n) for n in ("less", "less_equal", "greater", "greater_equal"))
    __eq__, __ne__ = _binary("equal"), _binary("not_equal")
    __neg__, __pos__, __abs__, __invert__ = (_unary(n) for n in ("negative", "positive", "absolute", "invert"))

    def __matmul__(self, other: Any) -> Any:
        if type(other) is not StrictArray:
            return refuse("matmul", other) if isinstance(other, np.ndarray) else NotImplemented
        if max(self.ndim, other.ndim) > 2 and "bfloat16" in (self.dtype.name, other.dtype.name):
            raise TypeError("matmul: CuPy's @ has no bfloat16 for more than two dimensions; use xp.matmul")
        return wrap(np.matmul(self._h, other._h))

    # Shape

    @property
    def T(self) -> StrictArray:
        return self._view(self._h.T)

    @property
    def mT(self) -> StrictArray:
        if self.ndim < 2:
            raise ValueError("matrix transpose with ndim < 2 is undefined")
        return self._view(self._h.swapaxes(-1, -2))

    def reshape(self, *shape: Any, order: Any = "C") -> StrictArray:
        return wrap_result(self._h.reshape(*shape, order=order), (self,))

    def transpose(self, *axes: Any) -> StrictArray:
        return self._view(self._h.transpose(*axes))

    def swapaxes(self, axis1: int, axis2: int) -> StrictArray:
        return self._view(self._h.swapaxes(axis1, axis2))

    def ravel(self, order: Any = "C") -> StrictArray:
        return wrap_result(self._h.ravel(order), (self,))

    def flatten(self, order: Any = "C") -> StrictArray:
        return wrap(self._h.flatten(order))

    def squeeze(self, axis: Any = None) -> StrictArray:
        return self._view(self._h.squeeze(axis))

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> StrictArray:
        return self._view(self._h.diagonal(offset, axis1, axis2))

    def view(self, dtype: Any = None) -> StrictArray:
        return self._view(self._h.view() if dtype is None else self._h.view(dtype))

    # Copies and contents

    def astype(
        self, dtype: Any, order: Any = "K", casting: Any = "unsafe", subok: Any = None, copy: bool = True
    ) -> StrictArray:
        if not copy and self.dtype == np.dtype(dtype) and order == "K":
            return self
        return wrap(self._h.astype(dtype, order=order, casting=casting))

    def copy(self, order: Any = "C") -> StrictArray:
        return wrap(self._h.copy(order))

    def fill(self, value: Any) -> None:
        if type(value) is StrictArray:
            if value.ndim:
                raise ValueError("non-scalar array cannot be used for fill")
            value = value._h
        elif not isinstance(value, SCALARS):
            refuse("fill", value)
        self._h.fill(value)

    @property
    def real(self) -> StrictArray:
        return self._view(self._h.real) if self.dtype.kind == "c" else self

    @real.setter
    def real(self, value: Any) -> None:
        self._h.real = value._h if type(value) is StrictArray else value

    @property
    def imag(self) -> StrictArray:
        return self._view(self._h.imag) if self.dtype.kind == "c" else wrap(np.zeros_like(self._h))

    @imag.setter
    def imag(self, value: Any) -> None:
        if self.dtype.kind != "c":
            raise TypeError("cannot set the imaginary part of an array that is not complex")
        self._h.imag = value._h if type(value) is StrictArray else value

    def conj(self) -> StrictArray:
        return _ufunc("conjugate")(self) if self.dtype.kind == "c" else self

    conjugate = conj

    # Calculation

    def _reduce(self, name: str, out: StrictArray | None, **keywords: Any) -> StrictArray:
        if out is not None:
            if type(out) is not StrictArray:
                refuse(name, out)
            keywords["out"] = out._h
        with np.errstate(all="ignore"):  # CuPy says nothing of inf and nan
            result = getattr(np, name)(self._h, **keywords)
        return out if out is not None else wrap(np.asarray(result))

    def sum(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> StrictArray:
        return self._reduce("sum", out, axis=axis, dtype=dtype, keepdims=keepdims)

    def prod(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> StrictArray:
        return self._reduce("prod", out, axis=axis, dtype=dtype, keepdims=keepdims)

    def mean(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> StrictArray:
        return self._reduce("mean", out, axis=axis, dtype=dtype, keepdims=keepdims)

    def var(
        self, axis: Any = None, dtype: Any = None, out: Any = None, ddof: int = 0, keepdims: bool = False
    ) -> StrictArray:
        return self._reduce("var", out, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims)

    def std(
        self, axis: Any = None, dtype: Any = None, out: Any = None, ddof: int = 0, keepdims: bool = False
    ) -> StrictArray:
        return self._reduce("std", out, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims)

    def max(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> StrictArray:
        return self._reduce("max", out, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> StrictArray:
        return self._reduce("min", out, axis=axis, keepdims=keepdims)

    def argmax(self, axis: Any = None, out: Any = None, dtype: Any = None, keepdims: bool = False) -> StrictArray:
        return self._reduce("argmax", out, axis=axis, keepdims=keepdims)

    def argmin(self, axis: Any = None, out: Any = None, dtype: Any = None, keepdims: bool = False) -> StrictArray:
        return self._reduce("argmin", out, axis=axis, keepdims=keepdims)

    def any(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> StrictArray:
        return self._reduce("any", out, axis=axis, keepdims=keepdims)

    def all(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> StrictArray:
        return self._reduce("all", out, axis=axis, keepdims=keepdims)

    def cumsum(self, axis: Any = None, dtype: Any = None, out: Any = None) -> StrictArray:
        return self._reduce("cumsum", out, axis=axis, dtype=dtype)

    def cumprod(self, axis: Any = None, dtype: Any = None, out: Any = None) -> StrictArray:
        return self._reduce("cumprod", out, axis=axis, dtype=dtype)

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> StrictArray:
        return self.diagonal(offset, axis1, axis2).sum(-1, dtype, out)

    def clip(self, min: Any = None, max: Any = None, out: Any = None) -> StrictArray:
        return _xp().clip(self, min, max, out=out)

    def round(self, decimals: int = 0, out: Any = None) -> StrictArray:
        return self._reduce("round", out, decimals=decimals)

    def dot(self, b: Any, out: Any = None) -> StrictArray:
        return _xp().dot(self, b, out=out)

    def sort(self, axis: int = -1, kind: Any = None) -> None:
        self._h.sort(axis, kind)

    def argsort(self, axis: Any = -1, kind: Any = None) -> StrictArray:
        return wrap(np.asarray(self._h.argsort(axis, "stable")))

    def searchsorted(self, v: Any, side: Any = "left", sorter: Any = None) -> StrictArray:
        return _xp().searchsorted(self, v, side, sorter)

    def nonzero(self) -> tuple[StrictArray, ...]:
        if not self.ndim:
            raise ValueError(
                "Calling nonzero on 0d arrays is not allowed. Use xp.atleast_1d(scalar).nonzero() instead."
            )
        declare_synchronize("nonzero")
        return tuple(wrap(part) for part in self._h.nonzero())

    def take(self, indices: Any, axis: int | None = None, out: Any = None) -> StrictArray:
        return _xp().take(self, indices, axis, out=out)

    def put(self, indices: Any, values: Any, mode: Any = "wrap") -> None:
        _xp().put(self, indices, values, mode=mode)

    def repeat(self, repeats: Any, axis: int | None = None) -> StrictArray:
        return _xp().repeat(self, repeats, axis)


@functools.cache
def _xp() -> Any:
    from .namespace import xp

    return xp


def wrap(h: Any, parent: StrictArray | None = None) -> StrictArray:
    """A device array of a NumPy array (or NumPy scalar); a view of ``parent`` where one is given."""
    if type(h) is not np.ndarray:
        h = np.asarray(h)
    array = object.__new__(StrictArray)
    array._h = h
    if parent is None:
        array._base = None
        memory.add(array, h.nbytes)
    else:
        array._base = parent if parent._base is None else parent._base
        if not h.flags.writeable:
            # NumPy protects broadcast views and diagonals; CuPy does not, and neither does a device.
            h.flags.writeable = True
    return array


def wrap_result(h: np.ndarray, parents: tuple[StrictArray, ...]) -> StrictArray:
    """As `wrap`, where the result is a view of one of ``parents`` if it shares its memory, or that one itself."""
    for parent in parents:
        if h is parent._h:
            return parent
    base = h.base
    if base is not None:
        for parent in parents:
            if base is parent._h or base is parent._h.base:
                return wrap(h, parent)
        for parent in parents:
            if np.may_share_memory(h, parent._h):
                return wrap(h, parent)
    return wrap(h)


def from_host(array: np.ndarray) -> StrictArray:
    """A device array with the values of a NumPy array; always a copy."""
    host = np.array(array, copy=True, order="K", subok=False)
    if host.dtype.kind not in "biufc" and host.dtype.name != "bfloat16":
        raise ValueError(f"Unsupported dtype {host.dtype}")
    return wrap(host.astype(host.dtype.newbyteorder("="), copy=False))
