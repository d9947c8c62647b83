"""One spec for each operation; ``tests/ops/test_specs.py`` runs them all through the same checks."""

from __future__ import annotations

from . import elementwise, images, indexing, losses, products, reductions, shapes
from .base import OpSpec

SPECS: list[OpSpec] = [
    spec for family in (elementwise, reductions, shapes, indexing, products, losses, images) for spec in family.SPECS
]

NO_SPEC: dict[str, str] = {}
"""Operations without a spec, each with the reason."""
