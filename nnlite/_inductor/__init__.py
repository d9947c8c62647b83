"""PyTorch's compiler, of which only the settings are here; nothing is compiled (see ``nnlite.compiler``)."""

from __future__ import annotations

from . import config

__all__ = ["config"]
