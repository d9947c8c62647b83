"""Recurrent layers: one operation for all steps of one direction of one layer.

The products of the inputs of all steps are one matrix product; then each step is one product with the state and a few
array expressions. Sequences of unequal lengths (packed) take the same path: see ``_steps.py``.
"""

from __future__ import annotations

from . import cells as cells
from .layers import SCANS as SCANS
from .layers import layers as layers
from .layers import zero_states as zero_states
