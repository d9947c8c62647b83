"""The older constructors named by type (``FloatTensor``, ``LongTensor``); new code uses ``tensor(..., dtype=)``.

Their classes are only names: ``isinstance(t, FloatTensor)`` asks for dtype and device, ``t.type(LongTensor)`` converts,
and what they make are plain tensors. ``cuda.FloatTensor`` and its like are made when they are asked for.
"""

from __future__ import annotations

import functools
from typing import Any

from ._core import dtypes
from ._core.device import device as _Device
from ._core.layout import layout, strided
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
    """The class of the constructors: ``isinstance(t, FloatTensor)`` asks for dtype and device."""

    dtype: dtypes.dtype
    device_type: str
    layout: layout = strided

    @property
    def is_cuda(cls) -> bool:
        """Whether the constructor makes CUDA tensors."""
        return cls.device_type == "cuda"

    is_sparse = False

    def __instancecheck__(cls, instance: Any) -> bool:
        return (
            isinstance(instance, Tensor)
            and instance.dtype is cls.dtype
            and (instance.is_cpu if cls.device_type == "cpu" else instance.device.type == cls.device_type)
        )

    def __call__(cls, *data: Any, device: Any = None) -> Any:
        where = cls.device_type if device is None else device
        if _Device(where).type != cls.device_type:
            raise RuntimeError(f"legacy constructor expects device type: {cls.device_type} but device type: "
                               f"{_Device(where).type} was passed; use tensor(..., device=)")  # fmt: skip
        if len(data) != 1 or isinstance(data[0], int | Size):
            return empty(*data, dtype=cls.dtype, device=where) if data else empty(0, dtype=cls.dtype, device=where)
        source = data[0]
        if isinstance(source, Tensor):
            if source not in cls:
                raise TypeError(
                    f"expected {cls.dtype} on {cls.device_type} (got {source.dtype} on {source.device.type}); convert "
                    f"it with .to('{cls.device_type}', {cls.dtype})"
                )
            return source.detach()
        if isinstance(source, float | complex):
            raise TypeError(f"new(): data must be a sequence (got {type(source).__name__}); a number is "
                            f"tensor({source}, dtype={cls.dtype})")  # fmt: skip
        return tensor(source, dtype=cls.dtype, device=where)

    def __contains__(cls, instance: Any) -> bool:
        return cls.__instancecheck__(instance)

    def __repr__(cls) -> str:
        return f"<class '{cls.__module__.replace('nnlite', 'torch')}.{cls.__name__}'>"


def _typed(name: str, kind: dtypes.dtype, device_type: str = "cpu") -> Any:
    doc = f"""A tensor of {kind} of data, or of sizes without values.

    Example:
        >>> import nnlite
        >>> nnlite.FloatTensor([1, 2]).dtype
        torch.float32
    """
    module = "nnlite" if device_type == "cpu" else f"nnlite.{device_type}"
    return _TypedTensor(name, (), {"dtype": kind, "device_type": device_type, "__doc__": doc, "__module__": module})


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


@functools.cache
def of_cuda(name: str) -> Any:
    """The constructor of CUDA tensors called ``name``, such as ``cuda.FloatTensor``."""
    return _typed(name, globals()[name].dtype, "cuda")
