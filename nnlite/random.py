"""The random numbers of all devices: their seed and their state.

One generator a device, all of them Philox 4x64-10; the same seed gives the same numbers on every device.
"""

from __future__ import annotations

from ._core.rng import (
    Generator,
    fork_rng,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from ._core.rng import (
    cpu_generator as default_generator,
)

__all__ = [
    "Generator",
    "default_generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]
