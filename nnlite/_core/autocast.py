"""What ``autocast`` has switched on in this thread, and the tensors that it has cast."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import Any

from . import dtypes
from .dtypes import dtype
from .grad_mode import mode
from .node import AccumulateGrad
from .operation import cast
from .tensor_base import TensorBase


def _lower() -> dtype:
    return dtypes.float16


class Autocast(threading.local):
    """The settings of one thread.

    Attributes:
        on: whether the functions of the table cast their operands: some device type is enabled, and no function of
            the table is running.
        enabled: device type -> whether autocast is enabled for it.
        dtypes: device type -> the lower precision.
        cache_enabled: whether the cast parameters are kept to the end of the outermost context.
        cache: a parameter's id -> the parameter, its version and what it was cast to, by dtype.
        nesting: how many contexts are open.
    """

    def __init__(self) -> None:
        self.on = False
        self.enabled: defaultdict[str, bool] = defaultdict(bool)
        self.dtypes: defaultdict[str, dtype] = defaultdict(_lower, cpu=dtypes.bfloat16)
        self.cache_enabled = True
        self.cache: dict[tuple[int, Any], tuple[Any, int, Any]] = {}
        self.nesting = 0

    def enable(self, device_type: str, enabled: bool) -> None:
        """Switch autocast on or off for a device type."""
        self.enabled[device_type] = enabled
        self.on = any(self.enabled.values())

    def converted(self, x: TensorBase, target: dtype) -> Any:
        """The tensor in another dtype, recorded; a parameter that becomes less precise once for each outermost
        context."""
        numpy_dtype = target.np
        if x._a.dtype == numpy_dtype:
            return x
        # Without recording, what would be kept would have no gradient where it is used again.
        is_parameter = type(x._node) is AccumulateGrad and x._view is None
        if not (self.cache_enabled and self.nesting and is_parameter and numpy_dtype.itemsize == 2 and mode.grad):
            return cast(x, numpy_dtype)
        key = (id(x), numpy_dtype)
        known = self.cache.get(key)
        if known is not None and known[0] is x and known[1] == x._vc[0]:
            return known[2]
        result = cast(x, numpy_dtype)
        self.cache[key] = (x, x._vc[0], result)
        return result


autocast = Autocast()
"""The calling thread's settings."""
