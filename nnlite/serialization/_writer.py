"""The pickle of a checkpoint, with PyTorch's names for everything that is not plain Python."""

from __future__ import annotations

import functools
import io
import pickle
import struct
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from .._core.device import device
from .._core.dtypes import BY_NAME, dtype
from .._core.layout import layout
from .._core.size import Size
from ..nn.parameter import Parameter
from ..storage import TypedStorage, UntypedStorage
from ..tensor import Tensor
from ._archive import ArchiveWriter
from ._storages import STORAGE_CLASSES, Storage, Storages, location_of
from ._tensors import LoadedStorage


class _Global:
    """Stands for an object of PyTorch that the pickle refers to by name; PyTorch need not be installed."""

    __slots__ = ("line",)

    def __init__(self, module: str, name: str) -> None:
        self.line = f"{module}\n{name}\n".encode("ascii")


@functools.cache
def _torch(name: str) -> _Global:
    """The object ``torch.<name>``."""
    module, _, last = f"torch.{name}".rpartition(".")
    return _Global(module, last)


_ORDERED_DICT = _Global("collections", "OrderedDict")

_PLAIN = {
    kind
    for kind in np.sctypeDict.values()
    if np.dtype(kind).kind in "biufcSU" and not isinstance(np.zeros((), kind).item(), np.generic)
}
"""NumPy's scalar types whose values a plain Python object holds (not longdouble, nor dates)."""


def _integer(n: int) -> bytes:
    if -(1 << 31) <= n < 1 << 31:
        return pickle.BININT + struct.pack("<i", n)
    raw = n.to_bytes(n.bit_length() // 8 + 1, "little", signed=True)
    return pickle.LONG1 + bytes([len(raw)]) + raw


def _text(s: str) -> bytes:
    raw = s.encode("ascii")
    return pickle.BINUNICODE + struct.pack("<I", len(raw)) + raw


def _integers(numbers: tuple[int, ...]) -> bytes:
    return pickle.MARK + b"".join(map(_integer, numbers)) + pickle.TUPLE


def _truth(value: bool) -> bytes:
    return pickle.NEWTRUE if value else pickle.NEWFALSE


class CheckpointPickler(pickle._Pickler):
    """Python's own pickler, which lets names be written of modules that are not there (the one in C imports them).

    The instructions for a tensor are put together here: saving their twenty parts one by one takes five times as long.
    """

    dispatch: ClassVar[dict[type, Callable[..., None]]] = dict(pickle._Pickler.dispatch)
    memo: dict[int, tuple[int, Any]]
    write: Callable[[bytes], None]

    def __init__(self, file: io.BytesIO, protocol: int, storages: Storages) -> None:
        super().__init__(file, protocol)
        self._storages = storages

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        kind = type(obj)
        if kind not in self.dispatch and isinstance(obj, Tensor) and id(obj) not in self.memo:
            self._save_tensor(obj)
        else:
            super().save(obj, save_persistent_id)  # type: ignore[misc]

    # The instructions for parts of a tensor

    def _name(self, name: _Global) -> bytes:
        known = self.memo.get(id(name))
        if known is not None:
            return self.get(known[0])  # type: ignore[attr-defined]
        place = len(self.memo)
        self.memo[id(name)] = place, name
        return pickle.GLOBAL + name.line + self.put(place)  # type: ignore[attr-defined]

    def _empty_hooks(self) -> bytes:
        return self._name(_ORDERED_DICT) + pickle.EMPTY_TUPLE + pickle.REDUCE

    def _storage(self, storage: Storage, location: str) -> bytes:
        known = STORAGE_CLASSES.get(storage.dtype_name)
        kind = self._name(_torch(known or "storage.UntypedStorage"))
        count = storage.numel if known else storage.numel * BY_NAME[storage.dtype_name].itemsize
        identity = _text("storage") + kind + _text(storage.key) + _text(location) + _integer(count)
        return pickle.MARK + identity + pickle.TUPLE + pickle.BINPERSID

    def _arguments(self, t: Tensor, requires_grad: bool) -> bytes:
        """The arguments of the function that makes the tensor."""
        array = t._a
        storage, placed = self._storages.place(array, t._view.base._a if t._view is not None else array)
        offset, shape, strides = storage.layout_of(placed)
        where = self._storage(storage, location_of(array)) + _integer(offset) + _integers(shape) + _integers(strides)
        rest = _truth(requires_grad) + self._empty_hooks()
        if storage.dtype_name not in STORAGE_CLASSES:
            rest += self._name(_torch(storage.dtype_name))
        return pickle.MARK + where + rest + pickle.TUPLE

    def _function(self, t: Tensor) -> bytes:
        """What makes a tensor: where there is a kind of storage for its dtype that says the dtype, or not."""
        version = 2 if t.dtype.name in STORAGE_CLASSES else 3
        return self._name(_torch(f"_utils._rebuild_tensor_v{version}"))

    def _rebuild(self, t: Tensor, requires_grad: bool) -> bytes:
        """A plain tensor."""
        return self._function(t) + self._arguments(t, requires_grad) + pickle.REDUCE

    # Objects

    def _save_tensor(self, t: Tensor) -> None:
        state = _attributes(t)
        if type(t) is Parameter:
            name = "_rebuild_parameter_with_state" if state else "_rebuild_parameter"
            self.write(self._name(_torch(f"_utils.{name}")) + pickle.MARK)
            self.write(self._rebuild(t, False) + _truth(t.requires_grad) + self._empty_hooks())
            if state:
                self.save(state)
            self.write(pickle.TUPLE + pickle.REDUCE)
        elif type(t) is Tensor and not state:
            self.write(self._rebuild(t, t.requires_grad))
        else:
            function = self._name(_torch("_tensor._rebuild_from_type_v2"))
            self.write(function + pickle.MARK + self._function(t))
            self.save(_torch("Tensor") if type(t) is Tensor else type(t))
            self.write(self._arguments(t, t.requires_grad))
            self.save(state)
            self.write(pickle.TUPLE + pickle.REDUCE)
        self.memoize(t)  # type: ignore[attr-defined]

    def _save_storage(self, obj: TypedStorage | UntypedStorage) -> None:
        """A storage on its own; one without a dtype is one of bytes, as in PyTorch."""
        array = obj._tensor._a
        storage, _ = self._storages.place(array, array)
        identity = self._storage(storage, location_of(array))
        if not isinstance(obj, TypedStorage) and storage.dtype_name != "uint8":
            raise NotImplementedError(
                f"save: an untyped storage of {storage.dtype_name} elements; save the tensor, or its storage()"
            )
        self.write(identity)
        self.memoize(obj)  # type: ignore[attr-defined]

    def _save_name(self, obj: _Global) -> None:
        self.write(self._name(obj))

    def _save_dtype(self, obj: dtype) -> None:
        self.save(_torch(obj.name))

    def _save_layout(self, obj: layout) -> None:
        function = self._name(_torch("serialization._get_layout"))
        self.write(function + _text(str(obj)) + pickle.TUPLE1 + pickle.REDUCE)

    def _save_size(self, obj: Size) -> None:
        self.write(self._name(_torch("Size")) + _integers(tuple(obj)) + pickle.TUPLE1 + pickle.REDUCE)
        self.memoize(obj)  # type: ignore[attr-defined]

    def _save_device(self, obj: device) -> None:
        index = b"" if obj.index is None else _integer(obj.index)
        arguments = pickle.MARK + _text(obj.type) + index + pickle.TUPLE
        self.write(self._name(_torch("device")) + arguments + pickle.REDUCE)
        self.memoize(obj)  # type: ignore[attr-defined]

    def _save_plain(self, obj: np.generic) -> None:
        self.save(obj.item())

    dispatch[_Global] = _save_name
    dispatch[dtype] = _save_dtype
    dispatch[UntypedStorage] = dispatch[TypedStorage] = dispatch[LoadedStorage] = _save_storage
    dispatch[layout] = _save_layout
    dispatch[Size] = _save_size
    dispatch[device] = _save_device
    dispatch[Tensor] = dispatch[Parameter] = _save_tensor
    for _kind in _PLAIN:
        dispatch[_kind] = _save_plain


def _attributes(t: Tensor) -> dict[str, Any]:
    """What the user hung on the tensor; names that begin with an underscore are nnlite's own."""
    marks = ("_is_buffer", "_is_param")
    return {name: value for name, value in t.__dict__.items() if name[0] != "_" or name in marks}


def write_checkpoint(obj: Any, file: Any, protocol: int, byteorder: bool = True) -> None:
    """Write ``obj`` to ``file``, which needs a ``write`` method only; ``byteorder`` as a record, or not."""
    storages = Storages()
    while True:
        stream = io.BytesIO()
        CheckpointPickler(stream, protocol, storages).dump(obj)
        if not storages.again():
            break
    archive = ArchiveWriter(file)
    archive.add("data.pkl", stream.getbuffer())
    if byteorder:
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
