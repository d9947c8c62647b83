"""Apple's GPUs: there is no backend for them."""

from __future__ import annotations

from ._absent import *  # noqa: F403
from ._absent import __all__ as __all__
from ._absent import missing as _missing

__getattr__ = _missing(__name__)
