"""``OptimizedModule`` under the name of PyTorch's own file, which programs import it from."""

from __future__ import annotations

from . import OptimizedModule

__all__ = ["OptimizedModule"]
