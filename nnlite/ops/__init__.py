"""The differentiable operations, a folder for each family. A file is loaded when something of it is first used.

The files here that begin with an underscore hold what the families share: arguments, results, and the registry.
"""

from __future__ import annotations

from ._registry import FUNCTIONS, METHODS

__all__ = ["FUNCTIONS", "METHODS"]
