"""Questions about tensors and types."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._core import dtypes
from .tensor import Tensor

__all__ = ["finfo", "iinfo", "is_complex", "is_floating_point", "is_nonzero", "is_tensor", "numel", "typename"]


def is_tensor(obj: Any, /) -> bool:
    """Whether ``obj`` is a tensor.

    Example:
        >>> import nnlite
        >>> nnlite.is_tensor(nnlite.ones(2)), nnlite.is_tensor([1.0, 1.0])
        (True, False)
    """
    return isinstance(obj, Tensor)


def is_floating_point(input: Tensor) -> bool:
    """Whether the elements are real floating-point numbers."""
    return input.is_floating_point()


def is_complex(input: Tensor) -> bool:
    """Whether the elements are complex."""
    return input.is_complex()


def is_nonzero(input: Tensor) -> bool:
    """Whether the only element is not zero.

    Raises:
        RuntimeError: there is not just one element.
    """
    return bool(input)


def numel(input: Tensor) -> int:
    """The number of elements."""
    return input.numel()


def typename(obj: Any, /) -> str:
    """The name of an object's type; a tensor's by its dtype.

    Example:
        >>> import nnlite
        >>> nnlite.typename(nnlite.ones(2))
        'torch.FloatTensor'
    """
    if isinstance(obj, Tensor):
        return obj.type()
    kind = obj if isinstance(obj, type) else type(obj)
    return kind.__qualname__ if kind.__module__ in ("builtins", "") else f"{kind.__module__}.{kind.__qualname__}"


class finfo:
    """The limits of a floating-point type: ``bits, eps, max, min, tiny, smallest_normal, resolution``.

    Raises:
        TypeError: the type is neither floating point nor complex.

    Example:
        >>> import nnlite
        >>> nnlite.finfo(nnlite.float32).eps
        1.1920928955078125e-07
    """

    def __init__(self, type: dtypes.dtype | None = None) -> None:
        if type is not None and not isinstance(type, dtypes.dtype):
            raise TypeError(f"finfo(): argument 'type' must be torch.dtype, not {type.__class__.__name__}")
        kind = (dtypes.default.float if type is None else type).to_real()
        if not kind.is_floating_point:
            raise TypeError(f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle '{kind}'")
        if kind is dtypes.bfloat16:
            import ml_dtypes

            limits: Any = ml_dtypes.finfo(ml_dtypes.bfloat16)
        else:
            limits = np.finfo(kind.np)
        self.dtype = kind.name
        self.bits = limits.bits
        self.eps = float(limits.eps)
        self.max = float(limits.max)
        self.min = float(limits.min)
        self.tiny = self.smallest_normal = float(limits.tiny)
        self.resolution = float(f"1e-{limits.precision}")

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


class iinfo:
    """The limits of an integer type: ``bits, max, min``.

    Raises:
        TypeError: the type is not an integer type.

    Example:
        >>> import nnlite
        >>> nnlite.iinfo(nnlite.int8).max
        127
    """

    def __init__(self, type: dtypes.dtype) -> None:
        if not isinstance(type, dtypes.dtype):
            raise TypeError(f"iinfo(): argument 'type' must be torch.dtype, not {type.__class__.__name__}")
        if type is dtypes.bool_:
            raise TypeError("torch.bool is not supported by torch.iinfo (its values are 0 and 1)")
        if type.category != dtypes.INTEGER:
            raise TypeError(f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{type}'")
        limits = np.iinfo(type.np)
        self.dtype = type.name
        self.bits = limits.bits
        self.max = int(limits.max)
        self.min = int(limits.min)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
