"""Reading a checkpoint: the container, the devices, and the pickle in it."""

from __future__ import annotations

import functools
import importlib
import io
import pickle
from typing import Any

import numpy as np

from .._core.device import available, device
from .._core.tensor_base import wrap
from ..backends import DeviceUnavailableError, backend_for, backend_of
from ..tensor import Tensor
from ._archive import ArchiveReader
from ._globals import TABLE, allowed_classes, find_global
from ._legacy import MAGIC, LegacyStorages, read_legacy
from ._tensors import StorageClass, StorageLoader
from ._unpickler import DataUnpickler, Function

_PACKAGE = __name__.partition(".")[0]
_PACKAGES = ("nn", "optim")
_ZIP = b"PK\x03\x04"
_DAMAGE = (ValueError, LookupError, TypeError, AttributeError, OverflowError, AssertionError, RecursionError)
"""What the instructions of a damaged pickle lead to."""


class _Raised(Exception):
    """Carries an exception of the caller's own code out of the interpreter, as it is."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


def read_checkpoint(
    file: Any, map_location: Any, weights_only: bool, mapped: bool = False, encoding: str = "utf-8"
) -> Any:
    """Load the object in an open file.

    Raises:
        EOFError: the file is empty or its pickle ends too early.
        RuntimeError: the archive is cut off or damaged, or a device of the file is not there.
        pickle.UnpicklingError: it is no checkpoint, or names something that is not allowed.
    """
    legacy = _is_legacy(file)
    place = functools.partial(_place, map_location)
    loader: StorageLoader | LegacyStorages
    if legacy:
        if mapped:
            raise RuntimeError(
                "mmap can only be used with files saved with `torch.save(_use_new_zipfile_serialization=True)`; load "
                "this one without mmap, and save it again"
            )
        data = file.read()
        loader = LegacyStorages(len(data), place)
    else:
        archive = ArchiveReader(file, mapped)
        loader = StorageLoader(archive, place)
        data = archive.read("data.pkl")

    def load_one(start: int) -> tuple[Any, int]:
        if not weights_only:
            stream = io.BytesIO(data)
            stream.seek(start)
            return _AnyUnpickler(stream, loader, encoding).load(), stream.tell()
        unpickler = DataUnpickler(data, find_global, loader, allowed_classes(), start, encoding)
        return unpickler.load(), unpickler.end

    if not weights_only:
        return read_legacy(data, loader, load_one) if isinstance(loader, LegacyStorages) else load_one(0)[0]
    try:
        return read_legacy(data, loader, load_one) if isinstance(loader, LegacyStorages) else load_one(0)[0]
    except _Raised as raised:
        raise raised.error from None
    except pickle.UnpicklingError as error:
        raise pickle.UnpicklingError(f"Weights only load failed: {error}") from None
    except _DAMAGE as error:
        raise pickle.UnpicklingError(
            f"Weights only load failed: the pickle of the checkpoint is damaged ({type(error).__name__}: {error})"
        ) from None


def _is_legacy(file: Any) -> bool:
    """Whether the file is of the format from before PyTorch 1.6; raises unless it is that or a zip archive."""
    start = file.tell()
    head = file.read(len(MAGIC))
    file.seek(start)
    if not isinstance(head, bytes):
        raise TypeError("load: the file is open as text; open it with mode 'rb'")
    if not head:
        raise EOFError("Ran out of input: the checkpoint is empty")
    if head.startswith(_ZIP) or head == MAGIC:
        return head == MAGIC
    raise pickle.UnpicklingError(
        f"load: this is not a checkpoint of save: it begins with {head!r}, not as a zip archive does"
    )


# Devices


def _place(map_location: Any, elements: np.ndarray, location: str) -> Any:
    """The elements of a storage on the device that ``map_location`` gives for ``location``."""
    if map_location is None:
        return _restore(elements, location)
    if isinstance(map_location, str | device):
        return _restore(elements, str(map_location))
    if isinstance(map_location, dict):
        return _restore(elements, str(map_location.get(location, location)))
    if not callable(map_location):
        raise _Raised(
            TypeError(
                "load: map_location must be a device, a string, a dict of locations or a function of (storage, "
                f"location), got {type(map_location).__name__}"
            )
        )
    try:
        mapped = map_location(wrap(elements), location)
    except Exception as error:
        raise _Raised(error) from None
    if mapped is None:
        return _restore(elements, location)
    if not isinstance(mapped, Tensor) or mapped.shape != elements.shape:
        raise _Raised(
            TypeError(
                "load: the function map_location must return the storage it was given, on the device of choice, or "
                f"None; got {type(mapped).__name__}"
            )
        )
    return mapped._a


def _restore(elements: np.ndarray, location: str) -> Any:
    """The elements on the device that a checkpoint calls ``location``."""
    if location == "cpu":
        return elements
    try:
        where = device(location)
    except RuntimeError as error:
        raise _Raised(
            RuntimeError(
                f"don't know how to restore data location of torch.storage.UntypedStorage (tagged with {location}): "
                f"{error} Use nnlite.load with map_location='cpu'."
            )
        ) from None
    try:
        backend, index = available(where)
    except DeviceUnavailableError as error:
        raise _Raised(RuntimeError(_unavailable(where, error))) from None
    return elements if where.type == "cpu" else backend.from_host(elements, index)


def _unavailable(where: device, reason: Exception) -> str:
    fix = "please use nnlite.load with map_location='cpu' to map your storages to the CPU."
    if where.type != "cuda":
        return f"Attempting to deserialize object on the device {where}, which is not there ({reason}); {fix}"
    try:
        count = backend_for("cuda").device_count()
    except DeviceUnavailableError:
        count = 0
    if count:
        return (
            f"Attempting to deserialize object on CUDA device {where.index} but torch.cuda.device_count() is {count}. "
            "Please use nnlite.load with map_location to map your storages to an existing device."
        )
    return (
        "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you are running "
        f"on a CPU-only machine, {fix} ({reason})"
    )


# Pickles that may run code


class _AnyUnpickler(pickle.Unpickler):
    """Python's own unpickler; what the file calls ``torch`` is nnlite's."""

    def __init__(self, file: io.BytesIO, loader: StorageLoader | LegacyStorages, encoding: str) -> None:
        super().__init__(file, encoding=encoding)
        self._loader = loader

    def persistent_load(self, identity: Any) -> Any:
        return self._loader(identity)

    def find_class(self, module: str, name: str) -> Any:
        if module != "torch" and not module.startswith("torch."):
            return super().find_class(module, name)
        found = TABLE.get((module, name))
        if isinstance(found, Function) and name not in ("Size", "device"):
            return _Call(found)
        if isinstance(found, StorageClass):
            return found
        return _counterpart(module, name)


class _Call:
    """A function of the table, for Python's unpickler."""

    def __init__(self, function: Function) -> None:
        self._function = function
        self.cls = function.cls

    def __call__(self, *arguments: Any) -> Any:
        plain = [a._function if isinstance(a, _Call) else a for a in arguments]
        return self._function.call(None, *plain)


def _counterpart(module: str, name: str) -> Any:
    """nnlite's object of the name that PyTorch has for its own."""
    own = _PACKAGE + module[len("torch") :]
    # A layer may stand in another file than PyTorch's; its package lists it.
    for place in (own, *(f"{_PACKAGE}.{package}" for package in _PACKAGES if module.startswith(f"torch.{package}."))):
        try:
            found: Any = importlib.import_module(place)
            for part in name.split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError):
            continue
        return found
    raise pickle.UnpicklingError(
        f"load: the file names {module}.{name}, for which nnlite has no counterpart. Save the state_dict() in "
        "PyTorch and load that."
    )


def default_restore_location(storage: Any, location: str) -> Any:
    """The storage on the device that a file calls ``location``: for functions that are given as ``map_location``.

    Raises:
        RuntimeError: there is no such device, here or at all.

    Example:
        >>> import io, nnlite
        >>> file = io.BytesIO()
        >>> nnlite.save(nnlite.arange(3), file)
        >>> restore = nnlite.serialization.default_restore_location
        >>> _ = file.seek(0)
        >>> nnlite.load(file, map_location=lambda storage, location: restore(storage, "cpu"))
        tensor([0, 1, 2])
    """
    try:
        return wrap(_restore(backend_of(storage._a).to_host(storage._a), location))
    except _Raised as raised:
        raise raised.error from None
