"""The array that shows one example and holds all of them."""

from __future__ import annotations

import math
import opcode
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ...backends.registry import tables
from .levels import HostArray, Level, VmapError, refuse_branch, refuse_item

_new = object.__new__
_BINARY_OP = opcode.opmap["BINARY_OP"]


class _Flags:
    """``array.flags`` of one example."""

    __slots__ = ("c_contiguous", "writeable")

    def __init__(self, array: Any) -> None:
        step = array.itemsize
        contiguous = True
        for size, stride in zip(reversed(array.shape), reversed(array.strides), strict=True):
            if size != 1 and stride != step:
                contiguous = False
                break
            step *= size
        self.c_contiguous = contiguous or not array.size
        self.writeable = True

    @property
    def f_contiguous(self) -> bool:
        return False


class BatchedArray:
    """All examples of one array; ``shape``, indices and axes are those of one example.

    Attributes:
        raw: the array of the level below, the batch as axis 0.
        level: the ``vmap`` that the batch belongs to.
    """

    __slots__ = ("__weakref__", "level", "raw")
    # NumPy's operators leave `array * batched` to the batched array; its functions refuse it.
    __array_ufunc__: Any = None

    raw: Any
    level: Level

    rules: Any = None
    """The functions of ``rules.py``; that module sets it, which stands above this one."""

    # -- what one example looks like ----------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        return self.raw.shape[1:]

    @property
    def ndim(self) -> int:
        return self.raw.ndim - 1

    @property
    def dtype(self) -> Any:
        return self.raw.dtype

    @property
    def size(self) -> int:
        return math.prod(self.raw.shape[1:])

    @property
    def itemsize(self) -> int:
        return self.raw.itemsize

    @property
    def nbytes(self) -> int:
        return self.size * self.raw.itemsize

    @property
    def strides(self) -> tuple[int, ...]:
        return self.raw.strides[1:]

    @property
    def flags(self) -> Any:
        return _Flags(self)

    @property
    def base(self) -> Any:
        return self.raw

    def __len__(self) -> int:
        if self.raw.ndim < 2:
            raise TypeError("len() of unsized object")
        return self.raw.shape[1]

    def __repr__(self) -> str:
        return f"BatchedArray(level={self.level.id}, raw={self.raw!r})"

    # -- what would need one value for all examples -------------------------------------------------------------------

    __int__ = __float__ = __complex__ = __index__ = item = tolist = refuse_item
    __bool__ = refuse_branch

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise HostArray("vmap: a batch of arrays is no NumPy array; inside vmap use nnlite's functions alone")

    def __array_function__(self, *args: Any) -> Any:
        return NotImplemented

    # -- indexing -----------------------------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Any:
        return self.rules.getitem(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        self.rules.setitem(self, index, value)

    # -- methods ------------------------------------------------------------------------------------------------------

    def reshape(self, *shape: Any, order: str = "C") -> Any:
        if order != "C":
            raise VmapError("vmap: reshape in another order than C")
        return self.rules.reshape(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Any:
        return self.rules.transpose(self, (axes[0] if len(axes) == 1 else axes) or None)

    @property
    def T(self) -> Any:
        return self.transpose()

    def astype(self, dtype: Any, copy: bool = True, **options: Any) -> Any:
        return make(self.level, self.raw.astype(dtype, copy=copy, **options))

    def copy(self, order: str = "C") -> Any:
        return make(self.level, self.raw.copy(order))

    def view(self, dtype: Any) -> Any:
        if self.raw.ndim < 2 or np.dtype(dtype).itemsize == self.raw.itemsize or self.raw.ndim > 1:
            return make(self.level, self.raw.view(dtype))
        raise VmapError("vmap: a view of another item size")

    def fill(self, value: Any) -> None:
        self[...] = value

    @property
    def real(self) -> Any:
        return make(self.level, self.raw.real)

    @real.setter
    def real(self, value: Any) -> None:
        make(self.level, self.raw.real)[...] = value

    @property
    def imag(self) -> Any:
        return make(self.level, self.raw.imag)

    @imag.setter
    def imag(self, value: Any) -> None:
        make(self.level, self.raw.imag)[...] = value

    def conj(self) -> Any:
        return make(self.level, self.raw.conj())

    conjugate = conj


def make(level: Level, raw: Any) -> Any:
    """The array of ``level`` whose examples stand along axis 0 of ``raw``."""
    a = _new(class_for(type(raw)))
    a.raw = raw
    a.level = level
    return a


_classes: dict[type, type[BatchedArray]] = {}

hooks: dict[str, Callable[[type[BatchedArray], type], None]] = {}
"""``"register"`` puts a new class into the table of backends; ``table.py`` sets it."""


def class_for(inner: type) -> type[BatchedArray]:
    """The class of batched arrays over arrays of the class ``inner``: an array's class decides what computes on it."""
    found = _classes.get(inner)
    if found is None:
        found = type(f"Batched_{inner.__name__}", (BatchedArray,), {"__slots__": ()})
        hooks["register"](found, inner)
        _classes[inner] = found
    return found


def level_of(value: Any) -> int:
    """The number of a value's level; 0 for what is the same for all examples."""
    return value.level.id if isinstance(value, BatchedArray) else 0


def namespace_of(*arrays: Any) -> Any:
    """The namespace whose functions take these arrays together."""
    best, high = None, -1
    for a in arrays:
        if type(a) in tables:
            n = level_of(a)
            if n > high:
                best, high = a, n
    return tables[type(best)].backend_.xp


_FIRST_IN_PLACE, _LAST_IN_PLACE = 13, 25
"""The numbers of ``+=`` to ``^=`` as arguments of Python's instruction BINARY_OP."""


def check_left(other: Any) -> None:
    """Refuse ``shared += batched``, where the left array is the same for all examples.

    Python would make a new array of it, unseen by a body that means to write to its own. It asks the right operand the
    same for ``+`` and for ``+=``, so that only the instruction tells the two apart.
    """
    if type(other) in tables:
        frame = sys._getframe(2)
        code, at = frame.f_code.co_code, frame.f_lasti
        if code[at] == _BINARY_OP and _FIRST_IN_PLACE <= code[at + 1] <= _LAST_IN_PLACE:
            raise TypeError("an array that is the same for all examples cannot hold values that differ")


def _operator(name: str, reflected: bool = False) -> Callable[..., Any]:
    def method(self: Any, other: Any) -> Any:
        if hasattr(other, "_a"):
            return NotImplemented
        if not reflected:
            return self.rules.elementwise(name, self, other)
        check_left(other)
        return self.rules.elementwise(name, other, self)

    return method


def _operator_in_place(name: str) -> Callable[..., Any]:
    def method(self: Any, other: Any) -> Any:
        if level_of(other) > self.level.id:
            return self.rules.elementwise(name, self, other)
        self.rules.elementwise(name, self, other, out=self, casting="unsafe")
        return self

    return method


_BINARY = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide", "floordiv": "floor_divide",
    "mod": "remainder", "pow": "power", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
    "lshift": "left_shift", "rshift": "right_shift",
}  # fmt: skip
for _name, _function in _BINARY.items():
    setattr(BatchedArray, f"__{_name}__", _operator(_function))
    setattr(BatchedArray, f"__r{_name}__", _operator(_function, True))
    setattr(BatchedArray, f"__i{_name}__", _operator_in_place(_function))
for _name, _function in (("eq", "equal"), ("ne", "not_equal"), ("lt", "less"), ("le", "less_equal"),
                         ("gt", "greater"), ("ge", "greater_equal")):  # fmt: skip
    setattr(BatchedArray, f"__{_name}__", _operator(_function))
for _name, _function in (("neg", "negative"), ("pos", "positive"), ("abs", "absolute"), ("invert", "invert")):
    setattr(BatchedArray, f"__{_name}__", lambda self, _f=_function: self.rules.elementwise(_f, self))


def _reflected_matmul(self: Any, other: Any) -> Any:
    check_left(other)
    return self.rules.matmul(other, self)


setattr(BatchedArray, "__matmul__", lambda self, other: self.rules.matmul(self, other))  # noqa: B010
setattr(BatchedArray, "__rmatmul__", _reflected_matmul)  # noqa: B010
setattr(BatchedArray, "__hash__", object.__hash__)  # noqa: B010


def _through(name: str) -> Callable[..., Any]:
    """A method that is a function of the namespace."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(namespace_of(self), name)(self, *args, **kwargs)

    return method


for _name in ("sum", "prod", "mean", "var", "std", "max", "min", "any", "all", "argmax", "argmin", "cumsum", "cumprod",
              "squeeze", "ravel", "swapaxes", "take", "repeat", "clip", "round", "argsort", "dot", "diagonal", "trace",
              "searchsorted"):  # fmt: skip
    setattr(BatchedArray, _name, _through(_name))
BatchedArray.flatten = lambda self: self.reshape(-1).copy()  # type: ignore[attr-defined]
