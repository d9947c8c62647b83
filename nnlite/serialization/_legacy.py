"""Reading the format from before PyTorch 1.6, which ``torch.save(_use_new_zipfile_serialization=False)`` still writes.

Five pickles follow each other: a magic number, the version 1001, facts about the machine, the object, and the keys of
its storages. Then the storages come, in the order of the keys: the number of elements as 8 bytes, and the elements,
little-endian. So the object is built before its numbers are read: tensors are views of arrays that are filled last.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from .._core.device import device_of
from .._core.dtypes import dtype
from ..backends import backend_of
from ._tensors import LoadedStorage, Place, StorageClass, elements_of

MAGIC = b"\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
"""How such a file begins: the pickle of a magic number, without its end."""

_VERSION = 1001

OneLoad = Callable[[int], tuple[Any, int]]
"""Takes where a pickle begins; returns its object and where it ends."""


def _damaged(what: str) -> RuntimeError:
    return RuntimeError(f"load: the checkpoint is damaged or cut off: {what}. Fetch or write the file again.")


class LegacyStorages:
    """Turns persistent ids into storages of zeros, which ``fill`` gives their elements."""

    def __init__(self, size: int, place: Place) -> None:
        self._place = place
        self._room = self._budget = size
        self._placed: dict[str, tuple[dtype, np.ndarray, Any]] = {}

    def __call__(self, identity: Any) -> Any:
        """The storage of a persistent id, or the class of one that also keeps its source text."""
        match identity:
            case ("storage", StorageClass() as kind, str(key), str(location), int(numel), None) if numel >= 0:
                if kind.dtype is None:
                    raise pickle.UnpicklingError("a storage without a dtype")
                self._make(key, location, kind.dtype, numel)
                return LoadedStorage(self, key, location, numel, kind.dtype)
            case ("storage", StorageClass(), str(), str(), int(), _):
                raise pickle.UnpicklingError("a storage that is part of another one, as PyTorch 0.3 wrote it")
            case ("module", cls, _, _):
                return cls
        raise pickle.UnpicklingError(f"Only persistent_load of storage is allowed, but got {identity!r:.100}")

    def _make(self, key: str, location: str, kind: dtype, numel: int) -> None:
        if key in self._placed:
            known, host, _ = self._placed[key]
            if known is not kind or len(host) != numel:
                raise pickle.UnpicklingError(f"the storage {key} is used in two ways")
            return
        self._room -= numel * kind.itemsize
        if self._room < 0:
            raise _damaged(f"the storage {key} goes beyond the end of the file")
        host = np.zeros(numel, kind.np)
        self._placed[key] = kind, host, self._place(host, location)

    def elements(self, key: str, location: str, kind: dtype, nbytes: int) -> Any:
        """The storage ``key`` as a one-dimensional array on its device."""
        found, _, array = self._placed[key]
        if found is not kind:
            raise pickle.UnpicklingError(f"the storage {key} is used both as {found} and as {kind}")
        return array

    def charge(self, nbytes: int) -> None:
        """Account for memory beyond the storages, which may not be more than the file is long."""
        self._budget -= nbytes
        if self._budget < 0:
            raise pickle.UnpicklingError("the tensors of the checkpoint take more memory than the file has bytes")

    def require_values(self) -> None:
        """Refuse the tensors whose values would be computed before they are read."""
        raise pickle.UnpicklingError(
            "a conjugate or negative view, which the format from before PyTorch 1.6 cannot hold for nnlite; save "
            "x.resolve_conj().resolve_neg()"
        )

    def fill(self, data: bytes, at: int, keys: Any) -> None:
        """Read the elements of all storages from ``data[at:]``."""
        if not isinstance(keys, list) or sorted(map(str, keys)) != sorted(self._placed):
            raise _damaged("its list of storages is not the list of those that its tensors lie in")
        for key in keys:
            kind, host, array = self._placed[key]
            start = at + 8
            at = start + host.nbytes
            if at > len(data):
                raise _damaged(f"the storage {key} goes beyond the end of the file")
            (numel,) = struct.unpack_from("<q", data, start - 8)
            if numel != len(host):
                raise _damaged(f"the storage {key} has {numel} elements, the pickle says {len(host)}")
            host[...] = _elements(data, start, kind, numel)
            if array is not host:
                array[...] = backend_of(array).from_host(host, device_of(array).index or 0)


def _elements(data: bytes, start: int, kind: dtype, numel: int) -> np.ndarray:
    raw = np.frombuffer(data, np.uint8, numel * kind.itemsize, start)
    if np.little_endian:
        return elements_of(raw, kind)
    part = kind.itemsize // (2 if kind.is_complex else 1)
    return raw.view(f"u{part}").byteswap().view(kind.np)


def read_legacy(data: bytes, storages: LegacyStorages, load_one: OneLoad) -> Any:
    """The object in ``data``, with its storages filled.

    Raises:
        RuntimeError: the file is cut off or damaged.
        pickle.UnpicklingError: as ``load_one`` does.
    """
    _, at = load_one(0)
    version, at = load_one(at)
    if version != _VERSION:
        raise _damaged(f"its version is {version!r:.50}, not {_VERSION}")
    _, at = load_one(at)
    obj, at = load_one(at)
    keys, at = load_one(at)
    storages.fill(data, at, keys)
    return obj
