"""Device names to backends, and array classes to backends and kernel tables."""

from __future__ import annotations

import importlib
from typing import Any

from .base import Backend
from .kernels import KernelTable, Overrides

_BUILT_IN = {"cpu": "numpy", "cuda": "cupy", "strict": "strict"}
"""Device type -> the folder of this package that holds its backend; imported at first use."""

_backends: dict[str, Backend] = {}


def _entry_points(**selection: Any) -> Any:
    """The backends that other distributions offer."""
    from importlib.metadata import entry_points  # 45 ms, and seldom needed

    return entry_points(group="nnlite.backends", **selection)


class _Tables(dict[type, KernelTable]):
    def __missing__(self, array_type: type) -> KernelTable:
        raise TypeError(
            f"nnlite: {array_type.__module__}.{array_type.__qualname__} is not an array of a registered backend; "
            "make a tensor of it with nnlite.as_tensor(data)"
        )


tables: _Tables = _Tables()
"""Array class -> kernel table."""


def register_backend(backend: Backend, overrides: Overrides | None = None) -> Backend:
    """Add a backend, with the kernels it overrides or a function that loads them. Other distributions do this through
    the entry-point group ``nnlite.backends``: name = the device type, value = a function that makes the Backend and
    registers it."""
    if backend.name in _backends:
        raise ValueError(f"a backend for device type {backend.name!r} is registered already")
    _backends[backend.name] = backend
    tables[backend.array_type] = KernelTable(backend, overrides)
    return backend


def backend_for(device_type: str) -> Backend:
    """The backend of a device type.

    Raises:
        RuntimeError: no backend has this name.
        DeviceUnavailableError: the backend's array library is not installed.
    """
    backend = _backends.get(device_type)
    if backend is None:
        _load(device_type)
        backend = _backends[device_type]
    return backend


def _load(device_type: str) -> None:
    if device_type in _BUILT_IN:
        importlib.import_module(f"{__package__}.{_BUILT_IN[device_type]}").register()
        return
    for point in _entry_points(name=device_type):
        point.load()()
        if device_type in _backends:
            return
    raise RuntimeError(
        f"Expected one of {', '.join(known_device_types())} device type at start of device string: {device_type}"
    )


def known_device_types() -> list[str]:
    """All device types that can be named, loaded or not."""
    return sorted({*_BUILT_IN, *_backends, *(point.name for point in _entry_points())})


def loaded_backends() -> list[Backend]:
    """The backends in use so far."""
    return list(_backends.values())


def backend_of(array: Any) -> Backend:
    """The backend that handles ``array``."""
    return tables[type(array)].backend_


def table_for(array: Any) -> KernelTable:
    """The kernel table for ``array``."""
    return tables[type(array)]
