"""Moving tensors between devices and dtypes, and copying them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core import dtypes
from .._core.device import as_device, available, device, device_of
from .._core.grad_mode import mode
from .._core.layout import contiguous_format, copied_to_format, in_format, preserve_format
from .._core.node import Node, caller, next_seq
from .._core.op import TensorBase, cast, op
from .._core.operands import transfer
from .._core.tensor_base import wrap
from .._core.views import node_of
from ..backends import backend_of
from ..backends.capture import refuse_upload
from ._public import public


@op(title="CloneBackward0")
def _clone(xp: Any, x: Any, *, memory_format: Any = None) -> Any:
    return copied_to_format(xp, x, memory_format)


@_clone.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (g,)


@public
def clone(input: Any, *, memory_format: Any = None) -> Any:
    """A copy that gradients flow through."""
    return _clone(input, memory_format=memory_format)


@public(only_method=True)
def contiguous(input: Any, memory_format: Any = contiguous_format) -> Any:
    """The tensor itself if its elements lie in order (or with the channels last) in memory, else a copy in which they
    do.

    Raises:
        RuntimeError: ``memory_format`` is ``preserve_format``, or is for another number of dimensions.
    """
    if memory_format is preserve_format:
        raise RuntimeError("preserve memory format is unsupported by the contiguous operator")
    return input if in_format(input._a, memory_format) else _clone(input, memory_format=memory_format)


def move(array: Any, where: device, non_blocking: bool = False) -> Any:
    """A raw array on another device; the array itself if it is there already. If ``non_blocking``, pinned memory may be
    read after the return."""
    here = backend_of(array)
    backend, index = available(where)
    if backend is here:
        return array if here.index_of(array) == index else here.to_index(array, index)
    if here.name == "cpu":
        refuse_upload("a copy of a tensor of the CPU")  # of a number, too: it may be another one the next time
    host = here.to_host(array)
    if non_blocking:
        return backend.from_host_async(host, index)
    return host.copy() if backend.name == "cpu" and here.name == "cpu" else backend.from_host(host, index)


class _ToDevice:
    """The operation that moves a tensor; its gradient moves back."""

    composite = None

    def display(self, node: Node) -> str:
        return "ToCopyBackward0"

    def backward(self, f: Any, g: Any, node: Node, saved: Any) -> tuple[Any, ...]:
        source = node.attrs["source"]
        return (to_device(g, source) if isinstance(g, TensorBase) else move(g, source),)


_TO_DEVICE = _ToDevice()


def to_device(x: Any, where: device, non_blocking: bool = False) -> Any:
    """The tensor on another device, recorded."""
    array = move(x._a, where, non_blocking and type(x._a) is np.ndarray)
    out = wrap(array)
    edge = node_of(x)
    if edge is not None and mode.grad:
        n = Node()
        n.op = _TO_DEVICE
        n.edges = (edge,)
        n.saved, n.versions, n.hooks, n.shapes = (), None, None, None
        n.attrs = {"source": device_of(x._a)}
        n.outputs, n.where, n.seq = 1, caller(), next_seq()
        out._node = n
    return out


transfer.to = lambda x, like: to_device(x, device_of(like))


def _same_place(array: Any, where: device) -> bool:
    here = backend_of(array)
    return here.name == where.type and (where.index is None or here.index_of(array) == where.index)


def _parse(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any, bool, bool, Any]:
    """Device, dtype, ``non_blocking``, ``copy`` and memory format of a call of ``to``."""
    where, kind = kwargs.pop("device", None), kwargs.pop("dtype", None)
    copy = kwargs.pop("copy", False)
    non_blocking = bool(kwargs.pop("non_blocking", False))
    order = kwargs.pop("memory_format", None)
    if kwargs:
        raise TypeError(f"to() got an unexpected keyword argument '{next(iter(kwargs))}'")
    flags = []
    for value in args:
        if isinstance(value, TensorBase):
            where, kind = device_of(value._a), dtypes.from_numpy[value._a.dtype]
        elif isinstance(value, dtypes.dtype):
            kind = value
        elif isinstance(value, bool):
            flags.append(value)
        elif isinstance(value, str | device | int):
            where = value
        elif isinstance(value, type):
            kind = dtypes.as_dtype(value, "to")
        elif value is not None:
            raise TypeError(
                f"to() received an invalid combination of arguments - got ({type(value).__name__}), but expected a "
                "device, a dtype, or a Tensor"
            )
    if flags:
        non_blocking = flags[0]
    if len(flags) > 1:
        copy = flags[1]
    return where, None if kind is None else dtypes.as_dtype(kind, "to"), non_blocking, copy, order


@public(only_method=True)
def to(input: Any, *args: Any, **kwargs: Any) -> Any:
    """The tensor on another device or in another dtype: ``to(dtype)``, ``to(device, dtype)``, ``to(other_tensor)``.

    The tensor itself if it is so already, unless ``copy=True``. With ``non_blocking=True`` a copy from pinned memory to
    a GPU runs while the program goes on, which must not change that memory before it is done. Other copies are not
    affected: those to a GPU never wait for it, those from it always do.

    Raises:
        DeviceUnavailableError: the machine has no such device.

    Example:
        >>> import nnlite
        >>> nnlite.ones(2).to(nnlite.int64)
        tensor([1, 1])
    """
    where, kind, non_blocking, copy, order = _parse(args, kwargs)
    out = input
    if kind is not None and kind.np != out._a.dtype:
        out = cast(out, kind.np)
    if where is not None:
        where = as_device(where)
        if not _same_place(out._a, where):
            out = to_device(out, where, non_blocking)
    return _ordered(clone(out) if copy and out is input else out, order)


def _ordered(x: Any, order: Any) -> Any:
    """The tensor in a memory format; itself if it lies so, or the order is to be kept."""
    return x if order is None or order is preserve_format else contiguous(x, order)


@public(only_method=True)
def cpu(input: Any, memory_format: Any = None) -> Any:
    """The tensor on the CPU."""
    return to(input, "cpu")


@public(only_method=True)
def cuda(input: Any, device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> Any:
    """The tensor on a CUDA device; ``non_blocking`` as for ``to``."""
    return to(input, "cuda" if device is None else as_device(device), non_blocking=non_blocking)


def _converter(name: str, kind: dtypes.dtype) -> None:
    def convert(input: Any, memory_format: Any = None) -> Any:
        return _ordered(input if input._a.dtype == kind.np else cast(input, kind.np), memory_format)

    convert.__name__ = convert.__qualname__ = name
    convert.__doc__ = f"The tensor as {kind}."
    public(convert, only_method=True)


for _name, _kind in (("float", dtypes.float32), ("double", dtypes.float64), ("half", dtypes.float16),
                     ("bfloat16", dtypes.bfloat16), ("int", dtypes.int32), ("long", dtypes.int64),
                     ("short", dtypes.int16), ("char", dtypes.int8), ("byte", dtypes.uint8), ("bool", dtypes.bool_),
                     ("cfloat", dtypes.complex64), ("cdouble", dtypes.complex128)):  # fmt: skip
    _converter(_name, _kind)


@public(only_method=True)
def type_as(input: Any, other: Any) -> Any:
    """The tensor in the dtype and on the device of another."""
    return to(input, other)
