"""Modules whose attributes are settings: what is assigned to them is checked, and can be changed for a while."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

Precision = Literal["highest", "high", "medium"]


class Shared:
    """Settings that have several names."""

    matmul_precision: Precision = "highest"


shared = Shared()


class Settings(types.ModuleType):
    """A module with settings in ``_CHECKED``: name -> the type that a value has to have."""

    def __setattr__(self, name: str, value: Any) -> None:
        check(f"{self.__name__.rpartition('.')[2]}.{name}", value, self.__dict__["_CHECKED"].get(name))
        super().__setattr__(name, value)


def check(name: str, value: Any, kind: type | None) -> None:
    """Raise RuntimeError, as PyTorch does, where ``value`` is not of type ``kind``."""
    if kind is not None and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
        raise RuntimeError(f"torch.backends.{name} expects a {kind.__name__}, but got {type(value).__name__}")


def checked(module: str) -> None:
    """Check what is assigned to the settings of a module from now on."""
    sys.modules[module].__class__ = Settings


def set_all(module: str, **values: Any) -> tuple[Any, ...]:
    """Set several settings of a module, all or none; the result is what they were. None leaves one as it is."""
    space = sys.modules[module]
    for name, value in values.items():
        if value is not None:
            check(name, value, space.__dict__["_CHECKED"].get(name))
    before = tuple(getattr(space, name) for name in values)
    for name, value in values.items():
        if value is not None:
            setattr(space, name, value)
    return before


@contextmanager
def for_a_while(module: str, **values: Any) -> Iterator[None]:
    """The settings of a module inside a ``with`` statement."""
    before = set_all(module, **values)
    try:
        yield
    finally:
        set_all(module, **dict(zip(values, before, strict=True)))
