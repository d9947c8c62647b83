"""The device of arrays that hold another array: that of the array held."""

from __future__ import annotations

from typing import Any

from ..backends.base import Backend


class HoldingBackend(Backend):
    """What a class of arrays with an array ``raw`` asks of a device, asked of ``inner``, the backend of ``raw``."""

    def __init__(self, cls: type, inner: Backend, xp: Any) -> None:
        self.name = inner.name
        self.array_type = cls
        self.inner = inner
        self.xp = xp
        self.has_indices = inner.has_indices
        self.checks_indices = inner.checks_indices

    def index_of(self, array: Any) -> int | None:
        return self.inner.index_of(array.raw)

    def current_index(self) -> int | None:
        return self.inner.current_index()

    def use(self, index: int | None) -> Any:
        return self.inner.use(index)

    def from_host(self, array: Any, index: int | None = None) -> Any:
        return self.inner.from_host(array, index)

    def synchronize(self, index: int | None = None) -> None:
        self.inner.synchronize(index)
