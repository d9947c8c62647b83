"""Warnings about behaviour of PyTorch before 0.2, which nothing here gives."""

from __future__ import annotations


class _Warning:
    """A switch that programs set; there is nothing to warn of."""

    enabled = False


broadcast_warning = _Warning()
keepdim_warning = _Warning()
