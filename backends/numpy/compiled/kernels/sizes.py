"""Sizes on which kernels and their callers agree. Nothing is imported here, so that callers need not load numba."""

from __future__ import annotations

ROWS = 480
"""Rows of a panel of the gradient of a convolution's kernels that are summed up at a time."""
