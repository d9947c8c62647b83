"""Warnings that name the user's line, however many functions of the package are between."""

from __future__ import annotations

import sys
import warnings

from .node import PACKAGE


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the nearest line outside of the package."""
    level = 1
    frame = sys._getframe(1)
    while frame.f_code.co_filename.startswith(PACKAGE) and frame.f_back is not None:
        frame = frame.f_back
        level += 1
    warnings.warn(message, category, stacklevel=level + 1)
