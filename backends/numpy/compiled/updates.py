"""Updates of parameters by Adam and by gradient descent: one pass over flat arrays, in several threads."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...kernels import kernel
from ..first_use import load, worth
from ..kernels import OVERRIDES
from .team import share

_FLOAT32 = np.dtype(np.float32)

LEAST = 1 << 13
"""Elements from which on compiled kernels pay."""

GRAIN = 1 << 16
"""Elements that are worth a thread."""


def _fits(*arrays: Any) -> bool:
    return worth(arrays[0].size, LEAST) and all(
        a.dtype is _FLOAT32 and a.ndim == 1 and a.flags.c_contiguous for a in arrays
    )


def _takes_adam(
    p: Any,
    m: Any,
    v: Any,
    largest_v: Any,
    g: Any,
    *,
    t: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
) -> bool:
    return largest_v is None and _fits(p, m, v, g)


def _takes_sgd(
    p: Any,
    buffer: Any,
    g: Any,
    *,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
) -> bool:
    return _fits(p, g) if buffer is None else _fits(p, buffer, g)


def _single(*numbers: float) -> tuple[np.float32, ...]:
    return tuple(map(np.float32, numbers))


@kernel("adam_update", table=OVERRIDES, when=_takes_adam)
def adam_update(
    p: Any,
    m: Any,
    v: Any,
    largest_v: Any,
    g: Any,
    *,
    t: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
) -> None:
    """Five million parameters: 9 ms on one thread in place of 17."""
    scale = math.sqrt(1 - beta2**t)
    numbers = _single(
        -1 if maximize else 1,
        1 - lr * weight_decay if decoupled else 1,
        0 if decoupled else weight_decay,
        1 - beta1,
        beta2,
        1 - beta2,
        eps * scale,
        lr * scale / (1 - beta1**t),
    )
    run = load("updates").adam
    share(p.size, lambda start, stop: run(p, m, v, g, *numbers, start, stop), GRAIN)


@kernel("sgd_update", table=OVERRIDES, when=_takes_sgd)
def sgd_update(
    p: Any,
    buffer: Any,
    g: Any,
    *,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
) -> None:
    """Five million parameters with momentum: 5.5 ms on one thread in place of 8."""
    module, sign = load("updates"), -1 if maximize else 1
    if buffer is None:
        numbers = _single(sign, weight_decay, lr)
        share(p.size, lambda start, stop: module.descent(p, g, *numbers, start, stop), GRAIN)
        return
    ahead = (1, momentum) if nesterov else (0, 1)
    numbers = _single(sign, weight_decay, momentum, 1 - dampening, *ahead, lr)
    share(p.size, lambda start, stop: module.momentum(p, buffer, g, *numbers, start, stop), GRAIN)


def warm_up() -> None:
    """Compile the kernels of this file."""
    p = np.zeros(16, np.float32)
    module, one = load("updates"), np.float32(1)
    module.adam(p, p.copy(), p.copy(), p, *[one] * 8, 0, 16)
    module.momentum(p, p.copy(), p, *[one] * 7, 0, 16)
    module.descent(p, p, *[one] * 3, 0, 16)
