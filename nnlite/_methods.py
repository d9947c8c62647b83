"""The methods that come from operations: everything registered with ``@public``. ``_methods.pyi`` lists them for
tools."""

from __future__ import annotations

from . import _queries as _queries
from . import creation as creation
from . import storage as storage
from .ops import METHODS
from .ops._arguments import LIGHT, guard_all


class TensorMethods:
    """``x.name(...)`` for each registered operation."""

    __slots__ = ()


_found = dict(METHODS)
guard_all(_found, "nnlite", besides=LIGHT)
for _name, _function in _found.items():
    setattr(TensorMethods, _name, _function)
