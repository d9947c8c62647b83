"""A setting of deterministic algorithms."""

from __future__ import annotations

fill_uninitialized_memory = True
"""Kept for programs that set it; ``empty`` does not fill its memory."""
