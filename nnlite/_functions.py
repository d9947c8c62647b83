"""The functions of the package: everything registered with ``@public``. ``_functions.pyi`` lists them for tools."""

from __future__ import annotations

from . import _queries as _queries, creation as creation
from .ops import FUNCTIONS

globals().update(FUNCTIONS)
__all__ = sorted(FUNCTIONS)
