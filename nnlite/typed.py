"""The older constructors named by type (``FloatTensor``, ``LongTensor``); new code uses ``tensor(..., dtype=)``."""

from __future__ import annotations

from typing import Any

from ._core import dtypes
from ._core.size import Size
from .creation import empty, tensor
from .tensor import Tensor

__all__ = [
    "BFloat16Tensor",
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
]


class _TypedTensor(type):
    """The class of the constructors: ``isinstance(t, FloatTensor)`` asks for the dtype, on the CPU."""

    dtype: dtypes.dtype

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.is_cpu and instance.dtype is cls.dtype

    def __call__(cls, *data: Any) -> Any:
        if len(data) == 1 and not isinstance(data[0], int | Size):
            source = data[0]
            if isinstance(source, Tensor):
                if source.dtype is not cls.dtype:
                    raise TypeError(f"expected {cls.dtype} (got {source.dtype}); convert it with .to({cls.dtype})")
                return source.detach()
            return tensor(source, dtype=cls.dtype)
        return empty(*data, dtype=cls.dtype) if data else empty(0, dtype=cls.dtype)

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.__name__}'>"


def _typed(name: str, kind: dtypes.dtype) -> Any:
    doc = f"""A tensor of {kind} of data, or of sizes without values.

    Example:
        >>> import nnlite
        >>> nnlite.FloatTensor([1, 2]).dtype
        torch.float32
    """
    return _TypedTensor(name, (), {"dtype": kind, "__doc__": doc, "__module__": __name__})


FloatTensor = _typed("FloatTensor", dtypes.float32)
DoubleTensor = _typed("DoubleTensor", dtypes.float64)
HalfTensor = _typed("HalfTensor", dtypes.float16)
BFloat16Tensor = _typed("BFloat16Tensor", dtypes.bfloat16)
LongTensor = _typed("LongTensor", dtypes.int64)
IntTensor = _typed("IntTensor", dtypes.int32)
ShortTensor = _typed("ShortTensor", dtypes.int16)
CharTensor = _typed("CharTensor", dtypes.int8)
ByteTensor = _typed("ByteTensor", dtypes.uint8)
BoolTensor = _typed("BoolTensor", dtypes.bool_)
