"""Sizes on which kernels and their callers agree. Nothing is imported here, so that callers need not load numba."""

from __future__ import annotations

ROWS = 480
"""Rows of a panel of the gradient of a convolution's kernels that are summed up at a time."""

DEPTH, COLUMNS = 256, 256
"""A block of the right matrix of a product: 256 kB."""

WORKSPACE = DEPTH * (COLUMNS + 16) + 16
"""Numbers of workspace for a product: the block's panels, some rows of a left matrix by columns, and up to a vector so
that they begin at a line of the cache."""
