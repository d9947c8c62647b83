"""Switches of recording under the name of PyTorch's own file."""

from __future__ import annotations

from .._core.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = ["enable_grad", "inference_mode", "no_grad", "set_grad_enabled"]
