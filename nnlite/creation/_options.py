"""The arguments that the functions of this package share: sizes, numbers, dtype, device, ``out=`` and the like."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._core import dtypes
from .._core.device import available
from .._core.layout import axes_of_format, contiguous_format, preserve_format, strided
from .._core.op import TensorBase
from .._core.tensor_base import wrap
from ..backends import backend_of
from ..ops._public import put
from ..ops.shape.views import sizes_of


def finish(array: Any, requires_grad: bool) -> Any:
    """A tensor of a raw array, which collects a gradient if asked."""
    t = wrap(array)
    return t.requires_grad_() if requires_grad else t


def wrong_type(function: str, name: str, position: int, wanted: str, value: Any) -> TypeError:
    """PyTorch's error for an argument of a wrong type."""
    return TypeError(f"{function}(): argument '{name}' (position {position}) must be {wanted}, "
                     f"not {'Tensor' if isinstance(value, TensorBase) else type(value).__name__}")  # fmt: skip


def number_of(function: str, name: str, position: int, value: Any) -> Any:
    """A Python number of a number, a NumPy number or a tensor of one element.

    Raises:
        TypeError: it is something else.
    """
    if isinstance(value, TensorBase) and not value._a.ndim:
        return value.item()
    if isinstance(value, np.generic) and value.dtype.kind in "biufc":
        return value.item()
    if not isinstance(value, int | float | complex):
        raise wrong_type(function, name, position, "Number", value)
    return value


def real_of(function: str, name: str, position: int, value: Any) -> float:
    """A real number.

    Raises:
        TypeError: it is no number. RuntimeError: it is complex.
    """
    number = number_of(function, name, position, value)
    if isinstance(number, complex):
        raise RuntimeError(f"{function}(): {name} cannot be converted to type double without overflow (got {number})")
    return number


def integer_of(function: str, name: str, position: int, value: Any) -> int:
    """An integer.

    Raises:
        TypeError: it is something else. OverflowError: it has more than 64 bits.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise wrong_type(function, name, position, "int", value)
    return int(value.__index__())


_LARGEST = (1 << 63) - 1


def sizes(function: str, size: tuple[Any, ...]) -> tuple[int, ...]:
    """The shape in ``function(2, 3)``, ``function((2, 3))`` and ``function(Size([2, 3]))``.

    Raises:
        TypeError: something that is no integer. RuntimeError: a negative or a huge size.
    """
    if len(size) == 1 and size[0] is None:
        raise wrong_type(function, "size", 1, "tuple of ints", None)
    parts = size[0] if len(size) == 1 and isinstance(size[0], tuple | list) else size
    for position, n in enumerate(parts):
        if isinstance(n, bool | np.bool_) or not hasattr(n, "__index__"):
            raise TypeError(
                f"{function}(): argument 'size' must be tuple of ints, but found element of type {type(n).__name__} "
                f"at pos {position}"
            )
    shape = sizes_of(tuple(parts))
    if min(shape, default=0) < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}")
    if max(shape, default=0) > _LARGEST:
        raise TypeError(f"{function}(): argument 'size' does not fit in 64 bits: {list(shape)}")
    if math.prod(n for n in shape if n) > _LARGEST >> 3:
        raise RuntimeError(f"Storage size calculation overflowed with sizes={list(shape)}")
    return shape


def size_argument(function: str, args: tuple[Any, ...], options: dict[str, Any]) -> tuple[int, ...]:
    """The shape of positional arguments or of ``size=``."""
    if "size" in options:
        if args:
            raise TypeError(f"{function}() got multiple values for argument 'size'")
        args = (options.pop("size"),)
    if not args:
        raise TypeError(f'{function}() missing 1 required positional arguments: "size"')
    return sizes(function, args)


class Options:
    """The keyword arguments of a factory.

    Attributes:
        kind: the dtype; ``default`` where none was given, that of ``out`` where that was given.
        device, generator, out, requires_grad: as given. pinned: whether it is to lie in pinned memory.
    """

    __slots__ = ("backend", "device", "format", "function", "generator", "index", "kind", "out", "pinned",
                 "requires_grad")  # fmt: skip

    def __init__(
        self, function: str, given: dict[str, Any], default: dtypes.dtype | None = None, *, random: bool = False
    ) -> None:
        self.function = function
        dtype, self.device = given.pop("dtype", None), given.pop("device", None)
        self.out = given.pop("out", None)
        self.requires_grad = _flag(function, "requires_grad", given.pop("requires_grad", False))
        self.generator = given.pop("generator", None) if random else None
        self.pinned = _flag(function, "pin_memory", given.pop("pin_memory", False))
        self.format = given.pop("memory_format", None)
        _refuse_layout(function, given.pop("layout", None))
        if given.get("names", 0) is None:
            given.pop("names")
        if given:
            name = next(iter(given))
            hint = " (nnlite's dimensions have no names)" if name == "names" else ""
            raise TypeError(f"{function}() got an unexpected keyword argument '{name}'{hint}")
        if self.out is not None:
            self._follow_out(dtype)
        else:
            self.kind = (default or dtypes.default.float) if dtype is None else dtypes.as_dtype(dtype, function)
        self.backend, self.index = available(self.device)

    def _follow_out(self, dtype: Any) -> None:
        if not isinstance(self.out, TensorBase):
            raise TypeError(f"{self.function}(): argument 'out' must be Tensor, not {type(self.out).__name__}")
        self.kind = dtypes.from_numpy[self.out._a.dtype]
        if dtype is not None and dtypes.as_dtype(dtype, self.function) is not self.kind:
            titles = [dtypes.TITLES[k.name] for k in (dtypes.as_dtype(dtype, self.function), self.kind)]
            raise RuntimeError(f"dtype {titles[0]} does not match dtype of out parameter ({titles[1]})")
        self.device = self.out.device

    def make(self, maker: Callable[[Any], Any]) -> Any:
        """The tensor of the raw array ``maker(xp)``."""
        with self.backend.use(self.index):
            return self.done(maker(self.backend.xp))

    def done(self, array: Any) -> Any:
        """The tensor of a raw array, in ``out`` if that was given."""
        if self.out is not None:
            return put(wrap(array), self.out)
        axes = axes_of_format(self.format, array.ndim)
        if axes is not None:
            inverse = sorted(range(array.ndim), key=axes.__getitem__)
            ordered = self.backend.xp.ascontiguousarray(array.transpose(axes))
            array = ordered.transpose(inverse)
        made = finish(array, self.requires_grad)
        return made.pin_memory() if self.pinned else made


def _flag(function: str, name: str, value: Any) -> bool:
    if value is not None and not isinstance(value, bool):
        raise TypeError(f"{function}(): argument '{name}' must be bool, not {type(value).__name__}")
    return bool(value)


def _refuse_layout(function: str, layout: Any) -> None:
    if layout is not None and layout is not strided:
        raise NotImplementedError(f"{function}(layout={layout}) is not implemented: nnlite's tensors are dense; leave "
                                  "the layout out")  # fmt: skip


def axes_like(array: Any, wanted: Any) -> tuple[int, ...] | None:
    """The order of axes in memory for a tensor like a raw array; None for that of the axes themselves.

    ``preserve_format`` (also None) is the order of the array, if its elements lie side by side.
    """
    if wanted is contiguous_format or (wanted in (None, preserve_format) and array.flags.c_contiguous):
        return None
    if wanted not in (None, preserve_format):
        return axes_of_format(wanted, array.ndim)
    axes = tuple(sorted(range(array.ndim), key=lambda i: -array.strides[i]))
    return axes if array.transpose(axes).flags.c_contiguous else None


def refuse_values(bad: Any, like: Any, message: str) -> None:
    """Raise RuntimeError where a raw bool array has a true element, on devices where the host sees that at once."""
    where = backend_of(like).positions(bad.reshape(-1))
    if where is not None and where.size:
        raise RuntimeError(message)
