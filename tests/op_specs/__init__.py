"""One spec for each operation; ``tests/ops/test_specs.py`` runs them all through the same checks.

Each module of this folder with a list ``SPECS`` is a family.
"""

from __future__ import annotations

import importlib
import pkgutil

from nnlite._lazy import load_all

from .base import OpSpec

load_all()  # the tests go through the tables of operations

SPECS: list[OpSpec] = [
    spec
    for family in pkgutil.iter_modules(__path__, __name__ + ".")
    for spec in getattr(importlib.import_module(family.name), "SPECS", [])
]

NO_SPEC: dict[str, str] = dict.fromkeys(
    ("vmap_enter", "vmap_exit", "vmap_first", "vmap_lift", "vmap_shared", "vmap_spread", "vmap_total"),
    "into a vmap and out of it; tests/autograd/test_vmap.py",
)
"""Operations without a spec, each with the reason."""
