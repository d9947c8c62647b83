"""The CUDA kernels: functions that take ``gpu`` where a generic body takes ``xp``, by operation.

A wrapper knows shapes and launches; ``gpu`` (`launch.Gpu`) makes arrays and starts kernels, on a GPU or emulated. So
the wrappers import nothing of CUDA, and the strict device can run them with the kernels compiled for the CPU.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

from ..kernels import Override

OVERRIDES: dict[str, Override] = {}
"""Filled by the modules of `FAMILIES` with ``@kernel(name, table=OVERRIDES, when=...)``."""

FAMILIES = (
    "softmax",
    "normalization",
    "cross_entropy",
    "activations",
    "reductions",
    "pooling",
    "image",
    "convolution",
    "indexing",
    "embedding",
    "updates",
    "gradients",
    "random",
    "dropout",
    "recurrent",
    "cudnn",
)
"""The modules of this package that hold wrappers; most have a source of the same name in ``kernels/``.
The last one is above all others."""


def equip(backend: Any, gpu: Any) -> dict[str, Override]:
    """The kernels of all families, bound to what starts them. What the backend and its namespace do at indices goes by
    kernels from now on, too."""
    from .checks import Record
    from .indexing import Scatter

    backend.record = Record(gpu, backend)
    backend.scatter = scatter = Scatter(gpu, gpu.xp.scatter_add)
    gpu.xp.scatter_add, gpu.xp.set_at = scatter.scatter_add, scatter.set_at
    return bound(gpu)


def bound(gpu: Any) -> dict[str, Override]:
    """The kernels of all families, bound to what starts them."""
    for family in FAMILIES:
        importlib.import_module(f"{__package__}.{family}")
    return {name: _bound(override, gpu) for name, override in OVERRIDES.items()}


def _bound(override: Override, gpu: Any) -> Override:
    beneath = None if override.beneath is None else _bound(override.beneath, gpu)
    return Override(functools.partial(override.function, gpu), override.when, beneath)
