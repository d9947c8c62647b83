"""Automatic mixed precision: products in float16 or bfloat16, what needs the range in float32.

``autocast`` chooses the dtype of each operation by the table in ``_lists.py``; ``GradScaler`` keeps small float16
gradients from becoming zero.
"""

from __future__ import annotations

from .autocast_mode import autocast, custom_bwd, custom_fwd, is_autocast_available
from .grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]
