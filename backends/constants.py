"""Small tables that follow from shapes, such as the places of windows: copied to a device once, not at each use.

A copy costs the host more than a kernel, and cannot be captured in a graph.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

_MOST = 512
_LARGE = 1 << 16
"""Bytes from which on a table is not kept."""


def constant(xp: Any, host: np.ndarray) -> Any:
    """A NumPy array as an array of the device, which nobody may write to. A namespace that keeps such arrays has a
    ``constant`` of its own (`Constants`)."""
    own = getattr(type(xp), "constant", None)
    return xp.asarray(host) if own is None else own(host)


class Constants:
    """The tables that one device type was given last.

    Args:
        upload: makes an array of a NumPy array on the current device.
        device: the number of the current device.
    """

    def __init__(self, upload: Callable[[np.ndarray], Any], device: Callable[[], int] = lambda: 0) -> None:
        self._upload, self._device = upload, device
        self._kept: OrderedDict[Any, Any] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, host: np.ndarray) -> Any:
        if host.nbytes > _LARGE:
            return self._upload(host)
        key = (self._device(), host.shape, host.dtype, host.tobytes())
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        made = self._upload(host)
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return made
