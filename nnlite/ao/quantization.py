"""Names of quantised models, which are not offered."""

from __future__ import annotations

from ..quantization import _refusing

__getattr__ = _refusing(__name__)
