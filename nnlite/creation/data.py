"""Tensors of data: numbers, nested sequences, arrays, buffers."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from .._core import dtypes
from .._core.device import as_device, available
from .._core.op import TensorBase
from .._core.tensor_base import wrap
from .._core.warn import warn
from ..backends import backend_of
from ..ops._public import public
from ..ops.transfer import to_device
from ._options import finish, number_of


def _shape_of_lists(data: Any, depth: int = 0) -> None:
    """Raise PyTorch's error for nested sequences of different lengths."""
    if not isinstance(data, list | tuple) or not data:
        return
    first = data[0]
    if not isinstance(first, list | tuple):
        for item in data:
            if isinstance(item, list | tuple):
                raise TypeError(f"'{type(item).__name__}' object cannot be interpreted as a number at dim {depth + 1}")
    else:
        for item in data:
            if not isinstance(item, list | tuple):
                raise TypeError(f"not a sequence: {type(item).__name__} beside lists at dim {depth + 1}")
            if len(item) != len(first):
                raise ValueError(f"expected sequence of length {len(first)} at dim {depth + 1} (got {len(item)})")
        for item in data:
            _shape_of_lists(item, depth + 1)


def _leaf(data: Any) -> Any:
    while isinstance(data, list | tuple) and data:
        data = data[0]
    return data


def _leaves(data: Any) -> Iterator[Any]:
    if isinstance(data, list | tuple):
        for item in data:
            yield from _leaves(item)
    else:
        yield data


def _plain(data: Any) -> Any:
    """Nested lists with their tensors as arrays."""
    if isinstance(data, TensorBase):
        return backend_of(data._a).to_host(data._a)
    return [_plain(item) for item in data] if isinstance(data, list | tuple) else data


def _host_array(data: Any, dtype: dtypes.dtype | None) -> np.ndarray:
    """A NumPy array of a number, a NumPy value or nested sequences, in the dtype that PyTorch gives it."""
    if isinstance(data, np.ndarray | np.generic):
        return _of_array(np.asarray(data), dtype)
    if not isinstance(data, int | float | complex | list | tuple | range):
        if hasattr(data, "__array__"):
            return _of_array(np.asarray(data), dtype)
        if not hasattr(data, "__getitem__") or isinstance(data, dict | str | bytes):
            raise _no_number(data)
        data = list(data)
    has_tensors = isinstance(data, list | tuple) and _contains_tensor(data)
    unsigned = np.uint64 if dtype is dtypes.uint64 else None  # NumPy would find a float64 that holds all of them
    try:
        array = np.array(_plain(data) if has_tensors else data, unsigned)
    except (ValueError, TypeError):
        _shape_of_lists(data)
        raise _no_number(data) from None
    except OverflowError as error:
        raise (_too_large() if unsigned is None else error) from None
    if array.dtype.kind not in "biufcV":
        _shape_of_lists(data)
        raise _no_number(data)
    if array.dtype == np.uint64 and unsigned is None and not isinstance(_leaf(data), np.generic):
        raise _too_large()
    if dtype is not None:
        return _converted(array, dtype)
    return array.astype(_inferred(data, array).np, copy=False)


def _of_array(array: np.ndarray, dtype: dtypes.dtype | None) -> np.ndarray:
    if array.dtype.kind not in "biufcV":
        raise TypeError(f"can't convert np.ndarray of type {array.dtype.type.__module__}.{array.dtype.type.__name__}. "
                        "The only supported types are: float64, float32, float16, complex64, complex128, int64, int32, "
                        "int16, int8, uint8, and bool.")  # fmt: skip
    return array.astype((dtypes.from_numpy[array.dtype] if dtype is None else dtype).np, copy=False)


def _inferred(data: Any, array: np.ndarray) -> dtypes.dtype:
    """The dtype of the numbers in nested sequences."""
    if array.size == 0 and not isinstance(_leaf(data), TensorBase | np.ndarray):
        return dtypes.default.float
    if isinstance(_leaf(data), np.generic | TensorBase | np.ndarray):
        kinds = {dtypes.from_numpy[v.dtype] if isinstance(v, np.generic | np.ndarray)
                 else dtypes.from_numpy[v._a.dtype] if isinstance(v, TensorBase) else dtypes.of_scalar(v)
                 for v in _leaves(data)}  # fmt: skip
        return functools.reduce(dtypes.promote_types, kinds)
    if array.dtype.kind == "f":
        return dtypes.default.float
    return dtypes.default.complex if array.dtype.kind == "c" else dtypes.from_numpy[array.dtype]


def _converted(array: np.ndarray, dtype: dtypes.dtype) -> np.ndarray:
    """Numbers of nested sequences in a dtype that was asked for.

    Raises:
        RuntimeError: a number is out of the range of an integer type.
        TypeError: a complex number for a real type.
    """
    if array.dtype.kind == "c" and dtype.category in (dtypes.INTEGER, dtypes.FLOAT):
        raise TypeError(f"must be real number, not complex (tensor() with dtype={dtype})")
    if dtype.category == dtypes.INTEGER and array.size:
        for extreme in (array.min(), array.max()):
            dtypes.number(extreme, dtype)
    return array.astype(dtype.np)


def _no_number(data: Any) -> Exception:
    """The error for data that holds something else than numbers."""
    for leaf in _leaves(data):
        if isinstance(leaf, str | bytes):
            return TypeError(f"new(): invalid data type '{type(leaf).__name__}' (tensor() takes numbers)")
        if not isinstance(leaf, int | float | complex | np.generic | np.ndarray | TensorBase | range):
            return RuntimeError(f"Could not infer dtype of {type(leaf).__name__}")
        if isinstance(leaf, int) and not -(1 << 63) <= leaf < 1 << 63:
            return _too_large()
    return ValueError("tensor(): the items have different shapes")


def _too_large() -> ValueError:
    return ValueError("Overflow when unpacking long long: an integer does not fit in 64 bits (give it as a float)")


def _contains_tensor(data: Any) -> bool:
    return any(isinstance(v, TensorBase) or (isinstance(v, list | tuple) and _contains_tensor(v)) for v in data)


@public(method=False)
def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Any:
    """A tensor with a copy of ``data``: a number, nested sequences, a NumPy array or a tensor.

    Floats get the default dtype, ints int64, bools bool; arrays keep theirs.

    Raises:
        ValueError: sequences of different lengths, or an integer that needs more than 64 bits.
        TypeError: text. RuntimeError: anything else that is no number, or a number that ``dtype`` cannot hold; or
            ``pin_memory`` without CUDA.

    Example:
        >>> import nnlite
        >>> nnlite.tensor([[1, 2], [3, 4]])
        tensor([[1, 2],
                [3, 4]])
    """
    if pin_memory:
        return tensor(data, dtype=dtype, device=device, requires_grad=requires_grad).pin_memory()
    kind = None if dtype is None else dtypes.as_dtype(dtype, "tensor")
    if isinstance(data, TensorBase):
        warn(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor)."
        )
        copy = data.detach().to(kind or data.dtype).clone()
        copy = copy if device is None else copy.to(device)
        return copy.requires_grad_() if requires_grad else copy
    array = _host_array(data, kind)
    backend, index = available(device)
    if backend.name == "cpu":
        owned = array.base is None and array is not data and not isinstance(data, np.generic)
        return finish(array if owned else np.array(array), requires_grad)
    return finish(backend.from_host(array, index), requires_grad)


@public(method=False)
def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Any:
    """``data`` as a tensor, without a copy where it is a tensor or a NumPy array of the right dtype and device."""
    if isinstance(data, TensorBase):
        return data.to(*(v for v in (device, dtype) if v is not None))
    kind = None if dtype is None else dtypes.as_dtype(dtype, "as_tensor")
    if isinstance(data, np.ndarray) and (kind is None or kind.np == data.dtype):
        shared = from_numpy(data)
        return shared if device is None else to_device(shared, as_device(device))
    return tensor(data, dtype=kind, device=device)


@public(method=False)
def from_numpy(ndarray: Any, /) -> Any:
    """A CPU tensor that shares the array's memory.

    Raises:
        TypeError: not an array, or its dtype has no tensor type.
        ValueError: a negative stride or foreign byte order.
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    if not ndarray.dtype.isnative:
        raise ValueError("given numpy array has byte order different from the native byte order. "
                         "Conversion between byte orders is currently not supported.")  # fmt: skip
    dtypes.from_numpy[ndarray.dtype]
    if any(s < 0 for s in ndarray.strides):
        raise ValueError("At least one stride in the given numpy array is negative, and tensors with negative strides "
                         "are "
                         "not currently supported. (You can probably work around this by making a copy of your array  "
                         "with array.copy().) ")  # fmt: skip
    if not ndarray.flags.writeable:
        warn("The given NumPy array is not writable, and PyTorch does not support non-writable tensors. "
                      "Writing to the tensor will raise an error; copy the array first.")  # fmt: skip
    return wrap(ndarray.view(np.ndarray))


_CUDA_DEVICES = (2, 13)
"""DLPack's numbers of CUDA's own and its managed memory."""


@public(method=False)
def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Any:
    """A tensor that shares the memory of any array with ``__dlpack__`` (NumPy, CuPy, PyTorch, JAX, ...).

    Args:
        device: where it has to be; elsewhere than where the array is means a copy.
        copy: True copies in any case; False raises where a copy is needed.

    Raises:
        TypeError: the object has no ``__dlpack__``. ValueError: a copy is needed that ``copy=False`` forbids.

    Example:
        >>> import nnlite, numpy
        >>> nnlite.from_dlpack(numpy.arange(3))
        tensor([0, 1, 2])
    """
    if not hasattr(ext_tensor, "__dlpack__"):
        raise TypeError(f"from_dlpack(): expected an object with __dlpack__, got {type(ext_tensor).__name__}")
    if isinstance(ext_tensor, TensorBase):
        shared = ext_tensor.detach()
    else:
        kind = ext_tensor.__dlpack_device__()[0]
        backend, _ = available("cuda" if kind in _CUDA_DEVICES else "cpu")
        shared = wrap(backend.xp.from_dlpack(ext_tensor))
    if device is not None and as_device(device) != shared.device:
        if copy is False:
            raise ValueError(f"cannot move (i.e. copy) from {shared.device} to {device} with copy=False")
        return to_device(shared, as_device(device))
    return shared.clone() if copy else shared


@public(method=False)
def to_dlpack(tensor: Any) -> Any:
    """A DLPack capsule of the tensor's memory, for libraries that take no objects with ``__dlpack__``."""
    return tensor.__dlpack__()


@public(method=False)
def scalar_tensor(s: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
    """A 0-d tensor of a number, in the default float type unless ``dtype`` says otherwise."""
    kind = dtypes.default.float if dtype is None else dtypes.as_dtype(dtype, "scalar_tensor")
    value = dtypes.number(number_of("scalar_tensor", "s", 1, s), kind)
    return tensor(value, dtype=kind, device=device, requires_grad=requires_grad)


@public(method=False)
def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool | None = None
) -> Any:
    """A tensor of a tensor, an array, a DLPack object, a buffer, a number or nested sequences.

    Args:
        copy: True copies; False raises where memory cannot be shared; None shares where it can.
        requires_grad: the tensor's own where it is None; True and False make a leaf.

    Raises:
        ValueError: ``copy=False`` and the memory cannot be shared.

    Example:
        >>> import nnlite
        >>> nnlite.asarray([1, 2])
        tensor([1, 2])
    """
    kind = None if dtype is None else dtypes.as_dtype(dtype, "asarray")
    if isinstance(obj, TensorBase):
        shared = obj
    elif isinstance(obj, np.ndarray):
        shared = from_numpy(obj)
    elif isinstance(obj, np.generic):
        shared = tensor(obj)
    elif hasattr(obj, "__dlpack__"):
        shared = from_dlpack(obj)
    elif isinstance(obj, bytes | bytearray | memoryview):
        shared = frombuffer(obj, dtype=kind or dtypes.default.float)
    elif copy is False:
        raise ValueError("can't alias arbitrary sequence into a tensor.")
    else:
        return tensor(obj, dtype=kind, device=device, requires_grad=bool(requires_grad))
    moved = shared.to(*(v for v in (device, kind) if v is not None))
    if moved is not shared and copy is False:
        raise ValueError(f"can't alias tensor with dtype {shared.dtype} on {shared.device} as one with dtype "
                         f"{moved.dtype} on {moved.device}.")  # fmt: skip
    if copy and moved is shared:
        moved = moved.clone()
    if requires_grad is None:
        return moved
    leaf = moved.detach()
    return leaf.requires_grad_() if requires_grad else leaf


@public(method=False)
def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Any:
    """A one-dimensional CPU tensor over the memory of an object with Python's buffer interface.

    Args:
        count: how many elements; -1 for all.
        offset: how many bytes to leave out at the beginning.

    Raises:
        ValueError: no buffer, an empty one, or one that ``count`` and ``offset`` do not fit.

    Example:
        >>> import nnlite
        >>> nnlite.frombuffer(bytearray([1, 0, 2, 0]), dtype=nnlite.int16)
        tensor([1, 2], dtype=torch.int16)
    """
    kind = dtypes.as_dtype(dtype, "frombuffer")
    try:
        view = memoryview(buffer)
    except TypeError:
        raise ValueError("object does not implement Python buffer protocol.") from None
    length, item = view.nbytes, kind.itemsize
    if not length or not count:
        raise ValueError(f"both buffer length ({length}) and count ({count}) must not be 0")
    if not 0 <= offset < length:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({length} bytes) minus 1"
        )
    if count < 0 and (length - offset) % item:
        raise ValueError(f"buffer length ({length - offset} bytes) after offset ({offset} bytes) must be a multiple of "
                         f"element size ({item})")  # fmt: skip
    if offset + max(count, 0) * item > length:
        raise ValueError(f"requested buffer length ({count} * {item} bytes) after offset ({offset} bytes) must not be "
                         f"greater than actual buffer length ({length} bytes)")  # fmt: skip
    if view.readonly:
        warn("The given buffer is not writable, and PyTorch does not support non-writable tensors. Writing to "
                      "the tensor will raise an error; copy the buffer first.")  # fmt: skip
    return finish(np.frombuffer(view, kind.np, max(count, -1), offset), requires_grad)


@public(method=False)
def from_file(filename: str, *args: Any, **options: Any) -> Any:
    """Not offered.

    Raises:
        NotImplementedError: always; ``from_numpy(numpy.memmap(filename, dtype, mode))`` maps a file.
    """
    raise NotImplementedError("from_file() is not implemented; use from_numpy(numpy.memmap(filename, dtype, mode))")


@public(only_method=True)
def new_tensor(input: Any, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
    """``tensor(data)`` with the dtype and device of the tensor, unless others are given."""
    return tensor(data, dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad)
