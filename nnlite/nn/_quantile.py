"""The quantile function of the normal distribution, on raw arrays of any backend."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops.special.error_functions import normal_quantile as _quantile


def normal_quantile(xp: Any, p: Any) -> Any:
    """The values below which a standard normal variable lies with the probabilities ``p``, in the dtype of ``p``.

    Probabilities below the smallest normal number of the dtype count as that number, so the result is finite.
    """
    return _quantile(xp, p - 0.5, xp.maximum(xp.minimum(p, 1 - p), float(np.finfo(p.dtype).tiny)))
