"""The pickle of a checkpoint, with PyTorch's names for everything that is not plain Python."""

from __future__ import annotations

import functools
import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, ClassVar, NoReturn

import numpy as np

from .._core.device import device
from .._core.dtypes import dtype
from .._core.size import Size
from ..nn.parameter import Parameter
from ..tensor import Tensor
from ._archive import ArchiveWriter
from ._storages import STORAGE_CLASSES, Storage, Storages, location_of


class _Global:
    """Stands for an object of PyTorch that the pickle refers to by name; PyTorch need not be installed."""

    __slots__ = ("line",)

    def __init__(self, module: str, name: str) -> None:
        self.line = f"{module}\n{name}\n".encode("ascii")

    def __call__(self) -> NoReturn:
        raise TypeError("a name in a pickle cannot be called")  # pickle wants reduce functions to be callable


@functools.cache
def _global(module: str, name: str) -> _Global:
    return _Global(module, name)


class _Reduced:
    """Stands for the object that a function makes of some arguments when the pickle is read."""

    __slots__ = ("arguments", "function")

    def __init__(self, function: Any, arguments: tuple[Any, ...]) -> None:
        self.function = function
        self.arguments = arguments


class _StorageName:
    """Stands for a storage; the pickle holds the persistent id ``identity`` for it."""

    __slots__ = ("identity",)

    def __init__(self, storage: Storage, location: str) -> None:
        kind = _global("torch", STORAGE_CLASSES[storage.dtype_name])
        self.identity = ("storage", kind, storage.key, location, storage.numel)


_PLAIN = {
    kind
    for kind in np.sctypeDict.values()
    if np.dtype(kind).kind in "biufcSU" and not isinstance(np.zeros((), kind).item(), np.generic)
}
"""NumPy's scalar types whose values a plain Python object holds (not longdouble, nor dates)."""


class CheckpointPickler(pickle._Pickler):
    """Python's own pickler, which lets names be written of modules that are not there (the one in C imports them)."""

    dispatch: ClassVar[dict[type, Callable[..., None]]] = dict(pickle._Pickler.dispatch)

    def __init__(self, file: io.BytesIO, protocol: int, storages: Storages) -> None:
        super().__init__(file, protocol)
        self._storages = storages

    def persistent_id(self, obj: Any) -> Any:
        return obj.identity if type(obj) is _StorageName else None

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, Tensor):
            return _reduce_tensor(obj, self._storages)
        kind = type(obj)
        if kind is _Reduced:
            return obj.function, obj.arguments
        if kind is Size:
            return _global("torch", "Size"), (tuple(obj),)
        if kind is device:
            return _global("torch", "device"), (obj.type,) if obj.index is None else (obj.type, obj.index)
        return NotImplemented

    def _save_global_name(self, obj: _Global) -> None:
        self.write(pickle.GLOBAL + obj.line)  # type: ignore[attr-defined]
        self.memoize(obj)  # type: ignore[attr-defined]

    def _save_dtype(self, obj: dtype) -> None:
        self.save(_global("torch", obj.name))  # type: ignore[attr-defined]

    def _save_plain(self, obj: np.generic) -> None:
        self.save(obj.item())  # type: ignore[attr-defined]

    dispatch[_Global] = _save_global_name
    dispatch[dtype] = _save_dtype
    for _kind in _PLAIN:
        dispatch[_kind] = _save_plain


def _reduce_tensor(t: Tensor, storages: Storages) -> tuple[Any, ...]:
    """The function and the arguments that make the tensor again, as PyTorch writes them."""
    array = t._a
    storage, placed = storages.place(array, t._view.base._a if t._view is not None else array)
    where = (_StorageName(storage, location_of(array)), *storage.layout_of(placed))
    arguments: tuple[Any, ...] = (*where, t.requires_grad, OrderedDict())
    rebuild = _global("torch._utils", "_rebuild_tensor_v2")
    state = _attributes(t)
    kind = type(t)
    if kind is Parameter:
        data = _Reduced(rebuild, (*where, False, OrderedDict()))
        parts: tuple[Any, ...] = (data, t.requires_grad, OrderedDict())
        if state:
            return _global("torch._utils", "_rebuild_parameter_with_state"), (*parts, state)
        return _global("torch._utils", "_rebuild_parameter"), parts
    if kind is Tensor and not state:
        return rebuild, arguments
    named = _global("torch", "Tensor") if kind is Tensor else kind
    return _global("torch._tensor", "_rebuild_from_type_v2"), (rebuild, named, arguments, state)


def _attributes(t: Tensor) -> dict[str, Any]:
    """What the user hung on the tensor; names that begin with an underscore are nnlite's own."""
    marks = ("_is_buffer", "_is_param")
    return {name: value for name, value in t.__dict__.items() if name[0] != "_" or name in marks}


def write_checkpoint(obj: Any, file: Any, protocol: int) -> None:
    """Write ``obj`` to ``file``, which needs a ``write`` method only."""
    storages = Storages()
    while True:
        stream = io.BytesIO()
        CheckpointPickler(stream, protocol, storages).dump(obj)
        if not storages.again():
            break
    archive = ArchiveWriter(file)
    archive.add("data.pkl", stream.getbuffer())
    archive.add("byteorder", b"little")
    for storage in storages.in_use():
        archive.add(f"data/{storage.key}", _little_endian(storage))
    archive.add("version", b"3\n")
    archive.finish()


def _little_endian(storage: Storage) -> np.ndarray:
    """The bytes of a storage in the order that the archive declares."""
    data = storage.to_host()
    if np.little_endian:
        return data
    part = storage.first.itemsize // (2 if storage.first.dtype.kind == "c" else 1)
    return data.view(f"u{part}").byteswap().view(np.uint8)
