"""Large convolutions on several threads: each takes some of the images through the generic body."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np

from ..kernels import GENERIC, kernel
from .kernels import OVERRIDES
from .namespace import xp
from .threads import count, share

LEAST = 1 << 24
"""Multiplications from which on a second thread pays."""


def _takes_convolution(
    x: Any, weight: Any, bias: Any, *, stride: Any, padding: Any, dilation: Any, groups: int
) -> bool:
    return x.shape[0] > 1 and x.size * weight.shape[0] * math.prod(weight.shape[2:]) // groups >= LEAST and count() > 1


def _takes_input(g: Any, weight: Any, *, sizes: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> bool:
    return g.shape[0] > 1 and g.size * math.prod(weight.shape[1:]) >= LEAST and count() > 1


def _takes_weight(x: Any, g: Any, *, kernel: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> bool:
    return x.shape[0] > 1 and g.size * x.shape[1] // groups * math.prod(kernel) >= LEAST and count() > 1


@kernel("convolution", table=OVERRIDES, when=_takes_convolution)
def convolution(x: Any, weight: Any, bias: Any, *, stride: Any, padding: Any, dilation: Any, groups: int) -> np.ndarray:
    """Two threads take 0.6 of the time of one."""
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return _joined("convolution", x, lambda part, body: body(xp, part, weight, bias, **geometry))


@kernel("convolution_input", table=OVERRIDES, when=_takes_input)
def convolution_input(
    g: Any, weight: Any, *, sizes: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> np.ndarray:
    """The same for the gradient of the input."""
    geometry = {"sizes": sizes, "stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return _joined("convolution_input", g, lambda part, body: body(xp, part, weight, **geometry))


def _joined(name: str, images: np.ndarray, run: Any) -> np.ndarray:
    """The results of parts of the images, one behind the other, each put there by its thread."""
    generic, lock, found = GENERIC[name], threading.Lock(), list[np.ndarray]()

    def body(start: int, stop: int) -> None:
        part = run(images[start:stop], generic)
        with lock:
            if not found:
                found.append(np.empty((len(images), *part.shape[1:]), part.dtype))
        found[0][start:stop] = part

    share(len(images), body)
    return found[0]


@kernel("convolution_weight", table=OVERRIDES, when=_takes_weight)
def convolution_weight(
    x: Any, g: Any, *, kernel: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> np.ndarray:
    """The sum of what each thread's images give; it is rounded as the number of threads says."""
    body: Any = GENERIC["convolution_weight"]
    geometry = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    parts, lock = dict[int, np.ndarray](), threading.Lock()

    def run(start: int, stop: int) -> None:
        part = body(xp, x[start:stop], g[start:stop], **geometry)
        with lock:
            parts[start] = part

    share(len(x), run)
    first, *others = (parts[start] for start in sorted(parts))
    for other in others:
        first += other
    return first
