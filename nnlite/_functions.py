"""The functions of the package: everything registered with ``@public``. ``_functions.pyi`` lists them for tools."""

from __future__ import annotations

from . import _queries as _queries
from . import creation as creation
from .ops import FUNCTIONS
from .ops._arguments import guard_all

_found = dict(FUNCTIONS)
guard_all(_found, "nnlite")
globals().update(_found)
__all__ = sorted(FUNCTIONS)
