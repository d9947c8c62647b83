"""Device objects."""

from __future__ import annotations

import re
import threading
from typing import Any

from ..backends import backend_for, backend_of
from ..backends.base import Backend, DeviceUnavailableError
from ..backends.registry import known_device_types

_PATTERN = re.compile(r"([a-z_]\w*)(?::(0|[1-9]\d*))?\Z")


class device:
    """Where a tensor's data is: a type (``cpu``, ``cuda``, ``strict``) and, for types with several devices, an index.

    ``device("cuda:1")``, ``device("cuda", 1)`` and ``device(1)`` are the same. As a context it is where factories such
    as ``zeros`` make tensors.

    Raises:
        RuntimeError: no backend has this name, or the string is not ``type`` or ``type:index``.

    Example:
        >>> import nnlite
        >>> nnlite.device("cuda:1")
        device(type='cuda', index=1)
    """

    __slots__ = ("_outer", "index", "type")

    type: str
    index: int | None

    def __init__(self, device: Any = None, index: int | None = None, *, type: Any = None) -> None:
        device = type if device is None else device
        kind: str
        number: int | None
        if isinstance(device, int) and not isinstance(device, bool):
            kind, number = "cuda", device
        elif isinstance(device, str):
            kind, number = _parse(device)
            if index is not None:
                if number is not None:
                    raise RuntimeError(f"type (string) must not include an index because index was passed: {device}")
                number = index
        elif isinstance(device, _Device):
            kind, number = device.type, device.index
        else:
            raise TypeError(f"device(): argument 'type' must be str, not {device.__class__.__name__}")
        if number is not None and number < 0:
            raise RuntimeError(f"Device index must not be negative, got {number}")
        self.type = kind
        self.index = number

    def __repr__(self) -> str:
        return (
            f"device(type='{self.type}')" if self.index is None else f"device(type='{self.type}', index={self.index})"
        )

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Device) and self.type == other.type and self.index == other.index

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self) -> tuple[Any, ...]:
        return _Device, (str(self),)

    def __enter__(self) -> device:
        outer = getattr(_default, "stack", ())
        _default.stack = (*outer, self)
        return self

    def __exit__(self, *exc: Any) -> None:
        _default.stack = _default.stack[:-1]


_Device = device
_default = threading.local()


def _parse(text: str) -> tuple[str, int | None]:
    match = _PATTERN.match(text)
    if match is None:
        raise RuntimeError(f"Invalid device string: '{text}'. Expected a form such as 'cpu', 'cuda' or 'cuda:1'.")
    kind, number = match.group(1), match.group(2)
    known = known_device_types() if kind not in ("cpu", "cuda", "strict") else (kind,)
    if kind not in known:
        raise RuntimeError(f"Expected one of {', '.join(known)} device type at start of device string: {kind}")
    return kind, None if number is None else int(number)


def as_device(value: Any) -> device:
    """A device object from whatever names one; None is the default device."""
    if value is None:
        stack = getattr(_default, "stack", ())
        return stack[-1] if stack else CPU
    return value if isinstance(value, device) else device(value)


def get_default_device() -> device:
    """The device on which factories make tensors."""
    return as_device(None)


def set_default_device(value: str | int | device | None) -> None:
    """Make factories (``zeros``, ``tensor``, ...) of this thread use ``value``; None goes back to the CPU.

    Example:
        >>> import nnlite
        >>> nnlite.set_default_device("strict")
        >>> nnlite.zeros(2).device
        device(type='strict')
        >>> nnlite.set_default_device(None)
    """
    _default.stack = () if value is None else (as_device(value),)


def available(value: Any) -> tuple[Backend, int | None]:
    """The backend and the device index for ``value``.

    Raises:
        DeviceUnavailableError: the machine has no such device; the message says what is missing.
    """
    where = as_device(value)
    backend = backend_for(where.type)
    if where.type == "cpu":
        return backend, None
    reason = backend.unavailable_reason()
    if reason is not None:
        raise DeviceUnavailableError(reason)
    if not backend.has_indices:
        if where.index:
            raise RuntimeError(f"{where.type} has one device, got index {where.index}; use '{where.type}'")
        return backend, None
    count = backend.device_count()
    index = backend.current_index() if where.index is None else where.index
    if index is not None and index >= count:
        raise DeviceUnavailableError(
            f"device '{where}' does not exist: this machine has {count} {where.type} device{'s' if count != 1 else ''}"
            + (f" ({where.type}:0 to {where.type}:{count - 1})" if count > 1 else "")
        )
    return backend, index


def device_of(array: Any) -> device:
    """The device that holds a raw array."""
    backend = backend_of(array)
    if backend.name == "cpu":
        return CPU
    return _made(backend.name, backend.index_of(array))


def _made(kind: str, index: int | None) -> device:
    found = _cache.get((kind, index))
    if found is None:
        found = device(kind) if index is None else device(kind, index)
        _cache[kind, index] = found
    return found


CPU = device("cpu")
_cache: dict[tuple[str, int | None], device] = {}
