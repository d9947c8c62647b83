"""How long statements take: ``Timer``, ``Measurement``, ``Compare``."""

from __future__ import annotations

from .compare import Compare
from .timer import Measurement, Timer, timer

__all__ = ["Compare", "Measurement", "Timer", "timer"]
