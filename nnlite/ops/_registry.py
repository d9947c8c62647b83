"""The two tables of what users call; ``@public`` (``_public.py``) fills them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _index
from .._lazy import Registry

FUNCTIONS: Registry[Callable[..., Any]] = Registry(_index.FUNCTIONS)
"""Functions of ``nnlite``."""

METHODS: Registry[Callable[..., Any]] = Registry(_index.METHODS)
"""Methods of ``Tensor``."""
