"""The methods that come from operations: everything registered with ``@public``. ``_methods.pyi`` lists them for
tools."""

from __future__ import annotations

from . import _queries as _queries, creation as creation, storage as storage
from .ops import METHODS


class TensorMethods:
    """``x.name(...)`` for each registered operation."""

    __slots__ = ()


for _name, _function in METHODS.items():
    setattr(TensorMethods, _name, _function)
